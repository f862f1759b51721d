//! The transactional outbox: a message is a row, written in the transaction that decided to send
//! it, and sent afterwards. So a message leaves if and only if its transaction was committed, even
//! if the process dies in between; it may then leave twice, which the receiver's inbox absorbs.

use std::{future::ready, sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use prost::Message;
use rusqlite::{Row, params};
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, warn};

use super::{BusClient, topics::ORDER_REPLIES};
use crate::{
    clock,
    database::{Database, DatabaseError, Statements},
    proto::{BusMessage, StepReply},
    telemetry::{continued_span, propagation},
};

/// Rows sent between two looks at the table.
const ROWS_PER_ROUND: i64 = 64;
/// Sagas do not wait for each other; within one of them only one command is ever under way, so that
/// no order is lost by this.
const SENDS_AT_ONCE: usize = 16;
/// How soon rows are found that nobody rang the bell for: those of the process before this one.
const SCAN_INTERVAL: Duration = Duration::from_secs(1);

/// The outbox's part of a service's own schema.
pub(crate) const OUTBOX_SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS outbox (
    sequence INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL,
    kind TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    traceparent TEXT NOT NULL,
    body BLOB NOT NULL
);";

/// A message that is still being written.
#[derive(Debug)]
pub(crate) struct Draft {
    topic: &'static str,
    kind: &'static str,
    conversation_id: String,
    body: Vec<u8>,
}

impl Draft {
    pub(crate) fn new(
        topic: &'static str,
        kind: &'static str,
        conversation_id: &str,
        body: &impl Message,
    ) -> Self {
        let body = body.encode_to_vec();
        Self {
            topic,
            kind,
            conversation_id: conversation_id.to_owned(),
            body,
        }
    }

    /// The answer to a command of the order saga: refused if there is a reason to.
    pub(crate) fn reply(order_id: &str, step: &str, reason: String) -> Self {
        let reply = StepReply {
            order_id: order_id.to_owned(),
            step: step.to_owned(),
            succeeded: reason.is_empty(),
            reason,
        };
        Self::new(ORDER_REPLIES, "step.reply", order_id, &reply)
    }

    /// Writes the message down, to be sent below the current span once the transaction is committed.
    pub(crate) fn put(self, tx: &Statements<'_>) -> Result<(), DatabaseError> {
        let id = format!("msg-{:016x}", rand::random::<u64>());
        let traceparent = propagation::traceparent_of(&Span::current());
        tx.execute(
            "INSERT INTO outbox (message_id, topic, kind, conversation_id, traceparent, body) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                id,
                self.topic,
                self.kind,
                self.conversation_id,
                traceparent,
                self.body
            ],
        )?;
        Ok(())
    }
}

struct Pending {
    sequence: i64,
    traceparent: String,
    message: BusMessage,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Pending> {
    Ok(Pending {
        sequence: row.get(0)?,
        traceparent: row.get(1)?,
        message: BusMessage {
            id: row.get(2)?,
            topic: row.get(3)?,
            kind: row.get(4)?,
            conversation_id: row.get(5)?,
            body: row.get(6)?,
            ..BusMessage::default()
        },
    })
}

/// Sends what is in the table, oldest first, several at once.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    database: Database,
    bus: BusClient,
    bell: Arc<Notify>,
}

impl Outbox {
    pub(crate) fn new(database: Database, bus: BusClient) -> Self {
        Self {
            database,
            bus,
            bell: Arc::new(Notify::new()),
        }
    }

    /// Says that a transaction with drafts was committed.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Runs until `shutdown`; what is left in the table then is sent by the next process.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        loop {
            if let Err(error) = self.send_all().await {
                warn!(%error, "The outbox could not be emptied, trying again in a second");
                tokio::select! {
                    () = sleep(SCAN_INTERVAL) => {}
                    () = shutdown.cancelled() => return,
                }
            }
            tokio::select! {
                () = self.bell.notified() => {}
                () = sleep(SCAN_INTERVAL) => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    async fn send_all(&self) -> Result<(), OutboxError> {
        loop {
            let rows = self.database.untraced(|tx| {
                tx.query(
                    "SELECT sequence, traceparent, message_id, topic, kind, conversation_id, body \
                     FROM outbox ORDER BY sequence LIMIT ?1",
                    [ROWS_PER_ROUND],
                    read,
                )
            });
            let rows = rows.await?;
            if rows.is_empty() {
                return Ok(());
            }
            let failures: Vec<OutboxError> = stream::iter(rows)
                .map(|row| self.send(row))
                .buffer_unordered(SENDS_AT_ONCE)
                .filter_map(|sent| ready(sent.err()))
                .collect()
                .await;
            if let Some(failure) = failures.into_iter().next() {
                return Err(failure);
            }
        }
    }

    async fn send(&self, row: Pending) -> Result<(), OutboxError> {
        let created_in = propagation::context_from_traceparent(&row.traceparent);
        let span = continued_span(
            "producer",
            &format!("send {}", row.message.topic),
            created_in,
        );
        let message = BusMessage {
            published_at_unix_ms: clock::unix_ms(),
            ..row.message
        };
        if let Err(status) = self.bus.publish(message, span.clone()).await {
            async { warn!(error = %status, "The bus did not take a message") }
                .instrument(span)
                .await;
            return Err(OutboxError::Bus(status));
        }
        let sequence = row.sequence;
        self.database
            .untraced(move |tx| tx.execute("DELETE FROM outbox WHERE sequence = ?1", [sequence]))
            .await?;
        Ok(())
    }
}

/// Why a round of sending ended early.
#[derive(Debug, thiserror::Error)]
enum OutboxError {
    #[error("the bus refused: {0}")]
    Bus(tonic::Status),
    #[error("the table could not be read")]
    Database(#[from] DatabaseError),
}
