//! Calls to the bus. Publishing is a PRODUCER span; fetching and settling are polls without spans,
//! except where something went wrong.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use tonic::{Request, Status};
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::{
    mesh::{MeshError, Replica, inject},
    proto::{
        BusMessage, Delivery, FetchRequest, PublishRequest, SettleRequest, Settlement,
        bus_client::BusClient as Generated,
    },
    telemetry::{fail, grpc::code_word, propagation},
};

const PUBLISH_TIMEOUT: Duration = Duration::from_secs(2);
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the bus holds a fetch that has nothing to deliver.
const FETCH_WAIT: Duration = Duration::from_secs(5);
const FETCH_MESSAGES: u32 = 16;

/// `messaging.system`: the conventions have no name for the shop's own broker.
pub(crate) const MESSAGING_SYSTEM: &str = "shopbus";

/// A connection to the bus.
#[derive(Clone, Debug)]
pub(crate) struct BusClient {
    replica: Arc<Replica>,
}

impl BusClient {
    /// Connects at the first call.
    pub(crate) fn new(url: &str) -> Result<Self, MeshError> {
        Ok(Self {
            replica: Arc::new(Replica::new("bus", url)?),
        })
    }

    /// Hands the message to the bus inside `send`, a PRODUCER span that becomes the message's
    /// creation context: its headers are what the receiver continues or links to.
    pub(crate) async fn publish(&self, mut message: BusMessage, send: Span) -> Result<(), Status> {
        send.set_attribute("messaging.system", MESSAGING_SYSTEM);
        send.set_attribute("messaging.operation.name", "send");
        send.set_attribute("messaging.operation.type", "send");
        send.set_attribute("messaging.destination.name", message.topic.clone());
        send.set_attribute("messaging.message.id", message.id.clone());
        send.set_attribute(
            "messaging.message.conversation_id",
            message.conversation_id.clone(),
        );
        send.set_attribute("messaging.message.body.size", body_size(&message));
        send.set_attribute("shop.message.kind", message.kind.clone());
        self.replica.describe(&send);
        message.headers = propagation::headers_of(&send);

        let mut request = Request::new(PublishRequest {
            message: Some(message),
        });
        request.set_timeout(PUBLISH_TIMEOUT);
        inject(&send, request.metadata_mut());
        let mut client = Generated::new(self.replica.channel());
        let published = timeout(
            PUBLISH_TIMEOUT,
            client.publish(request).instrument(send.clone()),
        )
        .await;

        let answer =
            published.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")));
        if let Err(status) = &answer {
            fail(&send, code_word(status.code()), status.message());
        }
        answer.map(drop)
    }

    /// The next messages for `group`; an empty list if none came while the bus waited.
    pub(crate) async fn fetch(&self, group: &'static str) -> Result<Vec<Delivery>, Status> {
        let request = FetchRequest {
            group: group.to_owned(),
            max_messages: FETCH_MESSAGES,
            wait_ms: u32::try_from(FETCH_WAIT.as_millis()).unwrap_or(u32::MAX),
        };
        let mut client = Generated::new(self.replica.channel());
        let fetched = timeout(FETCH_WAIT * 2, client.fetch(request)).await;
        let reply = fetched.map_err(|_| Status::deadline_exceeded("the bus does not answer"))??;
        Ok(reply.into_inner().deliveries)
    }

    /// Acknowledges what was handled and gives back what was not.
    pub(crate) async fn settle(
        &self,
        group: &'static str,
        settlements: Vec<Settlement>,
    ) -> Result<(), Status> {
        let request = SettleRequest {
            group: group.to_owned(),
            settlements,
        };
        let mut client = Generated::new(self.replica.channel());
        let settled = timeout(SETTLE_TIMEOUT, client.settle(request)).await;
        settled
            .map_err(|_| Status::deadline_exceeded("the bus does not answer"))?
            .map(drop)
    }
}

pub(super) fn body_size(message: &BusMessage) -> i64 {
    i64::try_from(message.body.len()).unwrap_or(i64::MAX)
}
