//! Programs that are instrumented with the OpenTelemetry SDK for Node, or with the OpenTelemetry built into Deno.

use serde_json::{Value, json};
use tests::{
    Habits, JAVASCRIPT, Order, SpandrelProcess, run_deno_order, run_node_order, stored_logs,
};

/// To Deno numbers are doubles, times in milliseconds too; its links have no trace state, its scopes no schema.
const DENO: Habits = Habits {
    has_link_trace_state: false,
    has_integers: false,
    has_schema_url: false,
    ..JAVASCRIPT
};

async fn node_order_arrives(encoding: &str, compression: &str) {
    let spandrel = SpandrelProcess::start().await;
    let endpoint = format!("http://{}", spandrel.otlp_http);
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", compression),
    ];

    let order = Order::from_json(&run_node_order(encoding, &settings).await);

    assert_eq!(order.failures, Vec::<String>::new());
    assert_eq!(order.resource["service.name"], "node-shop");
    order.assert_spans_are_stored(&spandrel, &JAVASCRIPT).await;
    order.assert_logs_are_stored(&spandrel, &JAVASCRIPT).await;
}

#[tokio::test]
async fn an_order_placed_with_the_node_sdk_arrives_as_json_field_by_field() {
    node_order_arrives("json", "none").await;
}

#[tokio::test]
async fn an_order_placed_with_the_node_sdk_arrives_as_protobuf_field_by_field() {
    node_order_arrives("protobuf", "none").await;
}

#[tokio::test]
async fn an_order_placed_with_the_node_sdk_arrives_compressed_field_by_field() {
    node_order_arrives("json", "gzip").await;
    node_order_arrives("protobuf", "gzip").await;
}

async fn deno_order_arrives(protocol: &str) {
    let spandrel = SpandrelProcess::start().await;
    let endpoint = format!("http://{}", spandrel.otlp_http);
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_SERVICE_NAME", "deno-shop"),
    ];
    let (printed, line) = match run_deno_order(&settings).await {
        Ok(printed) => printed,
        Err(reason) => return skipped(&reason),
    };

    let order = Order::from_json(&printed);
    order.assert_spans_are_stored(&spandrel, &DENO).await;
    // The line it printed is a log record too. Its time is not known here.
    let mut logs = stored_logs(&spandrel, &DENO).await;
    let [log] = logs.as_mut_slice() else {
        panic!("not one log record: {logs:?}");
    };
    let times = ["timeUnixNano", "observedTimeUnixNano"].map(|key| log["record"][key].take());
    assert_eq!(times[0], times[1]);
    let expected = json!({
        "resource": order.resource,
        "scope": { "name": "deno", "version": printed["version"] },
        "schemaUrl": null,
        "record": {
            "timeUnixNano": null,
            "observedTimeUnixNano": null,
            "severityNumber": 9,
            "severityText": "INFO",
            "body": { "stringValue": line },
            "attributes": [{ "key": "log.iostream", "value": { "stringValue": "stdout" } }],
        },
    });
    assert_eq!(*log, expected);
    // It exports metrics without being asked; they are answered and not stored.
    let status: Value = spandrel.api.get_json("/api/v1/status").await;
    assert_eq!(status["stored"]["spans"], 2);
}

#[expect(clippy::print_stderr, reason = "whoever runs the tests must see it")]
fn skipped(reason: &str) {
    eprintln!("SKIPPED: Deno's exporter is not tested, because npm brought no Deno: {reason}");
}

#[tokio::test]
async fn an_order_traced_by_deno_itself_arrives_as_protobuf_field_by_field() {
    deno_order_arrives("http/protobuf").await;
}

#[tokio::test]
async fn an_order_traced_by_deno_itself_arrives_as_json_field_by_field() {
    deno_order_arrives("http/json").await;
}
