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
async fn pages_of_this_machine_may_send_when_told_so() {
    let receivers = Receivers::start_with(&["--cors-origin", "loopback"]).await;
    let origin = "http://localhost:5173";

    let allowed = preflight(&receivers, origin).await;
    assert_eq!(allowed.status, StatusCode::OK);
    assert_eq!(allowed.header("access-control-allow-origin"), origin);
    assert_eq!(allowed.header("access-control-allow-methods"), "POST");
    assert_eq!(
        allowed.header("access-control-allow-headers"),
        "content-type"
    );
    assert_eq!(allowed.header("access-control-allow-credentials"), "true");

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
    let elsewhere = preflight(&receivers, "https://shop.example").await;
    assert_eq!(elsewhere.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn listed_pages_may_send_and_others_may_not() {
    let flags = [
        "--cors-origin",
        "https://other.example,https://shop.example",
    ];
    let receivers = Receivers::start_with(&flags).await;

    let allowed = preflight(&receivers, "https://shop.example").await;
    let refused = preflight(&receivers, "https://evil.example").await;

    let origin = allowed.header("access-control-allow-origin");
    assert_eq!(origin, "https://shop.example");
    assert_eq!(refused.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn every_page_may_send_without_credentials_when_told_so() {
    let receivers = Receivers::start_with(&["--cors-origin", "*"]).await;

    let allowed = preflight(&receivers, "https://shop.example").await;

    assert_eq!(allowed.header("access-control-allow-origin"), "*");
    assert_eq!(allowed.header("access-control-allow-credentials"), "");
}

#[tokio::test]
async fn no_page_may_send_by_default() {
    let receivers = Receivers::start().await;

    let refused = preflight(&receivers, "http://localhost:5173").await;

    assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.header("access-control-allow-origin"), "");
}
