//! What the broker keeps and when it delivers it, with the time passed in. A message is one row; for
//! every group of its topic there is a delivery row, which goes away when the group acknowledges it.

use std::collections::HashMap;

use rusqlite::{Row, Transaction, params};

use crate::{
    database::{DatabaseError, Statements},
    proto::{BusMessage, Delivery, Settlement},
};

/// How long a group may take to settle a delivery before it is delivered again.
pub(super) const LEASE_MS: i64 = 10_000;
/// A message given back is delivered again after this long, times its delivery count.
pub(super) const REDELIVERY_DELAY_MS: i64 = 500;
/// Deliveries after which a message is a dead letter for its group.
pub(super) const DELIVERIES_MAX: u32 = 5;
/// Dead letters that are kept; the oldest go first.
const DEAD_LETTERS_MAX: i64 = 1_000;

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS subscriptions (
    topic TEXT NOT NULL,
    group_name TEXT NOT NULL,
    PRIMARY KEY (topic, group_name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    published_at_unix_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
    group_name TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    visible_at_unix_ms INTEGER NOT NULL,
    delivery_count INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (group_name, sequence)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_name TEXT NOT NULL,
    message_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    kind TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    delivery_count INTEGER NOT NULL,
    reason TEXT NOT NULL,
    died_at_unix_ms INTEGER NOT NULL
);";

/// Declares which groups receive which topics.
pub(super) fn subscribe(
    transaction: &Transaction<'_>,
    topology: &[(&str, &[&str])],
) -> rusqlite::Result<()> {
    for (topic, groups) in topology {
        for group in *groups {
            transaction.execute(
                "INSERT OR IGNORE INTO subscriptions (topic, group_name) VALUES (?1, ?2)",
                [topic, group],
            )?;
        }
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Published {
    Kept {
        groups: usize,
    },
    /// A message with this id is still kept.
    Duplicate,
    UnknownTopic,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct DeadLetter {
    pub(super) group: String,
    pub(super) message_id: String,
    pub(super) topic: String,
    pub(super) delivery_count: u32,
    pub(super) reason: String,
}

#[derive(Debug, Default)]
pub(super) struct Leased {
    pub(super) deliveries: Vec<Delivery>,
    /// Messages whose last lease ran out.
    pub(super) dead: Vec<DeadLetter>,
}

/// Keeps the message for every group of its topic.
pub(super) fn publish(
    tx: &Statements<'_>,
    message: &BusMessage,
    now_ms: i64,
) -> Result<Published, DatabaseError> {
    let headers = serde_json::to_string(&message.headers).map_err(to_sql_error)?;
    let inserted = tx.query_optional(
        "INSERT OR IGNORE INTO messages \
         (id, topic, conversation_id, kind, headers, body, published_at_unix_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING sequence",
        params![
            message.id,
            message.topic,
            message.conversation_id,
            message.kind,
            headers,
            message.body,
            message.published_at_unix_ms
        ],
        |row| row.get::<_, i64>(0),
    )?;
    let Some(sequence) = inserted else {
        return Ok(Published::Duplicate);
    };
    let groups = tx.execute(
        "INSERT INTO deliveries (group_name, sequence, visible_at_unix_ms) \
         SELECT group_name, ?2, ?3 FROM subscriptions WHERE topic = ?1",
        params![message.topic, sequence, now_ms],
    )?;
    if groups == 0 {
        tx.execute("DELETE FROM messages WHERE sequence = ?1", [sequence])?;
        return Ok(Published::UnknownTopic);
    }
    Ok(Published::Kept { groups })
}

/// Takes up to `max` visible messages of the group, oldest first, and hides them for [`LEASE_MS`].
pub(super) fn lease(
    tx: &Statements<'_>,
    group: &str,
    max: u32,
    now_ms: i64,
) -> Result<Leased, DatabaseError> {
    let visible = tx.query(
        "SELECT sequence, delivery_count, id, topic, conversation_id, kind, headers, body, \
         published_at_unix_ms FROM deliveries JOIN messages USING (sequence) \
         WHERE group_name = ?1 AND visible_at_unix_ms <= ?2 ORDER BY sequence LIMIT ?3",
        params![group, now_ms, max],
        read_delivery,
    )?;
    let mut leased = Leased::default();
    for mut delivery in visible {
        if delivery.delivery_count >= DELIVERIES_MAX {
            let reason = "the last lease ran out";
            leased
                .dead
                .extend(bury(tx, group, delivery.sequence, reason, now_ms)?);
            continue;
        }
        delivery.delivery_count += 1;
        tx.execute(
            "UPDATE deliveries SET delivery_count = ?3, visible_at_unix_ms = ?4 \
             WHERE group_name = ?1 AND sequence = ?2",
            params![
                group,
                delivery.sequence,
                delivery.delivery_count,
                now_ms + LEASE_MS
            ],
        )?;
        leased.deliveries.push(delivery);
    }
    Ok(leased)
}

/// Ends one delivery. Answers the dead letter if it was the message's last chance; does nothing if
/// the lease has run out and the message has been delivered anew since.
pub(super) fn settle(
    tx: &Statements<'_>,
    group: &str,
    settlement: &Settlement,
    now_ms: i64,
) -> Result<Option<DeadLetter>, DatabaseError> {
    let Settlement {
        sequence,
        delivery_count,
        acknowledged,
        reason,
    } = settlement;
    let current = tx.query_optional(
        "SELECT delivery_count FROM deliveries WHERE group_name = ?1 AND sequence = ?2",
        params![group, sequence],
        |row| row.get::<_, u32>(0),
    )?;
    if current != Some(*delivery_count) {
        return Ok(None);
    }
    if *acknowledged {
        remove(tx, group, *sequence)?;
        return Ok(None);
    }
    if *delivery_count >= DELIVERIES_MAX {
        return bury(tx, group, *sequence, reason, now_ms);
    }
    tx.execute(
        "UPDATE deliveries SET visible_at_unix_ms = ?3 WHERE group_name = ?1 AND sequence = ?2",
        params![
            group,
            sequence,
            now_ms + REDELIVERY_DELAY_MS * i64::from(*delivery_count)
        ],
    )?;
    Ok(None)
}

fn bury(
    tx: &Statements<'_>,
    group: &str,
    sequence: i64,
    reason: &str,
    now_ms: i64,
) -> Result<Option<DeadLetter>, DatabaseError> {
    let buried = tx.query_optional(
        "INSERT INTO dead_letters (group_name, message_id, topic, kind, headers, body, \
         delivery_count, reason, died_at_unix_ms) \
         SELECT group_name, id, topic, kind, headers, body, delivery_count, ?3, ?4 \
         FROM deliveries JOIN messages USING (sequence) WHERE group_name = ?1 AND sequence = ?2 \
         RETURNING group_name, message_id, topic, delivery_count, reason",
        params![group, sequence, reason, now_ms],
        |row| {
            Ok(DeadLetter {
                group: row.get(0)?,
                message_id: row.get(1)?,
                topic: row.get(2)?,
                delivery_count: row.get(3)?,
                reason: row.get(4)?,
            })
        },
    )?;
    tx.execute(
        "DELETE FROM dead_letters WHERE id <= (SELECT max(id) FROM dead_letters) - ?1",
        [DEAD_LETTERS_MAX],
    )?;
    remove(tx, group, sequence)?;
    Ok(buried)
}

fn remove(tx: &Statements<'_>, group: &str, sequence: i64) -> Result<(), DatabaseError> {
    tx.execute(
        "DELETE FROM deliveries WHERE group_name = ?1 AND sequence = ?2",
        params![group, sequence],
    )?;
    tx.execute(
        "DELETE FROM messages WHERE sequence = ?1 \
         AND NOT EXISTS (SELECT 1 FROM deliveries WHERE sequence = ?1)",
        [sequence],
    )?;
    Ok(())
}

fn read_delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let headers: String = row.get(6)?;
    let headers: HashMap<String, String> = serde_json::from_str(&headers).map_err(to_sql_error)?;
    Ok(Delivery {
        sequence: row.get(0)?,
        delivery_count: row.get(1)?,
        message: Some(BusMessage {
            id: row.get(2)?,
            topic: row.get(3)?,
            conversation_id: row.get(4)?,
            kind: row.get(5)?,
            headers,
            body: row.get(7)?,
            published_at_unix_ms: row.get(8)?,
        }),
    })
}

fn to_sql_error(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

#[cfg(test)]
mod tests;
