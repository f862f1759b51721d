//! The ledger of payments and what the saga's commands do to it. Each command is one transaction
//! with its inbox row and its reply, and answers the same when it comes again.

use rusqlite::{Transaction, params};
use tracing::info;

use crate::{
    database::{DatabaseError, Statements},
    messaging::{Draft, inbox},
    proto::{AuthorisePayment, OrderCommand},
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
    Draft::reply(order_id, "authorise", reason).put(tx)
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
    Draft::reply(order_id, "capture", reason).put(tx)
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
    Draft::reply(order_id, "void", String::new()).put(tx)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messaging::testing::Fixture;

    type Command = fn(&Statements<'_>, &str, &OrderCommand) -> Result<(), DatabaseError>;

    fn payments() -> Fixture {
        Fixture::new(SCHEMA, seed)
    }

    async fn authorise_with(shop: &Fixture, message_id: &'static str, card_token: &str) {
        let command = AuthorisePayment {
            order_id: "ord-1".into(),
            amount_cents: 4_200,
            card_token: card_token.into(),
        };
        shop.run(move |tx| authorise(tx, message_id, &command))
            .await;
    }

    async fn run(shop: &Fixture, message_id: &'static str, command: Command) {
        let order = OrderCommand {
            order_id: "ord-1".into(),
        };
        shop.run(move |tx| command(tx, message_id, &order)).await;
    }

    async fn state_of(shop: &Fixture) -> Option<String> {
        shop.run(|tx| state(tx, "ord-1")).await
    }

    #[tokio::test]
    async fn a_good_card_is_authorised_and_captured_once_however_often_it_is_asked() {
        let shop = payments();

        authorise_with(&shop, "msg-1", "tok_visa_4242").await;
        authorise_with(&shop, "msg-1", "tok_visa_4242").await;
        run(&shop, "msg-2", capture).await;
        run(&shop, "msg-3", capture).await;

        assert_eq!(state_of(&shop).await.as_deref(), Some("captured"));
        assert_eq!(shop.replies().await, ["authorise", "capture", "capture"]);
    }

    #[tokio::test]
    async fn a_declined_card_leaves_nothing_to_void() {
        let shop = payments();

        authorise_with(&shop, "msg-1", "tok_declined_0002").await;
        authorise_with(&shop, "msg-2", "tok_of_nobody").await;

        assert_eq!(state_of(&shop).await, None);
        assert_eq!(
            shop.replies().await,
            ["authorise: card declined", "authorise: card unknown"]
        );
    }

    #[tokio::test]
    async fn a_voided_payment_is_never_captured() {
        let shop = payments();

        authorise_with(&shop, "msg-1", "tok_visa_4242").await;
        run(&shop, "msg-2", void).await;
        run(&shop, "msg-3", capture).await;

        assert_eq!(state_of(&shop).await.as_deref(), Some("voided"));
        assert_eq!(
            shop.replies().await,
            ["authorise", "void", "capture: nothing was authorised"]
        );
    }

    #[tokio::test]
    async fn an_authorisation_that_its_void_overtook_is_refused() {
        let shop = payments();

        run(&shop, "msg-2", void).await;
        authorise_with(&shop, "msg-1", "tok_visa_4242").await;

        assert_eq!(
            shop.replies().await,
            ["void", "authorise: payment was voided"]
        );
    }

    #[tokio::test]
    async fn a_captured_payment_is_not_voided() {
        let shop = payments();

        authorise_with(&shop, "msg-1", "tok_visa_4242").await;
        run(&shop, "msg-2", capture).await;
        run(&shop, "msg-3", void).await;

        assert_eq!(state_of(&shop).await.as_deref(), Some("captured"));
    }
}
