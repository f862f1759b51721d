//! The shop's message broker: durable topics, consumer groups, leases, redelivery counts and dead
//! letters, over gRPC and one SQLite file.

mod store;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tracing::{Level, event, info};

use crate::{
    clock,
    database::{Database, refuse},
    host::{Host, HostError},
    messaging::topics,
    proto::{
        FetchReply, FetchRequest, PublishReply, PublishRequest, SettleReply, SettleRequest,
        bus_server::{Bus, BusServer},
    },
};

/// The longest a fetch may be held.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// The most messages in one answer.
const FETCH_MAX: u32 = 256;
/// How often a held fetch looks for leases that ran out meanwhile.
const LEASE_SCAN: Duration = Duration::from_secs(1);

pub(crate) async fn run(host: Host) -> Result<(), HostError> {
    let database = host.database(store::SCHEMA, |tx| store::subscribe(tx, &topics::TOPOLOGY))?;
    let broker = Broker {
        database,
        published: Arc::new(Notify::new()),
        shutdown: host.shutdown(),
    };
    host.serve_grpc(|routes| {
        routes.add_service(BusServer::new(broker));
    })
    .await
}

struct Broker {
    database: Database,
    /// Rung for every message, so that held fetches look again.
    published: Arc<Notify>,
    shutdown: CancellationToken,
}

#[tonic::async_trait]
impl Bus for Broker {
    async fn publish(
        &self,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishReply>, Status> {
        let message = request
            .into_inner()
            .message
            .ok_or_else(|| Status::invalid_argument("the message is missing"))?;
        let (topic, id) = (message.topic.clone(), message.id.clone());
        let published = self
            .database
            .transaction(move |tx| store::publish(tx, &message, clock::unix_ms()))
            .await
            .map_err(refuse)?;
        self.published.notify_waiters();
        match published {
            store::Published::Kept { groups } => {
                info!(
                    messaging.destination.name = topic,
                    messaging.message.id = id,
                    shop.bus.groups = groups,
                    "Kept message {id} on {topic}"
                );
                Ok(Response::new(PublishReply { accepted: true }))
            }
            store::Published::Duplicate => {
                info!(messaging.message.id = id, "Message {id} was already kept");
                Ok(Response::new(PublishReply { accepted: false }))
            }
            store::Published::UnknownTopic => {
                Err(Status::not_found(format!("there is no topic {topic:?}")))
            }
        }
    }

    async fn fetch(&self, request: Request<FetchRequest>) -> Result<Response<FetchReply>, Status> {
        let FetchRequest {
            group,
            max_messages,
            wait_ms,
        } = request.into_inner();
        let wait = Duration::from_millis(u64::from(wait_ms)).min(WAIT_MAX);
        let give_up = Instant::now() + wait;
        loop {
            // Asked for before the table is read: a message that comes in between still rings.
            let mut rung = std::pin::pin!(self.published.notified());
            rung.as_mut().enable();
            let fetched = self
                .fetch_now(group.clone(), max_messages.min(FETCH_MAX))
                .await?;
            if !fetched.deliveries.is_empty() || Instant::now() >= give_up {
                return Ok(Response::new(fetched));
            }
            let look_again = give_up.min(Instant::now() + LEASE_SCAN);
            tokio::select! {
                // Whether it rang or the time was over: look again either way.
                _ = timeout_at(look_again, rung) => {}
                () = self.shutdown.cancelled() => return Ok(Response::new(FetchReply::default())),
            }
        }
    }

    async fn settle(
        &self,
        request: Request<SettleRequest>,
    ) -> Result<Response<SettleReply>, Status> {
        let SettleRequest { group, settlements } = request.into_inner();
        let dead = self
            .database
            .untraced(move |tx| {
                let now = clock::unix_ms();
                let mut dead = Vec::new();
                for settlement in &settlements {
                    dead.extend(store::settle(tx, &group, settlement, now)?);
                }
                Ok(dead)
            })
            .await
            .map_err(refuse)?;
        report_dead_letters(&dead);
        let dead_lettered = u32::try_from(dead.len()).unwrap_or(u32::MAX);
        Ok(Response::new(SettleReply { dead_lettered }))
    }
}

impl Broker {
    async fn fetch_now(&self, group: String, max: u32) -> Result<FetchReply, Status> {
        let leased = self
            .database
            .untraced(move |tx| store::lease(tx, &group, max, clock::unix_ms()))
            .await
            .map_err(refuse)?;
        report_dead_letters(&leased.dead);
        Ok(FetchReply {
            deliveries: leased.deliveries,
        })
    }
}

fn report_dead_letters(dead: &[store::DeadLetter]) {
    for letter in dead {
        event!(
            name: "bus.message.dead_lettered",
            Level::WARN,
            messaging.message.id = letter.message_id,
            messaging.destination.name = letter.topic,
            messaging.consumer.group.name = letter.group,
            shop.bus.delivery_count = letter.delivery_count,
            "Message {} is a dead letter after {} deliveries: {}",
            letter.message_id,
            letter.delivery_count,
            letter.reason
        );
    }
}
