//! One order, placed with every part of the SDK's interface that an export has a field for.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::trace::{
    Link, Span as _, SpanContext, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceState,
    Tracer as _, TracerProvider as _,
};
use opentelemetry::{Array, Context, InstrumentationScope, Key, KeyValue, SpanId, TraceId, Value};
use tests::{Habits, JAVASCRIPT, Order, SCOPE, SpandrelProcess};

use super::{Instrumented, resource};

/// The SDK for Rust.
const RUST: Habits = JAVASCRIPT;

fn at(nanoseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(1_790_000_000_000_000_000 + nanoseconds)
}

fn scope() -> InstrumentationScope {
    let (name, version, schema_url) = SCOPE;
    InstrumentationScope::builder(name)
        .with_version(version)
        .with_schema_url(schema_url)
        .build()
}

/// Where the order came from: another trace, elsewhere.
fn cart() -> SpanContext {
    SpanContext::new(
        TraceId::from_hex("0af7651916cd43dd8448eb211c80319c").unwrap(),
        SpanId::from_hex("b7ad6b7169203331").unwrap(),
        TraceFlags::SAMPLED,
        true,
        TraceState::from_key_value([("shop", "cart")]).unwrap(),
    )
}

fn attributes() -> Vec<KeyValue> {
    vec![
        KeyValue::new("shop.customer", "Zoë 🛒 \"quoted\"\n"),
        KeyValue::new("shop.note", ""),
        KeyValue::new("shop.items", 3),
        KeyValue::new("shop.total", 12.5),
        KeyValue::new("shop.gift", true),
        KeyValue::new(
            "shop.cards",
            Value::Array(Array::String(vec!["visa".into(), "amex".into()])),
        ),
        KeyValue::new("shop.prices", Value::Array(Array::F64(vec![0.25, 1.75]))),
        KeyValue::new("shop.quantities", Value::Array(Array::I64(vec![1, 2]))),
        KeyValue::new("shop.flags", Value::Array(Array::Bool(vec![true, false]))),
    ]
}

impl Instrumented {
    fn place_order(&self) -> Order {
        let tracer = self.tracers.tracer_with_scope(scope());
        let mut checkout = tracer
            .span_builder("POST /checkout")
            .with_kind(SpanKind::Server)
            .with_start_time(at(1))
            .with_attributes(attributes())
            .start_with_context(&tracer, &Context::new());
        let sku = vec![
            KeyValue::new("shop.sku", "A-1"),
            KeyValue::new("shop.shelf", 7),
        ];
        checkout.add_event_with_timestamp("item reserved", at(50_000_002), sku);
        let checkout_context = checkout.span_context().clone();
        let within = Context::new().with_span(checkout);
        let mut charge = tracer
            .span_builder("charge card")
            .with_kind(SpanKind::Client)
            .with_start_time(at(100_000_003))
            .with_links(vec![Link::new(
                cart(),
                vec![KeyValue::new("shop.cart", "c-9")],
                0,
            )])
            .start_with_context(&tracer, &within);
        charge.set_status(Status::error("card declined"));
        let charge_context = charge.span_context().clone();
        self.log(&charge_context);
        charge.end_with_timestamp(at(200_000_004));
        within.span().end_with_timestamp(at(250_000_005));
        let attribute = |(key, value): (&Key, &Value)| (key.to_string(), value.to_string());
        Order {
            trace_id: checkout_context.trace_id().to_string(),
            checkout_span_id: checkout_context.span_id().to_string(),
            charge_span_id: charge_context.span_id().to_string(),
            resource: resource().iter().map(attribute).collect::<BTreeMap<_, _>>(),
            failures: Vec::new(),
        }
    }

    fn log(&self, span: &SpanContext) {
        let logger = self.loggers.logger_with_scope(scope());
        let mut declined = logger.create_log_record();
        declined.set_event_name("card.declined");
        declined.set_timestamp(at(150_000_006));
        declined.set_observed_timestamp(at(150_000_007));
        declined.set_severity_number(Severity::Warn);
        declined.set_severity_text("WARN");
        let codes = AnyValue::ListAny(Box::new(vec!["51".into(), "05".into()]));
        let body: HashMap<Key, AnyValue> = HashMap::from([
            ("reason".into(), "no money".into()),
            ("attempts".into(), 2.into()),
            ("codes".into(), codes),
            ("final".into(), true.into()),
        ]);
        declined.set_body(AnyValue::Map(Box::new(body)));
        declined.add_attribute("shop.customer", 17);
        declined.add_attribute("shop.card", "visa");
        let flags = Some(span.trace_flags());
        declined.set_trace_context(span.trace_id(), span.span_id(), flags);
        logger.emit(declined);

        let mut closing = logger.create_log_record();
        closing.set_timestamp(at(160_000_008));
        closing.set_observed_timestamp(at(160_000_009));
        closing.set_severity_number(Severity::Info);
        closing.set_severity_text("INFO");
        closing.set_body("the shop closes".into());
        logger.emit(closing);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_placed_with_the_rust_sdk_arrives_over_grpc_field_by_field() {
    let spandrel = SpandrelProcess::start().await;
    let program = Instrumented::start(spandrel.otlp_grpc);

    let order = program.place_order();
    program.shut_down().await;

    order.assert_spans_are_stored(&spandrel, &RUST).await;
    order.assert_logs_are_stored(&spandrel, &RUST).await;
}
