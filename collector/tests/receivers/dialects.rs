//! What holds for every protocol that is not OTLP: who may send, and in whose words a sender is refused.

use access::NewToken;
use http::StatusCode;

use crate::support::{Client, Receivers};

const JSON: (&str, &str) = ("content-type", "application/json");
const FOREIGN: (&str, &str) = ("host", "evil.example");
const PATHS: [&str; 3] = ["/api/v2/spans", "/loki/api/v1/push", "/api/v1/ingest/logs"];

#[tokio::test]
async fn requests_for_names_of_others_are_refused_at_every_path_and_port() {
    let receivers = Receivers::start_with(&["--zipkin-listen", "127.0.0.1:0"]).await;

    for address in [receivers.http, receivers.zipkin.unwrap()] {
        let client = Client::http1(address);
        for path in PATHS {
            let answer = client.post(path, &[JSON, FOREIGN], "[]").await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
            assert!(answer.text().contains("--allowed-hosts"), "{path}");
        }
    }
}

#[tokio::test]
async fn where_tokens_are_asked_for_every_path_asks_for_one() {
    let token = NewToken::generate("shop").unwrap();
    let receivers = Receivers::start_with(&["--ingest-token", &token.line]).await;
    let client = Client::http1(receivers.http);
    let bearer = format!("Bearer {}", token.token.expose());

    for path in PATHS {
        let refused = client.post(path, &[JSON], "[]").await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(
            refused.header("www-authenticate"),
            "Bearer realm=\"spandrel\"",
            "{path}"
        );
    }
    let body = r#"[{"msg":"a"}]"#;
    let with_token = [JSON, ("authorization", bearer.as_str())];
    let taken = client.post("/api/v1/ingest/logs", &with_token, body).await;
    assert_eq!(taken.json()["accepted"], 1);
}
