//! Receives the messages of one consumer group and has them handled, each inside a CONSUMER span.

use std::{error::Error, future::Future, time::Duration};

use opentelemetry::Context;
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, error, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{
    BusClient,
    client::{MESSAGING_SYSTEM, body_size},
    topics,
};
use crate::{
    clock,
    database::DatabaseError,
    proto::{BusMessage, Delivery, Settlement},
    telemetry::{continued_span, fail, propagation},
};

const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// A message as its handler gets it.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) message: BusMessage,
}

impl Received {
    /// The body, as the type that belongs to the message's kind.
    pub(crate) fn decode<M: prost::Message + Default>(&self) -> Result<M, HandleError> {
        Ok(M::decode(self.message.body.as_slice())?)
    }
}

/// Why a message was not handled; it will be delivered again, in the end to the dead letters.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandleError {
    #[error("the body is not what the kind promises")]
    Body(#[from] prost::DecodeError),
    #[error("the kind {kind:?} is not known here")]
    Kind { kind: String },
    #[error("the database did not take it")]
    Database(#[from] DatabaseError),
}

impl HandleError {
    /// `error.type` and `exception.type`.
    fn word(&self) -> &'static str {
        match self {
            Self::Body(_) => "undecodable_body",
            Self::Kind { .. } => "unknown_kind",
            Self::Database(_) => "database_error",
        }
    }
}

/// One consumer group.
#[derive(Debug)]
pub(crate) struct Consumer {
    bus: BusClient,
    group: &'static str,
}

impl Consumer {
    pub(crate) fn new(bus: BusClient, group: &'static str) -> Self {
        Self { bus, group }
    }

    /// Fetches and handles until `shutdown`. What was fetched is handled to the end.
    pub(crate) async fn run<H, F>(self, handle: H, shutdown: CancellationToken)
    where
        H: Fn(Received) -> F + Send + Sync,
        F: Future<Output = Result<(), HandleError>> + Send + 'static,
    {
        let mut backoff = BACKOFF_FIRST;
        loop {
            let fetched = tokio::select! {
                fetched = self.bus.fetch(self.group) => fetched,
                () = shutdown.cancelled() => return,
            };
            let outcome = match fetched {
                Ok(deliveries) => self.handle_all(&handle, deliveries).await,
                Err(status) => Err(status),
            };
            let Err(status) = outcome else {
                backoff = BACKOFF_FIRST;
                continue;
            };
            if backoff >= BACKOFF_MAX {
                warn!(error = %status, "The bus is out of reach, messages are waiting there");
            }
            tokio::select! {
                () = sleep(backoff) => backoff = (backoff * 2).min(BACKOFF_MAX),
                () = shutdown.cancelled() => return,
            }
        }
    }

    async fn handle_all<H, F>(
        &self,
        handle: &H,
        deliveries: Vec<Delivery>,
    ) -> Result<(), tonic::Status>
    where
        H: Fn(Received) -> F + Send + Sync,
        F: Future<Output = Result<(), HandleError>> + Send + 'static,
    {
        let mut tasks = JoinSet::new();
        for delivery in deliveries {
            let Some(message) = delivery.message else {
                continue;
            };
            let span = process_span(self.group, &message, delivery.delivery_count);
            let receipt = Receipt {
                sequence: delivery.sequence,
                count: delivery.delivery_count,
            };
            let work = handle(Received { message });
            tasks.spawn(observe(receipt, work, span.clone()).instrument(span));
        }
        let settlements = tasks.join_all().await;
        if settlements.is_empty() {
            return Ok(());
        }
        self.bus.settle(self.group, settlements).await
    }
}

struct Receipt {
    sequence: i64,
    count: u32,
}

async fn observe(
    receipt: Receipt,
    work: impl Future<Output = Result<(), HandleError>>,
    span_of_message: Span,
) -> Settlement {
    let result = work.await;
    let reason = match &result {
        Ok(()) => String::new(),
        Err(error) => {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            fail(&span_of_message, error.word(), error.to_string());
            error!(
                "exception.type" = error.word(),
                "exception.message" = %error,
                shop.bus.delivery_count = receipt.count,
                "A message was not handled and goes back to the bus: {error} ({cause})"
            );

            error.to_string()
        }
    };
    Settlement {
        sequence: receipt.sequence,
        delivery_count: receipt.count,
        acknowledged: result.is_ok(),
        reason,
    }
}

/// The CONSUMER span: continues the sender's trace for commands and replies, starts a new one for
/// events; links to the sender in either case.
fn process_span(group: &'static str, message: &BusMessage, delivery_count: u32) -> Span {
    let created_in = propagation::context_from(&message.headers);
    let parent = if topics::is_event(&message.topic) {
        Context::new()
    } else {
        created_in.clone()
    };
    let waited_ms = clock::unix_ms().saturating_sub(message.published_at_unix_ms);

    let span = continued_span("consumer", &format!("process {}", message.topic), parent);
    span.add_link(propagation::span_context_of(&created_in));
    span.set_attribute("messaging.system", MESSAGING_SYSTEM);
    span.set_attribute("messaging.operation.name", "process");
    span.set_attribute("messaging.operation.type", "process");
    span.set_attribute("messaging.destination.name", message.topic.clone());
    span.set_attribute("messaging.consumer.group.name", group);
    span.set_attribute("messaging.message.id", message.id.clone());
    span.set_attribute(
        "messaging.message.conversation_id",
        message.conversation_id.clone(),
    );
    span.set_attribute("messaging.message.body.size", body_size(message));
    span.set_attribute("shop.message.kind", message.kind.clone());
    span.set_attribute("shop.order.id", message.conversation_id.clone());
    span.set_attribute("shop.queue.wait_ms", waited_ms.max(0));
    if delivery_count > 1 {
        span.set_attribute("shop.bus.delivery_count", i64::from(delivery_count));
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{
        span,
        testing::{attribute, context_of, telemetry},
    };
    use opentelemetry::trace::{SpanContext, SpanKind};

    /// A message on `topic` from a span of its own.
    fn message(topic: &str) -> (SpanContext, BusMessage) {
        telemetry();
        let send = span("producer", "send");
        let message = BusMessage {
            id: "msg-1".to_owned(),
            topic: topic.to_owned(),
            conversation_id: "ord-1".to_owned(),
            kind: "payment.capture".to_owned(),
            headers: propagation::headers_of(&send),
            ..BusMessage::default()
        };
        (context_of(&send), message)
    }

    #[test]
    fn a_command_continues_the_senders_trace_and_links_to_it() {
        let (sender, message) = message(topics::PAYMENT_COMMANDS);
        drop(process_span("payment", &message, 2));

        let spans = telemetry().spans(sender.trace_id());
        let process = spans
            .iter()
            .find(|span| span.span_kind == SpanKind::Consumer)
            .unwrap();
        assert_eq!(process.name, "process payment.commands");
        assert_eq!(process.parent_span_id, sender.span_id());
        let links: Vec<_> = process
            .links
            .iter()
            .map(|link| link.span_context.span_id())
            .collect();
        assert_eq!(links, [sender.span_id()]);
        assert_eq!(attribute(process, "messaging.system"), "shopbus");
        assert_eq!(attribute(process, "messaging.operation.type"), "process");
        assert_eq!(
            attribute(process, "messaging.destination.name"),
            "payment.commands"
        );
        assert_eq!(
            attribute(process, "messaging.consumer.group.name"),
            "payment"
        );
        assert_eq!(attribute(process, "messaging.message.id"), "msg-1");
        assert_eq!(
            attribute(process, "messaging.message.conversation_id"),
            "ord-1"
        );
        assert_eq!(attribute(process, "shop.bus.delivery_count"), "2");
    }

    #[test]
    fn an_event_starts_a_new_trace_that_links_to_the_sender() {
        let (sender, message) = message(topics::ORDER_CONFIRMED);
        let span = process_span("notification", &message, 1);
        let process = context_of(&span);
        drop(span);

        assert_ne!(process.trace_id(), sender.trace_id());
        let ended = telemetry().only_span(process.trace_id());
        let links: Vec<_> = ended
            .links
            .iter()
            .map(|link| link.span_context.clone())
            .collect();
        assert_eq!(links[0].trace_id(), sender.trace_id());
        assert_eq!(links[0].span_id(), sender.span_id());
    }
}
