//! Payments: authorise, capture, void, each a command of the order saga. The cards are the shop's
//! own and most of them are good.

mod ledger;

use std::time::Duration;

use tokio::time::sleep;
use tracing::Instrument;

use crate::{
    database::Database,
    host::{Host, HostError},
    messaging::{Consumer, HandleError, OUTBOX_SCHEMA, Outbox, Received, inbox::INBOX_SCHEMA},
    proto::{AuthorisePayment, OrderCommand},
    telemetry::span,
};

pub(crate) async fn run(mut host: Host) -> Result<(), HostError> {
    let schema = [ledger::SCHEMA, OUTBOX_SCHEMA, INBOX_SCHEMA].concat();
    let database = host.database(&schema, ledger::seed)?;
    let bus = host.bus()?;
    let outbox = Outbox::new(database.clone(), bus.clone());

    let commands = Commands {
        database,
        outbox: outbox.clone(),
    };
    let handle = move |received| commands.clone().handle(received);
    host.background(outbox.run(host.shutdown()));
    host.background(Consumer::new(bus, "payment").run(handle, host.shutdown()));
    host.serve_grpc(|_| {}).await
}

#[derive(Clone)]
struct Commands {
    database: Database,
    outbox: Outbox,
}

impl Commands {
    async fn handle(self, received: Received) -> Result<(), HandleError> {
        let id = received.message.id.clone();
        match received.message.kind.as_str() {
            "payment.authorise" => {
                let command: AuthorisePayment = received.decode()?;
                wait_for_issuer(&command).await;
                self.database
                    .transaction(move |tx| ledger::authorise(tx, &id, &command))
                    .await?;
            }
            "payment.capture" => {
                let command: OrderCommand = received.decode()?;
                self.database
                    .transaction(move |tx| ledger::capture(tx, &id, &command))
                    .await?;
            }
            "payment.void" => {
                let command: OrderCommand = received.decode()?;
                self.database
                    .transaction(move |tx| ledger::void(tx, &id, &command))
                    .await?;
            }
            kind => {
                return Err(HandleError::Kind {
                    kind: kind.to_owned(),
                });
            }
        }
        self.outbox.ring();
        Ok(())
    }
}

/// There is no card issuer to ask, but a shop whose payments cost no time looks like no shop. Larger
/// amounts take longer, as they do; 20 to 80 ms.
async fn wait_for_issuer(command: &AuthorisePayment) {
    let extra_ms = u64::try_from(command.amount_cents / 1_000)
        .unwrap_or(0)
        .min(60);
    let wait = sleep(Duration::from_millis(20 + extra_ms));
    wait.instrument(span("internal", "wait for issuer")).await;
}
