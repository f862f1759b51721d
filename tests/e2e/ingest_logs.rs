//! Log records on their way in, and back by the trace they belong to.

use http::StatusCode;
use serde_json::{Value, json};
use tests::{HttpClient, SpandrelProcess, export_logs};

const TRACE_ID: &str = "5b8efff798038103d269b633813fc60c";
const OTHER_TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

fn bodies(logs: &[Value]) -> Vec<&str> {
    logs.iter()
        .map(|record| record["body"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn logs_by_trace_id_are_the_records_of_that_trace_alone() {
    let spandrel = SpandrelProcess::start().await;
    let otlp = HttpClient::new(spandrel.otlp_http);

    for (trace_id, records) in [
        (TRACE_ID, &["stock reserved", "card charged"][..]),
        (OTHER_TRACE_ID, &["stock is short"][..]),
        ("", &["nothing to do with a trace"][..]),
    ] {
        let request = export_logs("checkout", trace_id, records);
        let answer = otlp.post("/v1/logs", &JSON, request).await;
        assert_eq!(answer.json(StatusCode::OK), json!({}));
    }

    let logs = spandrel.logs(&format!("trace_id={TRACE_ID}")).await;
    assert_eq!(bodies(&logs), ["stock reserved", "card charged"]);
    let logs = spandrel.logs(&format!("trace_id={OTHER_TRACE_ID}")).await;
    assert_eq!(bodies(&logs), ["stock is short"]);
    assert_eq!(spandrel.logs("").await.len(), 4);
}

#[tokio::test]
async fn logs_are_found_by_words_of_their_body_in_any_case() {
    let spandrel = SpandrelProcess::start().await;
    let otlp = HttpClient::new(spandrel.otlp_http);
    let records = ["Card DECLINED by the issuer", "card charged", "declinedish"];
    let request = export_logs("checkout", TRACE_ID, &records);
    otlp.post("/v1/logs", &JSON, request)
        .await
        .json(StatusCode::OK);

    let logs = spandrel.logs("q=declined%20card").await;

    assert_eq!(bodies(&logs), ["Card DECLINED by the issuer"]);
}
