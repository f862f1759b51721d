//! A program that is instrumented with the OpenTelemetry SDK for Python.

use serde_json::json;
use tests::{PythonCheckout, SpandrelProcess, run_python_checkout};

/// The trace and the log record of `tests/python/checkout.py`, whichever way they came.
pub(crate) async fn assert_is_stored(spandrel: &SpandrelProcess, checkout: &PythonCheckout) {
    let trace = spandrel.trace(&checkout.trace_id).await;
    assert_eq!(trace.names(), ["checkout", "charge card"]);
    assert_eq!(
        trace.services().into_iter().collect::<Vec<_>>(),
        ["python-checkout"]
    );
    let root = trace.span("checkout");
    assert_eq!((root.parent_span_id.as_str(), root.kind), ("", 2));
    assert_eq!(root.span_id, checkout.checkout_span_id);
    assert_eq!(root.attributes["shop.items"], json!({ "intValue": "3" }));
    let charge = trace.span("charge card");
    assert_eq!(charge.parent_span_id, root.span_id);
    assert_eq!(charge.span_id, checkout.charge_span_id);
    assert_eq!((charge.kind, charge.status_code), (3, 2));
    let cards = json!([{ "stringValue": "visa" }, { "stringValue": "amex" }]);
    assert_eq!(
        charge.attributes["shop.cards"],
        json!({ "arrayValue": { "values": cards } })
    );

    let logs = spandrel
        .logs(&format!("trace_id={}", checkout.trace_id))
        .await;
    assert_eq!(logs.len(), 1, "{logs:?}");
    assert_eq!(logs[0]["body"], "card of customer 17 declined");
    assert_eq!(logs[0]["service"], "python-checkout");
    assert_eq!(logs[0]["severity_number"], 13);
    assert_eq!(logs[0]["span_id"], checkout.charge_span_id);
}

#[tokio::test]
async fn a_program_with_the_python_sdk_over_grpc_finds_its_trace_and_the_logs_of_it() {
    let spandrel = SpandrelProcess::start().await;
    let endpoint = format!("http://{}", spandrel.otlp_grpc);

    let checkout = run_python_checkout("grpc", &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]).await;

    assert_is_stored(&spandrel, &checkout).await;
}

#[tokio::test]
async fn a_program_with_the_python_sdk_over_http_finds_its_trace_and_the_logs_of_it() {
    let spandrel = SpandrelProcess::start().await;
    let endpoint = format!("http://{}", spandrel.otlp_http);

    let checkout = run_python_checkout("http", &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]).await;

    assert_is_stored(&spandrel, &checkout).await;
}

#[tokio::test]
async fn compressed_exports_of_the_python_sdk_are_taken_over_both_transports() {
    let spandrel = SpandrelProcess::start().await;
    let endpoints = [("grpc", spandrel.otlp_grpc), ("http", spandrel.otlp_http)];

    for (protocol, address) in endpoints {
        let endpoint = format!("http://{address}");
        let settings = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ];
        let checkout = run_python_checkout(protocol, &settings).await;
        assert_is_stored(&spandrel, &checkout).await;
    }
}
