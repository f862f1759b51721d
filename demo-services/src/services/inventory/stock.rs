//! The stock table and what the saga's commands do to it. Each command is one transaction with its
//! inbox row and its reply, and answers the same when it comes again.

use rusqlite::{Transaction, params};
use tracing::{info, warn};

use crate::{
    database::{DatabaseError, Statements},
    messaging::{Draft, inbox},
    proto::{OrderCommand, ReserveStock, StockLevel},
};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS stock (
    sku TEXT PRIMARY KEY,
    available INTEGER NOT NULL CHECK (available >= 0)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reservations (
    order_id TEXT PRIMARY KEY,
    state TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reservation_lines (
    order_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    PRIMARY KEY (order_id, sku)
) WITHOUT ROWID;";

const PRODUCTS: i64 = 200;
const PLENTY: i64 = 20_000;
const SCARCE: i64 = 5;

/// Every 25th product is scarce, so that a busy shop has orders that cannot be filled.
pub(super) fn seed(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare("INSERT INTO stock (sku, available) VALUES (?1, ?2)")?;
    for number in 1..=PRODUCTS {
        let available = if number % 25 == 0 { SCARCE } else { PLENTY };
        insert.execute(params![format!("SKU-{number:04}"), available])?;
    }
    Ok(())
}

/// Reserves all lines or none.
pub(super) fn reserve(
    tx: &Statements<'_>,
    message_id: &str,
    command: &ReserveStock,
) -> Result<(), DatabaseError> {
    let order_id = command.order_id.as_str();
    if !inbox::is_new(tx, message_id)? {
        info!(
            shop.order.id = order_id,
            "This reservation was already handled"
        );
        return Ok(());
    }
    let reason = match reservation_state(tx, order_id)?.as_deref() {
        Some("reserved") => String::new(),
        // The saga gave up before this command arrived.
        Some(_) => "reservation was released".to_owned(),
        None => match shortage(tx, command)? {
            Some(sku) => {
                warn!(
                    shop.order.id = order_id,
                    shop.product.sku = sku,
                    "Not enough of {sku} in stock for order {order_id}"
                );
                format!("not enough of {sku} in stock")
            }
            None => {
                take(tx, command)?;
                String::new()
            }
        },
    };
    Draft::reply(order_id, "reserve", reason).put(tx)
}

/// Gives back whatever the order holds. An order that holds nothing is remembered, so that a
/// reservation that was overtaken comes too late.
pub(super) fn release(
    tx: &Statements<'_>,
    message_id: &str,
    command: &OrderCommand,
) -> Result<(), DatabaseError> {
    let order_id = command.order_id.as_str();
    if !inbox::is_new(tx, message_id)? {
        info!(shop.order.id = order_id, "This release was already handled");
        return Ok(());
    }
    let lines = tx.execute(
        "UPDATE stock SET available = available + l.quantity FROM reservation_lines l \
         WHERE l.order_id = ?1 AND l.sku = stock.sku",
        [order_id],
    )?;
    tx.execute(
        "DELETE FROM reservation_lines WHERE order_id = ?1",
        [order_id],
    )?;
    tx.execute(
        "INSERT INTO reservations (order_id, state) VALUES (?1, 'released') \
         ON CONFLICT (order_id) DO UPDATE SET state = 'released'",
        [order_id],
    )?;
    info!(
        shop.order.id = order_id,
        shop.order.lines = lines,
        "Released {lines} lines of order {order_id} back into stock"
    );
    Draft::reply(order_id, "release", String::new()).put(tx)
}

/// How many of each product can still be promised.
pub(super) fn levels(
    tx: &Statements<'_>,
    skus: &[String],
) -> Result<Vec<StockLevel>, DatabaseError> {
    let levels = tx.query(
        "SELECT sku, available FROM stock WHERE sku IN (SELECT value FROM json_each(?1)) \
         ORDER BY sku",
        [serde_json::json!(skus).to_string()],
        |row| {
            Ok(StockLevel {
                sku: row.get(0)?,
                available: row.get(1)?,
            })
        },
    )?;
    info!(
        shop.products = levels.len(),
        "Looked up the stock of {} products",
        levels.len()
    );
    Ok(levels)
}

fn reservation_state(tx: &Statements<'_>, order_id: &str) -> Result<Option<String>, DatabaseError> {
    tx.query_optional(
        "SELECT state FROM reservations WHERE order_id = ?1",
        [order_id],
        |row| row.get(0),
    )
}

/// The first product of which there is not enough.
fn shortage(tx: &Statements<'_>, command: &ReserveStock) -> Result<Option<String>, DatabaseError> {
    let skus: Vec<String> = command.lines.iter().map(|line| line.sku.clone()).collect();
    let levels = levels(tx, &skus)?;
    let is_short = |line: &&crate::proto::CommandLine| {
        let available = levels.iter().find(|level| level.sku == line.sku);
        available.is_none_or(|level| level.available < i64::from(line.quantity))
    };
    Ok(command
        .lines
        .iter()
        .find(is_short)
        .map(|line| line.sku.clone()))
}

fn take(tx: &Statements<'_>, command: &ReserveStock) -> Result<(), DatabaseError> {
    let order_id = command.order_id.as_str();
    tx.execute(
        "INSERT INTO reservations (order_id, state) VALUES (?1, 'reserved')",
        [order_id],
    )?;
    for line in &command.lines {
        tx.execute(
            "UPDATE stock SET available = available - ?2 WHERE sku = ?1",
            params![line.sku, line.quantity],
        )?;
        tx.execute(
            "INSERT INTO reservation_lines (order_id, sku, quantity) VALUES (?1, ?2, ?3)",
            params![order_id, line.sku, line.quantity],
        )?;
    }
    info!(
        shop.order.id = order_id,
        shop.order.lines = command.lines.len(),
        "Reserved {} lines for order {order_id}",
        command.lines.len()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{messaging::testing::Fixture, proto::CommandLine};

    fn inventory() -> Fixture {
        Fixture::new(SCHEMA, seed)
    }

    async fn reserve_as(shop: &Fixture, message_id: &'static str, lines: &[(&str, u32)]) {
        let line = |(sku, quantity): &(&str, u32)| CommandLine {
            sku: (*sku).to_owned(),
            quantity: *quantity,
        };
        let lines = lines.iter().map(line).collect();
        let command = ReserveStock {
            order_id: "ord-1".into(),
            lines,
        };
        shop.run(move |tx| reserve(tx, message_id, &command)).await;
    }

    async fn release_as(shop: &Fixture, message_id: &'static str) {
        let command = OrderCommand {
            order_id: "ord-1".into(),
        };
        shop.run(move |tx| release(tx, message_id, &command)).await;
    }

    async fn available(shop: &Fixture, sku: &str) -> i64 {
        let skus = [sku.to_owned()];
        shop.run(move |tx| levels(tx, &skus)).await[0].available
    }

    #[tokio::test]
    async fn a_command_delivered_twice_takes_stock_once_and_replies_once() {
        let shop = inventory();

        reserve_as(&shop, "msg-1", &[("SKU-0001", 3)]).await;
        reserve_as(&shop, "msg-1", &[("SKU-0001", 3)]).await;

        assert_eq!(available(&shop, "SKU-0001").await, PLENTY - 3);
        assert_eq!(shop.replies().await, ["reserve"]);
    }

    #[tokio::test]
    async fn a_command_sent_anew_takes_stock_once_and_replies_again() {
        let shop = inventory();

        reserve_as(&shop, "msg-1", &[("SKU-0001", 3)]).await;
        reserve_as(&shop, "msg-2", &[("SKU-0001", 3)]).await;

        assert_eq!(available(&shop, "SKU-0001").await, PLENTY - 3);
        assert_eq!(shop.replies().await, ["reserve", "reserve"]);
    }

    #[tokio::test]
    async fn one_short_line_leaves_the_others_in_stock() {
        let shop = inventory();

        reserve_as(&shop, "msg-1", &[("SKU-0001", 1), ("SKU-0025", 6)]).await;

        assert_eq!(available(&shop, "SKU-0001").await, PLENTY);
        assert_eq!(available(&shop, "SKU-0025").await, SCARCE);
        assert_eq!(
            shop.replies().await,
            ["reserve: not enough of SKU-0025 in stock"]
        );
    }

    #[tokio::test]
    async fn releasing_puts_everything_back() {
        let shop = inventory();

        reserve_as(&shop, "msg-1", &[("SKU-0001", 3), ("SKU-0025", 5)]).await;
        release_as(&shop, "msg-2").await;

        assert_eq!(available(&shop, "SKU-0001").await, PLENTY);
        assert_eq!(available(&shop, "SKU-0025").await, SCARCE);
        assert_eq!(shop.replies().await, ["reserve", "release"]);
    }

    #[tokio::test]
    async fn a_reservation_that_its_release_overtook_is_refused() {
        let shop = inventory();

        release_as(&shop, "msg-2").await;
        reserve_as(&shop, "msg-1", &[("SKU-0001", 3)]).await;

        assert_eq!(available(&shop, "SKU-0001").await, PLENTY);
        assert_eq!(
            shop.replies().await,
            ["release", "reserve: reservation was released"]
        );
    }
}
