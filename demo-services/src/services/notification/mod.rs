//! Mail to customers about their orders. It only consumes events: if it is down, nobody waits for
//! it, and the mail goes out later.

use rusqlite::params;
use tracing::info;

use crate::{
    clock,
    database::{Database, DatabaseError, Statements},
    host::{Host, HostError},
    messaging::{
        Consumer, HandleError, Received,
        inbox::{self, INBOX_SCHEMA},
    },
    proto::OrderEvent,
    telemetry::span,
};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS mails (
    id INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    sent_at_unix_ms INTEGER NOT NULL
);";

pub(crate) async fn run(mut host: Host) -> Result<(), HostError> {
    let database = host.database(&[SCHEMA, INBOX_SCHEMA].concat(), |_| Ok(()))?;
    let handle = move |received| send(database.clone(), received);
    host.background(Consumer::new(host.bus()?, "notification").run(handle, host.shutdown()));
    host.serve_grpc(|_| {}).await
}

async fn send(database: Database, received: Received) -> Result<(), HandleError> {
    let event: OrderEvent = received.decode()?;
    let mail = span("internal", "render mail").in_scope(|| Mail::about(&event));
    let id = received.message.id;
    database.transaction(move |tx| mail.send(tx, &id)).await?;
    Ok(())
}

struct Mail {
    order_id: String,
    recipient: String,
    subject: String,
    body: String,
}

impl Mail {
    fn about(event: &OrderEvent) -> Self {
        let OrderEvent {
            order_id,
            customer_name,
            reason,
            total_cents,
            ..
        } = event;
        let (subject, body) = if reason.is_empty() {
            let (whole, cents) = (total_cents / 100, total_cents % 100);
            (
                format!("Your order {order_id} is on its way"),
                format!("Dear {customer_name},\n\nthank you for {whole}.{cents:02} well spent."),
            )
        } else {
            (
                format!("Your order {order_id} could not be filled"),
                format!("Dear {customer_name},\n\nwe are sorry: {reason}. You were not charged."),
            )
        };
        let recipient = event.customer_email.clone();
        Self {
            order_id: order_id.clone(),
            recipient,
            subject,
            body,
        }
    }

    fn send(&self, tx: &Statements<'_>, message_id: &str) -> Result<(), DatabaseError> {
        let Self {
            order_id,
            recipient,
            subject,
            body,
        } = self;
        if !inbox::is_new(tx, message_id)? {
            info!(
                shop.order.id = order_id,
                "The mail about order {order_id} was already sent"
            );
            return Ok(());
        }
        tx.execute(
            "INSERT INTO mails (order_id, recipient, subject, body, sent_at_unix_ms) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![order_id, recipient, subject, body, clock::unix_ms()],
        )?;
        info!(
            shop.order.id = order_id,
            shop.mail.subject = subject,
            "Sent a mail to the customer: {subject}"
        );
        Ok(())
    }
}
