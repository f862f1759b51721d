//! The table of shipments and what the saga's commands do to it. Each command is one transaction
//! with its inbox row and its reply, and answers the same when it comes again.

use rusqlite::params;
use tracing::info;

use crate::{
    database::{DatabaseError, Statements},
    messaging::{Draft, inbox},
    proto::{BookShipment, OrderCommand},
};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS shipments (
    order_id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    recipient TEXT NOT NULL,
    city TEXT NOT NULL
) WITHOUT ROWID;";

/// Books a shipment, unless the order was cancelled before.
pub(super) fn book(
    tx: &Statements<'_>,
    message_id: &str,
    command: &BookShipment,
) -> Result<(), DatabaseError> {
    let (order_id, city) = (command.order_id.as_str(), command.city.as_str());
    if !inbox::is_new(tx, message_id)? {
        info!(shop.order.id = order_id, "This booking was already handled");
        return Ok(());
    }
    tx.execute(
        "INSERT OR IGNORE INTO shipments (order_id, state, recipient, city) \
         VALUES (?1, 'booked', ?2, ?3)",
        params![order_id, command.recipient, city],
    )?;
    let state: Option<String> = tx.query_optional(
        "SELECT state FROM shipments WHERE order_id = ?1",
        [order_id],
        |row| row.get(0),
    )?;
    let reason = if state.as_deref() == Some("booked") {
        info!(
            shop.order.id = order_id,
            shop.shipment.city = city,
            shop.order.items = command.items,
            "Booked a shipment of {} items to {city} for order {order_id}",
            command.items
        );
        String::new()
    } else {
        "shipment was cancelled".to_owned()
    };
    Draft::reply(order_id, "book", reason).put(tx)
}

/// Cancels the shipment. An order without one is remembered, so that a booking that was overtaken
/// comes too late.
pub(super) fn cancel(
    tx: &Statements<'_>,
    message_id: &str,
    command: &OrderCommand,
) -> Result<(), DatabaseError> {
    let order_id = command.order_id.as_str();
    if !inbox::is_new(tx, message_id)? {
        info!(
            shop.order.id = order_id,
            "This cancellation was already handled"
        );
        return Ok(());
    }
    tx.execute(
        "INSERT INTO shipments (order_id, state, recipient, city) VALUES (?1, 'cancelled', '', '') \
         ON CONFLICT (order_id) DO UPDATE SET state = 'cancelled'",
        [order_id],
    )?;
    info!(
        shop.order.id = order_id,
        "Cancelled the shipment of order {order_id}"
    );
    Draft::reply(order_id, "cancel", String::new()).put(tx)
}
