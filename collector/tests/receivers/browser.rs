//! Telemetry from web pages.

use http::{Method, StatusCode};

use crate::support::{Answer, Client, Receivers, spans_json};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn preflight(receivers: &Receivers, origin: &str) -> Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];
    Client::http1(receivers.http)
        .send(Method::OPTIONS, "/v1/traces", &headers, "")
        .await
}

#[tokio::test]
async fn pages_of_this_machine_may_send() {
    let receivers = Receivers::start().await;
    let origin = "http://localhost:5173";

    let allowed = preflight(&receivers, origin).await;
    assert_eq!(allowed.status, StatusCode::OK);
    assert_eq!(allowed.header("access-control-allow-origin"), origin);
    assert_eq!(allowed.header("access-control-allow-methods"), "POST");
    assert_eq!(
        allowed.header("access-control-allow-headers"),
        "content-type"
    );

    let client = Client::http1(receivers.http);
    let answer = client
        .post(
            "/v1/traces",
            &[JSON, ("origin", origin)],
            spans_json(&["a"]),
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("access-control-allow-origin"), origin);
    assert_eq!(receivers.span_names(), ["a"]);
}

#[tokio::test]
async fn other_pages_may_not_send_unless_they_are_listed() {
    let origin = "https://shop.example";

    let receivers = Receivers::start().await;
    let refused = preflight(&receivers, origin).await;
    assert_eq!(refused.header("access-control-allow-origin"), "");

    let flags = [
        "--otlp-allowed-origins",
        "https://other.example,https://shop.example",
    ];
    let receivers = Receivers::start_with(&flags).await;
    let allowed = preflight(&receivers, origin).await;
    assert_eq!(allowed.header("access-control-allow-origin"), origin);
}

#[tokio::test]
async fn no_page_may_send_when_told_so() {
    let receivers = Receivers::start_with(&["--otlp-allowed-origins", "none"]).await;

    let refused = preflight(&receivers, "http://localhost:5173").await;

    assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.header("access-control-allow-origin"), "");
}
