//! The ledger of payments and what the saga's commands do to it. Each command is one transaction
//! with its inbox row and its reply, and answers the same when it comes again.

use rusqlite::{Transaction, params};
use tracing::info;

use crate::{
    database::{DatabaseError, Statements},
    messaging::{Draft, inbox, topics::ORDER_REPLIES},
    proto::{AuthorisePayment, OrderCommand, StepReply},
};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS cards (
    token TEXT PRIMARY KEY,
    brand TEXT NOT NULL,
    last_four TEXT NOT NULL,
    -- Why the issuer declines this card; empty if it does not.
    declined TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS payments (
    order_id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    amount_cents INTEGER NOT NULL
) WITHOUT ROWID;";

pub(super) fn seed(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "INSERT INTO cards (token, brand, last_four, declined) VALUES
         ('tok_visa_4242', 'visa', '4242', ''),
         ('tok_mastercard_4444', 'mastercard', '4444', ''),
         ('tok_amex_0005', 'amex', '0005', ''),
         ('tok_declined_0002', 'visa', '0002', 'card declined'),
         ('tok_funds_9995', 'visa', '9995', 'insufficient funds');",
    )
}

/// Promises the amount, unless the card is declined.
pub(super) fn authorise(
    tx: &Statements<'_>,
    message_id: &str,
    command: &AuthorisePayment,
) -> Result<(), DatabaseError> {
    let order_id = command.order_id.as_str();
    if already_handled(tx, message_id, order_id)? {
        return Ok(());
    }
    let reason = match state(tx, order_id)?.as_deref() {
        Some("authorised" | "captured") => String::new(),
        // The saga gave up before this command arrived.
        Some(_) => "payment was voided".to_owned(),
        None => refusal(tx, &command.card_token)?,
    };
    let cents = command.amount_cents;
    if reason.is_empty() {
        tx.execute(
            "INSERT OR IGNORE INTO payments (order_id, state, amount_cents) \
             VALUES (?1, 'authorised', ?2)",
            params![order_id, cents],
        )?;
        info!(
            shop.order.id = order_id,
            shop.payment.amount_cents = cents,
            "Authorised {cents} cents for order {order_id}"
        );
    } else {
        info!(
            shop.order.id = order_id,
            shop.payment.decline_reason = reason,
            "Declined the payment for order {order_id}: {reason}"
        );
    }
    reply(tx, order_id, "authorise", reason)
}

/// Takes the money that was promised.
pub(super) fn capture(
    tx: &Statements<'_>,
    message_id: &str,
    command: &OrderCommand,
) -> Result<(), DatabaseError> {
    let order_id = command.order_id.as_str();
    if already_handled(tx, message_id, order_id)? {
        return Ok(());
    }
    let captured = tx.execute(
        "UPDATE payments SET state = 'captured' \
         WHERE order_id = ?1 AND state IN ('authorised', 'captured')",
        [order_id],
    )?;
    let reason = if captured == 1 {
        info!(
            shop.order.id = order_id,
            "Captured the payment for order {order_id}"
        );
        String::new()
    } else {
        "nothing was authorised".to_owned()
    };
    reply(tx, order_id, "capture", reason)
}

/// Takes the promise back. An order without one is remembered, so that an authorisation that was
/// overtaken comes too late.
pub(super) fn void(
    tx: &Statements<'_>,
    message_id: &str,
    command: &OrderCommand,
) -> Result<(), DatabaseError> {
    let order_id = command.order_id.as_str();
    if already_handled(tx, message_id, order_id)? {
        return Ok(());
    }
    tx.execute(
        "INSERT INTO payments (order_id, state, amount_cents) VALUES (?1, 'voided', 0) \
         ON CONFLICT (order_id) DO UPDATE SET state = 'voided' WHERE state = 'authorised'",
        [order_id],
    )?;
    info!(
        shop.order.id = order_id,
        "Voided the payment for order {order_id}"
    );
    reply(tx, order_id, "void", String::new())
}

fn already_handled(
    tx: &Statements<'_>,
    message_id: &str,
    order_id: &str,
) -> Result<bool, DatabaseError> {
    let is_new = inbox::is_new(tx, message_id)?;
    if !is_new {
        info!(
            shop.order.id = order_id,
            "This command for order {order_id} was already handled"
        );
    }
    Ok(!is_new)
}

fn state(tx: &Statements<'_>, order_id: &str) -> Result<Option<String>, DatabaseError> {
    tx.query_optional(
        "SELECT state FROM payments WHERE order_id = ?1",
        [order_id],
        |row| row.get(0),
    )
}

/// Why the card is refused; empty if it is good.
fn refusal(tx: &Statements<'_>, card_token: &str) -> Result<String, DatabaseError> {
    let card = tx.query_optional(
        "SELECT declined FROM cards WHERE token = ?1",
        [card_token],
        |row| row.get(0),
    )?;
    Ok(card.unwrap_or_else(|| "card unknown".to_owned()))
}

fn reply(
    tx: &Statements<'_>,
    order_id: &str,
    step: &str,
    reason: String,
) -> Result<(), DatabaseError> {
    let reply = StepReply {
        order_id: order_id.to_owned(),
        step: step.to_owned(),
        succeeded: reason.is_empty(),
        reason,
    };
    Draft::new(ORDER_REPLIES, "step.reply", order_id, &reply).put(tx)
}
