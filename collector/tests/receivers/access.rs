//! Who may send.

use access::NewToken;
use http::{Method, StatusCode};
use tokio::time::timeout;

use crate::support::{Client, PATIENCE, Receivers, spans_json, spans_protobuf};

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const FOREIGN: (&str, &str) = ("host", "evil.example");

#[tokio::test]
async fn requests_for_names_of_others_are_refused_in_the_form_of_the_request() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);

    let json = client
        .post("/v1/traces", &[JSON, FOREIGN], spans_json(&["a"]))
        .await;
    assert_eq!(json.status, StatusCode::FORBIDDEN);
    assert_eq!(json.json()["code"], 7);
    let message = json.json()["message"].to_string();
    assert!(message.contains("--allowed-hosts"), "{message}");
    assert_eq!(json.header("retry-after"), "");

    let protobuf = client
        .post("/v1/traces", &[PROTOBUF, FOREIGN], spans_protobuf(&["a"]))
        .await;
    assert_eq!(protobuf.status, StatusCode::FORBIDDEN);
    assert_eq!(protobuf.rpc_status().code, 7);

    let page = client.send(Method::GET, "/", &[FOREIGN], "").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert_eq!(receivers.span_names(), [""; 0]);
}

#[tokio::test]
async fn grpc_for_names_of_others_is_refused_for_good() {
    let receivers = Receivers::start().await;
    let client = Client::http2(receivers.grpc);

    let refused = client
        .call(TRACES, &[FOREIGN], &spans_protobuf(&["a"]))
        .await;

    let (code, status) = refused.grpc_failure();
    assert_eq!(code, "7");
    assert_eq!(status.detail_types(), [""; 0], "no RetryInfo");
    assert_eq!(receivers.span_names(), [""; 0]);
}

#[tokio::test]
async fn a_page_of_another_name_gets_no_answer_to_its_preflight() {
    let receivers = Receivers::start().await;
    let headers = [
        FOREIGN,
        ("origin", "http://localhost:5173"),
        ("access-control-request-method", "POST"),
    ];

    let answer = Client::http1(receivers.http)
        .send(Method::OPTIONS, "/v1/traces", &headers, "")
        .await;

    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

fn bearer(token: &NewToken) -> String {
    format!("Bearer {}", token.token.expose())
}

#[tokio::test]
async fn with_a_token_of_this_server_senders_are_let_in_over_both_transports() {
    let token = NewToken::generate("shop").unwrap();
    let receivers = Receivers::start_with(&["--ingest-token", &token.line]).await;
    let authorization = bearer(&token);
    let authorization = ("authorization", authorization.as_str());

    let http = Client::http1(receivers.http)
        .post("/v1/traces", &[JSON, authorization], spans_json(&["a"]))
        .await;
    assert_eq!(http.status, StatusCode::OK);
    let grpc = Client::http2(receivers.grpc)
        .call(TRACES, &[authorization], &spans_protobuf(&["b"]))
        .await;
    grpc.grpc_message();

    assert_eq!(receivers.span_names(), ["a", "b"]);
}

#[tokio::test]
async fn without_a_token_of_this_server_senders_are_turned_away_for_good() {
    let token = NewToken::generate("shop").unwrap();
    let receivers = Receivers::start_with(&["--ingest-token", &token.line]).await;
    let other = bearer(&NewToken::generate("shop").unwrap());
    let wrong = [("authorization", other.as_str())];
    let client = Client::http1(receivers.http);

    let missing = client.post("/v1/traces", &[JSON], spans_json(&["a"])).await;
    assert_eq!(missing.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        missing.header("www-authenticate"),
        "Bearer realm=\"spandrel\""
    );
    assert_eq!(missing.header("retry-after"), "");
    assert_eq!(
        missing.json()["message"],
        "this server takes telemetry with a token only: send it as \"authorization: Bearer TOKEN\""
    );

    let headers = [PROTOBUF, wrong[0]];
    let unknown = client
        .post("/v1/logs", &headers, spans_protobuf(&["a"]))
        .await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
    assert_eq!(unknown.rpc_status().code, 16);
    assert_eq!(
        unknown.rpc_status().message,
        "the token in \"authorization\" is none of this server's"
    );

    for headers in [&[][..], &wrong] {
        let refused = Client::http2(receivers.grpc)
            .call(TRACES, headers, &spans_protobuf(&["a"]))
            .await;
        let (code, status) = refused.grpc_failure();
        assert_eq!(code, "16");
        assert_eq!(status.detail_types(), [""; 0], "no RetryInfo");
    }
    for path in ["/", "/v1/metrics", "/nothing"] {
        let refused = client.send(Method::GET, path, &[], "").await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(receivers.span_names(), [""; 0]);
}

#[tokio::test]
async fn the_body_of_a_stranger_takes_no_memory() {
    let token = NewToken::generate("shop").unwrap();
    let flags = [
        "--ingest-token",
        token.line.as_str(),
        "--max-request-bytes",
        "1KiB",
    ];
    let receivers = Receivers::start_with(&flags).await;

    let refused = Client::http1(receivers.http)
        .post("/v1/traces", &[PROTOBUF], vec![0; 4096])
        .await;

    assert_eq!(
        refused.status,
        StatusCode::UNAUTHORIZED,
        "not 413: it was not looked at"
    );
}

#[tokio::test]
async fn browsers_ask_for_leave_without_a_token_and_send_with_one() {
    let token = NewToken::generate("page").unwrap();
    let flags = [
        "--ingest-token",
        token.line.as_str(),
        "--cors-origin",
        "loopback",
    ];
    let receivers = Receivers::start_with(&flags).await;
    let client = Client::http1(receivers.http);
    let origin = ("origin", "http://localhost:5173");
    let headers = [
        origin,
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "authorization,content-type",
        ),
    ];

    let preflight = client
        .send(Method::OPTIONS, "/v1/traces", &headers, "")
        .await;
    assert_eq!(preflight.status, StatusCode::OK);
    assert_eq!(
        preflight.header("access-control-allow-headers"),
        "authorization,content-type"
    );

    let refused = client
        .post("/v1/traces", &[JSON, origin], spans_json(&["a"]))
        .await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        refused.header("access-control-allow-origin"),
        origin.1,
        "the page may read why"
    );
    let headers = [JSON, origin, ("authorization", &bearer(&token))];
    let taken = client
        .post("/v1/traces", &headers, spans_json(&["a"]))
        .await;
    assert_eq!(taken.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_may_come_in_a_header_of_another_name() {
    let token = NewToken::generate("shop").unwrap();
    let flags = [
        "--ingest-token",
        token.line.as_str(),
        "--ingest-token-header",
        "X-Api-Key",
    ];
    let receivers = Receivers::start_with(&flags).await;
    let client = Client::http1(receivers.http);

    let key = ("x-api-key", token.token.expose());
    let taken = client
        .post("/v1/traces", &[JSON, key], spans_json(&["a"]))
        .await;
    assert_eq!(taken.status, StatusCode::OK);
    let elsewhere = ("authorization", bearer(&token));
    let elsewhere = ("authorization", elsewhere.1.as_str());
    let refused = client
        .post("/v1/traces", &[JSON, elsewhere], spans_json(&["b"]))
        .await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        refused.json()["message"],
        "this server takes telemetry with a token only: send it as \"x-api-key: TOKEN\""
    );
}

#[tokio::test]
async fn a_changed_file_of_tokens_counts_without_a_restart() {
    let (old, new) = (
        NewToken::generate("shop").unwrap(),
        NewToken::generate("shop").unwrap(),
    );
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tokens");
    std::fs::write(&file, &old.line).unwrap();
    let flags = ["--ingest-token-file", file.to_str().unwrap()];
    let receivers = Receivers::start_with(&flags).await;
    let client = Client::http1(receivers.http);
    let status = async |token: &NewToken| {
        let headers = [JSON, ("authorization", &bearer(token))];
        let answer = client.post("/v1/traces", &headers, "{}").await;
        answer.status
    };
    assert_eq!(status(&old).await, StatusCode::OK);
    assert_eq!(status(&new).await, StatusCode::UNAUTHORIZED);

    std::fs::write(&file, &new.line).unwrap();
    let changed = async {
        while status(&new).await != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, changed).await.unwrap();

    assert_eq!(status(&old).await, StatusCode::UNAUTHORIZED);
}
