//! A program that is instrumented with the OpenTelemetry SDK for Python.

use tests::{Habits, JAVASCRIPT, Order, SpandrelProcess, run_python_order};

/// Python's exporters leave out the W3C bits of spans and links and the trace state of links; its random ids have
/// the flag that says so.
const PYTHON: Habits = Habits {
    span_flags: 0x100,
    link_flags: 0x300,
    has_link_trace_state: false,
    log_flags: 3,
    ..JAVASCRIPT
};

const GZIP: [(&str, &str); 1] = [("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")];

/// Expects every field of the order to be as it was sent, whichever way it came.
pub(crate) async fn assert_is_stored(spandrel: &SpandrelProcess, order: &Order) {
    assert_eq!(order.resource["service.name"], "python-shop");
    order.assert_spans_are_stored(spandrel, &PYTHON).await;
    order.assert_logs_are_stored(spandrel, &PYTHON).await;
}

async fn order_arrives(protocol: &str, settings: &[(&str, &str)]) {
    let spandrel = SpandrelProcess::start().await;
    let address = match protocol {
        "grpc" => spandrel.otlp_grpc,
        _ => spandrel.otlp_http,
    };
    let endpoint = format!("http://{address}");
    let endpoint = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
    let settings = [&endpoint, settings].concat();

    let order = Order::from_json(&run_python_order(protocol, &settings).await);

    assert_is_stored(&spandrel, &order).await;
}

#[tokio::test]
async fn an_order_placed_with_the_python_sdk_arrives_over_grpc_field_by_field() {
    order_arrives("grpc", &[]).await;
}

#[tokio::test]
async fn an_order_placed_with_the_python_sdk_arrives_over_http_field_by_field() {
    order_arrives("http", &[]).await;
}

#[tokio::test]
async fn an_order_placed_with_the_python_sdk_arrives_compressed_field_by_field() {
    order_arrives("grpc", &GZIP).await;
    order_arrives("http", &GZIP).await;
}
