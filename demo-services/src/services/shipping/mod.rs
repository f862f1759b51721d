//! Shipments: booking and cancelling, each a command of the order saga.

mod shipments;

use std::time::Duration;

use tokio::time::sleep;
use tracing::Instrument;

use crate::{
    database::Database,
    host::{Host, HostError},
    messaging::{Consumer, HandleError, OUTBOX_SCHEMA, Outbox, Received, inbox::INBOX_SCHEMA},
    proto::{BookShipment, OrderCommand},
    telemetry::span,
};

pub(crate) async fn run(mut host: Host) -> Result<(), HostError> {
    let schema = [shipments::SCHEMA, OUTBOX_SCHEMA, INBOX_SCHEMA].concat();
    let database = host.database(&schema, |_| Ok(()))?;
    let bus = host.bus()?;
    let outbox = Outbox::new(database.clone(), bus.clone());

    let commands = Commands {
        database,
        outbox: outbox.clone(),
    };
    let handle = move |received| commands.clone().handle(received);
    host.background(outbox.run(host.shutdown()));
    host.background(Consumer::new(bus, "shipping").run(handle, host.shutdown()));
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
            "shipping.book" => {
                let command: BookShipment = received.decode()?;
                plan_route(&command).await;
                self.database
                    .transaction(move |tx| shipments::book(tx, &id, &command))
                    .await?;
            }
            "shipping.cancel" => {
                let command: OrderCommand = received.decode()?;
                self.database
                    .transaction(move |tx| shipments::cancel(tx, &id, &command))
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

/// Stands for the carrier's route planning: 8 ms, and 2 ms more for each item up to twenty.
async fn plan_route(command: &BookShipment) {
    let wait = sleep(Duration::from_millis(
        8 + 2 * u64::from(command.items.min(20)),
    ));
    wait.instrument(span("internal", "plan route")).await;
}
