use opentelemetry::trace::SpanContext;
use opentelemetry_sdk::trace::SpanData;
use prost::Message;

use super::*;
use crate::{
    messaging::{BusClient, testing::Fixture},
    proto::BusMessage,
    telemetry::{
        span,
        testing::{attribute, context_of, telemetry},
    },
};

const ORDER: &str = "ord-1";

/// An order service without a bus: what it would send stays in its outbox.
struct Orders {
    fixture: Fixture,
    orchestrator: Orchestrator,
    placed_in: SpanContext,
    replies: u32,
}

impl Orders {
    /// With one order that was just placed.
    async fn placed() -> Self {
        telemetry();
        let fixture = Fixture::new(store::SCHEMA, store::seed);
        let bus = BusClient::new("http://127.0.0.1:1").unwrap();
        let outbox = Outbox::new(fixture.database.clone(), bus);
        let orchestrator = Orchestrator {
            database: fixture.database.clone(),
            outbox,
        };
        let order = Order {
            id: ORDER.into(),
            customer_id: "customer-001".into(),
            session_id: "session-1".into(),
            card_token: "tok_visa_4242".into(),
            total_cents: 4_200,
        };
        let line = CartLine {
            sku: "SKU-0001".into(),
            quantity: 2,
            ..CartLine::default()
        };
        let place = span("server", "shop.Order/Place");
        let placed_in = context_of(&place);
        orchestrator
            .begin(order, vec![line])
            .instrument(place)
            .await
            .unwrap();
        Self {
            fixture,
            orchestrator,
            placed_in,
            replies: 0,
        }
    }

    /// A reply as it comes over the bus, each in a message and a process span of its own.
    async fn reply(&mut self, step: &str, reason: &str) {
        self.replies += 1;
        let reply = StepReply {
            order_id: ORDER.into(),
            step: step.into(),
            succeeded: reason.is_empty(),
            reason: reason.into(),
        };
        self.deliver(&format!("msg-{}", self.replies), &reply).await;
    }

    async fn deliver(&self, message_id: &str, reply: &StepReply) {
        let message = BusMessage {
            id: message_id.to_owned(),
            body: reply.encode_to_vec(),
            ..BusMessage::default()
        };
        let process = span("consumer", "process order.replies");
        self.orchestrator
            .clone()
            .handle(Received { message })
            .instrument(process)
            .await
            .unwrap();
    }

    async fn time_out(&self) {
        let work = |tx: &Statements<'_>| advance(tx, ORDER, Event::TimedOut, "no answer in time");
        self.fixture.run(work).await;
    }

    async fn state(&self) -> String {
        self.fixture
            .run(|tx| store::saga(tx, ORDER))
            .await
            .unwrap()
            .saga
            .state
            .name()
            .to_owned()
    }

    fn step_spans(&self) -> Vec<SpanData> {
        let spans = telemetry().spans(self.placed_in.trace_id()).into_iter();
        spans
            .filter(|span| span.name.starts_with("saga "))
            .collect()
    }

    fn step_span(&self, name: &str) -> SpanData {
        self.step_spans()
            .into_iter()
            .find(|span| span.name == name)
            .unwrap()
    }
}

#[tokio::test]
async fn a_good_order_sends_its_commands_one_after_the_other() {
    let mut orders = Orders::placed().await;
    for step in ["reserve", "authorise", "book", "capture"] {
        orders.reply(step, "").await;
    }

    let expected = [
        "inventory.reserve",
        "payment.authorise",
        "shipping.book",
        "payment.capture",
        "order.confirmed",
    ];
    assert_eq!(orders.fixture.kinds().await, expected);
    assert_eq!(orders.state().await, "CONFIRMED");
    assert_eq!(
        attribute(&orders.step_span("saga confirm"), "shop.saga.outcome"),
        "confirmed"
    );
}

#[tokio::test]
async fn steps_stand_side_by_side_below_the_span_that_placed_the_order() {
    let mut orders = Orders::placed().await;
    orders.reply("reserve", "").await;
    orders.reply("authorise", "").await;

    let steps = orders.step_spans();
    let names: Vec<_> = steps.iter().map(|step| step.name.as_ref()).collect();
    assert_eq!(names, ["saga reserve", "saga authorise", "saga book"]);
    assert!(
        steps
            .iter()
            .all(|step| step.parent_span_id == orders.placed_in.span_id())
    );
    assert_eq!(attribute(&steps[1], "shop.saga.step"), "authorise");
    assert_eq!(attribute(&steps[1], "shop.saga.state"), "RESERVED");
    assert_eq!(attribute(&steps[1], "shop.order.id"), ORDER);
    // The first has no cause but its parent; each later one links to the reply that set it off.
    let links: Vec<_> = steps.iter().map(|step| step.links.len()).collect();
    assert_eq!(links, [0, 1, 1]);
}

#[tokio::test]
async fn a_declined_card_is_compensated_by_a_span_that_links_to_what_it_undoes() {
    let mut orders = Orders::placed().await;
    orders.reply("reserve", "").await;
    orders.reply("authorise", "card declined").await;
    orders.reply("release", "").await;

    let expected = [
        "inventory.reserve",
        "payment.authorise",
        "inventory.release",
        "order.rejected",
    ];
    assert_eq!(orders.fixture.kinds().await, expected);
    assert_eq!(orders.state().await, "REJECTED");

    let (reserve, release) = (
        orders.step_span("saga reserve"),
        orders.step_span("saga release"),
    );
    let linked: Vec<_> = release
        .links
        .iter()
        .map(|link| link.span_context.span_id())
        .collect();
    assert!(linked.contains(&reserve.span_context.span_id()));
    assert_eq!(attribute(&release, "shop.saga.compensation"), "true");
    let reject = orders.step_span("saga reject");
    assert_eq!(attribute(&reject, "shop.saga.outcome"), "compensated");
    assert_eq!(attribute(&reject, "shop.saga.reason"), "card declined");
    assert_eq!(reject.status, opentelemetry::trace::Status::Unset);
}

#[tokio::test]
async fn a_reply_delivered_twice_moves_the_saga_once() {
    let orders = Orders::placed().await;
    let reply = StepReply {
        order_id: ORDER.into(),
        step: "reserve".into(),
        succeeded: true,
        ..Default::default()
    };

    orders.deliver("msg-1", &reply).await;
    orders.deliver("msg-1", &reply).await;

    assert_eq!(
        orders.fixture.kinds().await,
        ["inventory.reserve", "payment.authorise"]
    );
}

#[tokio::test]
async fn a_saga_goes_on_in_its_trace_when_time_is_up() {
    let orders = Orders::placed().await;

    orders.time_out().await;

    assert_eq!(
        orders.fixture.kinds().await,
        ["inventory.reserve", "inventory.reserve"]
    );
    let attempts: Vec<_> = orders
        .step_spans()
        .iter()
        .map(|step| attribute(step, "shop.saga.attempt"))
        .collect();
    assert_eq!(attempts, ["1", "2"]);
}

#[tokio::test]
async fn a_capture_that_never_succeeds_ends_in_a_failed_span_for_a_person() {
    let mut orders = Orders::placed().await;
    for step in ["reserve", "authorise", "book"] {
        orders.reply(step, "").await;
    }
    for _ in 0..5 {
        orders.time_out().await;
    }

    assert_eq!(orders.state().await, "STUCK");
    let park = orders.step_span("saga park");
    assert_eq!(attribute(&park, "shop.saga.outcome"), "stuck");
    assert_eq!(attribute(&park, "error.type"), "saga_stuck");
}
