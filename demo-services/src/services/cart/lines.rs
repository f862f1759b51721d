//! The table of cart lines.

use rusqlite::params;

use crate::{
    database::{DatabaseError, Statements},
    proto::CartLine,
};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS cart_lines (
    session_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    price_cents INTEGER NOT NULL,
    changed_at_unix_ms INTEGER NOT NULL,
    PRIMARY KEY (session_id, sku)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cart_lines_by_age ON cart_lines (changed_at_unix_ms);";

/// Nobody comes back for a cart after this long.
const ABANDONED_AFTER_MS: i64 = 3_600_000;

/// Adds to what is there; the price is the latest. Abandoned carts go on this occasion.
pub(super) fn add(
    tx: &Statements<'_>,
    session_id: &str,
    line: &CartLine,
    now_ms: i64,
) -> Result<(), DatabaseError> {
    tx.execute(
        "INSERT INTO cart_lines \
         (session_id, sku, name, quantity, price_cents, changed_at_unix_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (session_id, sku) DO UPDATE SET \
         quantity = quantity + excluded.quantity, price_cents = excluded.price_cents, \
         changed_at_unix_ms = excluded.changed_at_unix_ms",
        params![
            session_id,
            line.sku,
            line.name,
            line.quantity,
            line.price_cents,
            now_ms
        ],
    )?;
    tx.execute(
        "DELETE FROM cart_lines WHERE changed_at_unix_ms < ?1",
        [now_ms - ABANDONED_AFTER_MS],
    )?;
    Ok(())
}

/// What the cart of this session holds.
pub(super) fn of(tx: &Statements<'_>, session_id: &str) -> Result<Vec<CartLine>, DatabaseError> {
    tx.query(
        "SELECT sku, name, quantity, price_cents FROM cart_lines WHERE session_id = ?1 \
         ORDER BY sku",
        [session_id],
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

/// Empties the cart; answers how many lines it held.
pub(super) fn remove_all(tx: &Statements<'_>, session_id: &str) -> Result<usize, DatabaseError> {
    tx.execute("DELETE FROM cart_lines WHERE session_id = ?1", [session_id])
}
