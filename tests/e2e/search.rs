//! Finding traces without knowing their ids.

use http::StatusCode;
use serde_json::Value;
use tests::{HttpClient, SpandrelProcess, export_logs, export_spans};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

async fn export(spandrel: &SpandrelProcess, service: &str, trace_id: &str, names: &[&str]) {
    let otlp = HttpClient::new(spandrel.otlp_http);
    let spans = export_spans(service, trace_id, names);
    otlp.post("/v1/traces", &JSON, spans)
        .await
        .json(StatusCode::OK);
}

fn trace_ids(traces: &[Value]) -> Vec<&str> {
    let mut ids: Vec<_> = traces
        .iter()
        .map(|it| it["trace_id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn traces_are_found_by_service_name_and_attribute() {
    let spandrel = SpandrelProcess::start().await;
    let (one, two) = ("11".repeat(16), "22".repeat(16));
    export(&spandrel, "gateway", &one, &["POST /orders"]).await;
    export(&spandrel, "cart", &one, &["add item"]).await;
    export(&spandrel, "cart", &two, &["clear"]).await;

    assert_eq!(trace_ids(&spandrel.search("service:gateway").await), [&one]);
    assert_eq!(
        trace_ids(&spandrel.search("service:cart").await),
        [&one, &two]
    );
    assert_eq!(
        trace_ids(&spandrel.search("name:\"POST /orders\"").await),
        [&one]
    );
    assert_eq!(
        trace_ids(&spandrel.search("service:cart name:clear").await),
        [&two]
    );
    assert!(
        spandrel
            .search("service:gateway name:clear")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn services_and_operations_are_listed_with_their_counts() {
    let spandrel = SpandrelProcess::start().await;
    export(
        &spandrel,
        "gateway",
        &"11".repeat(16),
        &["POST /orders", "check key"],
    )
    .await;
    export(&spandrel, "cart", &"11".repeat(16), &["add item"]).await;

    let services = spandrel.api.get_json("/api/v1/services").await;
    let services = services["services"].as_array().unwrap();
    let services: Vec<_> = services
        .iter()
        .map(|it| (it["name"].as_str().unwrap(), &it["span_count"]))
        .collect();
    assert_eq!(
        services,
        [("cart", &Value::from(1)), ("gateway", &Value::from(2))]
    );

    let operations = spandrel
        .api
        .get_json("/api/v1/services/gateway/operations")
        .await;
    let operations = operations["operations"].as_array().unwrap();
    let names: Vec<_> = operations
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["POST /orders", "check key"]);
}

#[tokio::test]
async fn log_records_are_found_by_parts_of_their_body_and_regular_expressions() {
    let spandrel = SpandrelProcess::start().await;
    let otlp = HttpClient::new(spandrel.otlp_http);
    let records = ["Card declined after 12 ms", "card declined", "accepted"];
    let request = export_logs("payment", "", &records);
    otlp.post("/v1/logs", &JSON, request)
        .await
        .json(StatusCode::OK);

    for (query, expected) in [
        ("case:Card", &records[..1]),
        ("decl*", &records[..2]),
        ("%22ccept%22", &records[2..]),
        ("body~%22after%20%5Cd%7B2%7D%20ms$%22", &records[..1]),
    ] {
        let found = spandrel.logs(&format!("q={query}")).await;
        let bodies: Vec<_> = found
            .iter()
            .map(|it| it["body"].as_str().unwrap())
            .collect();
        assert_eq!(bodies, expected, "{query}");
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_read_is_refused_by_name() {
    let spandrel = SpandrelProcess::start().await;

    let answer = spandrel.api.get("/api/v1/traces?q=duration%3E").await;

    let error = &answer.json(StatusCode::BAD_REQUEST)["error"];
    assert_eq!(error["code"], "invalid_parameter");
    assert_eq!(error["parameter"], "q");
}
