//! The tables of the order service.

use rusqlite::{Row, Transaction, params};

use super::saga::{Saga, State, Step};
use crate::{
    database::{DatabaseError, Statements},
    proto::{CartLine, CommandLine},
};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS customers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    city TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    card_token TEXT NOT NULL,
    total_cents INTEGER NOT NULL,
    placed_at_unix_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS order_lines (
    order_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    price_cents INTEGER NOT NULL,
    PRIMARY KEY (order_id, sku)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sagas (
    order_id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    -- The step whose answer is awaited, and until when; NULL at the end.
    step TEXT,
    attempt INTEGER NOT NULL,
    deadline_unix_ms INTEGER,
    reason TEXT NOT NULL,
    -- Where the saga hangs in its trace, so that another process can go on in the same one.
    traceparent TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sagas_by_deadline ON sagas (deadline_unix_ms)
    WHERE deadline_unix_ms IS NOT NULL;
CREATE TABLE IF NOT EXISTS saga_steps (
    order_id TEXT NOT NULL,
    step TEXT NOT NULL,
    traceparent TEXT NOT NULL,
    PRIMARY KEY (order_id, step)
) WITHOUT ROWID;";

const FIRST_NAMES: [&str; 10] = [
    "Ada", "Ben", "Chidi", "Dora", "Emil", "Fatou", "Greta", "Hiro", "Ines", "Jonas",
];
const LAST_NAMES: [&str; 10] = [
    "Abara", "Berger", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad", "Ito", "Jansen",
];
const CITIES: [&str; 7] = [
    "Bergen", "Cardiff", "Dresden", "Evora", "Freiburg", "Ghent", "Hobart",
];

/// A hundred customers, customer-001 to customer-100.
pub(super) fn seed(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut insert = transaction
        .prepare("INSERT INTO customers (id, name, email, city) VALUES (?1, ?2, ?3, ?4)")?;
    let names = FIRST_NAMES
        .iter()
        .flat_map(|first| LAST_NAMES.iter().map(move |last| (first, last)))
        .zip(CITIES.iter().cycle());
    for (number, ((first, last), city)) in (1..).zip(names) {
        insert.execute(params![
            format!("customer-{number:03}"),
            format!("{first} {last}"),
            format!(
                "{}.{}@example.com",
                first.to_lowercase(),
                last.to_lowercase()
            ),
            city
        ])?;
    }
    Ok(())
}

/// Whom an order is for.
#[derive(Clone, Debug)]
pub(super) struct Customer {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) city: String,
}

/// An order as it was placed; this part never changes.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) customer_id: String,
    pub(super) session_id: String,
    pub(super) card_token: String,
    pub(super) total_cents: i64,
}

/// A saga with what it needs to go on.
#[derive(Clone, Debug)]
pub(super) struct SagaRow {
    pub(super) saga: Saga,
    pub(super) reason: String,
    pub(super) traceparent: String,
}

impl SagaRow {
    /// The same saga at its good end.
    pub(super) fn confirmed(&self) -> Self {
        Self {
            saga: Saga {
                state: State::Confirmed,
                ..self.saga
            },
            ..self.clone()
        }
    }
}

pub(super) fn customer(
    tx: &Statements<'_>,
    customer_id: &str,
) -> Result<Option<Customer>, DatabaseError> {
    tx.query_optional(
        "SELECT name, email, city FROM customers WHERE id = ?1",
        [customer_id],
        |row| {
            Ok(Customer {
                name: row.get(0)?,
                email: row.get(1)?,
                city: row.get(2)?,
            })
        },
    )
}

pub(super) fn insert_order(
    tx: &Statements<'_>,
    order: &Order,
    lines: &[CartLine],
    now_ms: i64,
) -> Result<(), DatabaseError> {
    tx.execute(
        "INSERT INTO orders (id, customer_id, session_id, card_token, total_cents, \
         placed_at_unix_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            order.id,
            order.customer_id,
            order.session_id,
            order.card_token,
            order.total_cents,
            now_ms
        ],
    )?;
    for line in lines {
        tx.execute(
            "INSERT INTO order_lines (order_id, sku, name, quantity, price_cents) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                order.id,
                line.sku,
                line.name,
                line.quantity,
                line.price_cents
            ],
        )?;
    }
    Ok(())
}

pub(super) fn order(tx: &Statements<'_>, id: &str) -> Result<Option<Order>, DatabaseError> {
    tx.query_optional(
        "SELECT id, customer_id, session_id, card_token, total_cents FROM orders WHERE id = ?1",
        [id],
        |row| {
            Ok(Order {
                id: row.get(0)?,
                customer_id: row.get(1)?,
                session_id: row.get(2)?,
                card_token: row.get(3)?,
                total_cents: row.get(4)?,
            })
        },
    )
}

pub(super) fn lines(tx: &Statements<'_>, order_id: &str) -> Result<Vec<CartLine>, DatabaseError> {
    tx.query(
        "SELECT sku, name, quantity, price_cents FROM order_lines WHERE order_id = ?1 ORDER BY sku",
        [order_id],
        |row| {
            Ok(CartLine {
                sku: row.get(0)?,
                name: row.get(1)?,
                quantity: row.get(2)?,
                price_cents: row.get(3)?,
            })
        },
    )
}

pub(super) fn command_lines(lines: Vec<CartLine>) -> Vec<CommandLine> {
    let lines = lines.into_iter();
    lines
        .map(|line| CommandLine {
            sku: line.sku,
            quantity: line.quantity,
        })
        .collect()
}

pub(super) fn insert_saga(
    tx: &Statements<'_>,
    order_id: &str,
    row: &SagaRow,
) -> Result<(), DatabaseError> {
    tx.execute(
        "INSERT INTO sagas (order_id, state, step, attempt, reason, traceparent) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            order_id,
            row.saga.state.name(),
            row.saga.step.map(Step::name),
            row.saga.attempt,
            row.reason,
            row.traceparent
        ],
    )?;
    Ok(())
}

pub(super) fn saga(tx: &Statements<'_>, order_id: &str) -> Result<Option<SagaRow>, DatabaseError> {
    tx.query_optional(
        "SELECT state, step, attempt, reason, traceparent FROM sagas WHERE order_id = ?1",
        [order_id],
        read_saga,
    )
}

/// Writes where the saga stands now; `deadline_ms` says when to look after it without an answer.
pub(super) fn update_saga(
    tx: &Statements<'_>,
    order_id: &str,
    row: &SagaRow,
    deadline_ms: Option<i64>,
) -> Result<(), DatabaseError> {
    tx.execute(
        "UPDATE sagas SET state = ?2, step = ?3, attempt = ?4, reason = ?5, deadline_unix_ms = ?6 \
         WHERE order_id = ?1",
        params![
            order_id,
            row.saga.state.name(),
            row.saga.step.map(Step::name),
            row.saga.attempt,
            row.reason,
            deadline_ms
        ],
    )?;
    Ok(())
}

/// The orders whose awaited answer is overdue.
pub(super) fn overdue(tx: &Statements<'_>, now_ms: i64) -> Result<Vec<String>, DatabaseError> {
    tx.query(
        "SELECT order_id FROM sagas WHERE deadline_unix_ms <= ?1 \
         ORDER BY deadline_unix_ms LIMIT 100",
        [now_ms],
        |row| row.get(0),
    )
}

/// Remembers the span of a step, for the compensation that may have to link to it.
pub(super) fn remember_step(
    tx: &Statements<'_>,
    order_id: &str,
    step: Step,
    traceparent: &str,
) -> Result<(), DatabaseError> {
    tx.execute(
        "INSERT INTO saga_steps (order_id, step, traceparent) VALUES (?1, ?2, ?3) \
         ON CONFLICT (order_id, step) DO UPDATE SET traceparent = excluded.traceparent",
        params![order_id, step.name(), traceparent],
    )?;
    Ok(())
}

/// The span in which a step was last run.
pub(super) fn step_traceparent(
    tx: &Statements<'_>,
    order_id: &str,
    step: Step,
) -> Result<Option<String>, DatabaseError> {
    tx.query_optional(
        "SELECT traceparent FROM saga_steps WHERE order_id = ?1 AND step = ?2",
        params![order_id, step.name()],
        |row| row.get(0),
    )
}

fn read_saga(row: &Row<'_>) -> rusqlite::Result<SagaRow> {
    let state: String = row.get(0)?;
    let step: Option<String> = row.get(1)?;
    Ok(SagaRow {
        saga: Saga {
            // A state that this version does not know is for a person to look at.
            state: State::parse(&state).unwrap_or(State::Stuck),
            step: step.as_deref().and_then(Step::parse),
            attempt: row.get(2)?,
        },
        reason: row.get(3)?,
        traceparent: row.get(4)?,
    })
}
