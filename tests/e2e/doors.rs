//! Senders that do not speak OTLP: what they send is found by search, and joined with its trace.

use std::net::SocketAddr;

use http::StatusCode;
use serde_json::{Value, json};
use tests::{HttpClient, SpandrelProcess, run_python_doors};

const TRACE_ID: &str = "5b8efff798038103d269b633813fc60c";
const CLIENT_SPAN_ID: &str = "eee19b7ec3c1b174";
const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const LINES: (&str, &str) = ("content-type", "application/x-ndjson");

/// A call as Brave's reporter writes it: the client's half, and the server's with the same id.
fn call() -> String {
    format!(
        r#"[{{"traceId":"{TRACE_ID}","id":"{CLIENT_SPAN_ID}","kind":"CLIENT","name":"get",
            "timestamp":1790000000000000,"duration":207000,
            "localEndpoint":{{"serviceName":"frontend","ipv4":"127.0.0.1"}},
            "remoteEndpoint":{{"ipv4":"192.168.99.101","port":9000}},"tags":{{"http.path":"/pay"}}}},
          {{"traceId":"{TRACE_ID}","id":"{CLIENT_SPAN_ID}","kind":"SERVER","name":"get /pay",
            "timestamp":1790000000010000,"duration":180000,"shared":true,
            "localEndpoint":{{"serviceName":"pay","ipv4":"192.168.99.101","port":9000}},
            "tags":{{"error":"card declined"}}}}]"#
    )
}

/// A push as Promtail sends it: protobuf in a block of snappy, with the trace id as structured metadata.
fn promtail_push() -> Vec<u8> {
    fn field(tag: u8, content: &[u8]) -> Vec<u8> {
        // Two bytes of length, which a varint may have for a short one too.
        let length = u8::try_from(content.len() % 128).unwrap() | 0x80;
        let length = [length, u8::try_from(content.len() / 128).unwrap()];
        [&[tag << 3 | 2][..], &length, content].concat()
    }
    let time = [0x08, 0x80, 0xf7, 0xc4, 0xd5, 0x06, 0x10, 5];
    let pair = [field(1, b"trace_id"), field(2, TRACE_ID.as_bytes())].concat();
    let line = b"level=warn msg=\"declined by the issuer\"";
    let entry = [field(1, &time), field(2, line), field(3, &pair)].concat();
    let labels = br#"{filename="/var/log/pay.log", job="pay"}"#;
    let stream = [field(1, labels), field(2, &entry)].concat();
    snappy(&field(1, &stream))
}

/// A block of snappy that is not shorter than what it holds: literals of at most 60 bytes.
fn snappy(body: &[u8]) -> Vec<u8> {
    assert!((128..16_384).contains(&body.len()), "two bytes of length");
    let low = u8::try_from(body.len() % 128).unwrap() | 0x80;
    let mut block = vec![low, u8::try_from(body.len() / 128).unwrap()];
    for literal in body.chunks(60) {
        block.push(u8::try_from(literal.len() - 1).unwrap() << 2);
        block.extend_from_slice(literal);
    }
    block
}

fn loki_push(address: SocketAddr) -> (HttpClient, &'static str) {
    (HttpClient::new(address), "/loki/api/v1/push")
}

fn summary(record: &Value) -> Value {
    json!([
        record["body"],
        record["service"],
        record["severity_number"],
        record["trace_id"]
    ])
}

#[tokio::test]
async fn a_zipkin_reporter_at_its_own_port_and_promtail_make_one_trace_with_its_logs() {
    let spandrel = SpandrelProcess::start_with(&["--zipkin-listen", "127.0.0.1:0"]).await;
    let zipkin = HttpClient::new(spandrel.zipkin.unwrap());
    let (loki, push) = loki_push(spandrel.otlp_http);

    let answer = zipkin.post("/api/v2/spans", &[JSON], call()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let tenant = ("x-scope-orgid", "shop");
    let answer = loki.post(push, &[PROTOBUF, tenant], promtail_push()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());

    let trace = spandrel.trace(TRACE_ID).await;
    assert_eq!(trace.names(), ["get", "get /pay"]);
    let services: Vec<_> = trace.services().into_iter().collect();
    assert_eq!(services, ["frontend", "pay"]);
    let server = trace.span("get /pay");
    assert_eq!((server.kind, server.status_code), (2, 2));
    assert_eq!(
        trace.span("get").attributes["http.path"],
        json!({ "stringValue": "/pay" })
    );
    let logs = spandrel.logs(&format!("trace_id={TRACE_ID}")).await;
    let line = "level=warn msg=\"declined by the issuer\"";
    assert_eq!(
        logs.iter().map(summary).collect::<Vec<_>>(),
        [json!([line, "pay", 13, TRACE_ID])]
    );
    assert_eq!(spandrel.logs("q=service:pay+issuer").await.len(), 1);
}

#[tokio::test]
async fn pushes_of_vector_and_fluent_bit_are_found_by_words_labels_and_trace() {
    let spandrel = SpandrelProcess::start().await;
    let (loki, push) = loki_push(spandrel.otlp_http);
    // Vector writes the event as JSON into the line, Fluent Bit what is left of the record.
    let vector = json!({ "streams": [{
        "stream": { "app": "cart", "env": "prod" },
        "values": [[
            "1790000000000000001",
            json!({ "message": "stock reserved", "level": "info", "trace_id": TRACE_ID }).to_string(),
        ]],
    }]});
    let fluent_bit = json!({ "streams": [{
        "stream": { "job": "fluent-bit" },
        "values": [["1790000000000000002", "{\"log\":\"stock is short\"}", { "trace_id": TRACE_ID }]],
    }]});

    for body in [vector.to_string(), fluent_bit.to_string()] {
        let answer = loki.post(push, &[JSON], body).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
    }

    let logs = spandrel.logs(&format!("trace_id={TRACE_ID}")).await;
    let services: Vec<_> = logs.iter().map(|it| &it["service"]).collect();
    assert_eq!(services, ["cart", "fluent-bit"]);
    let reserved = spandrel.logs("q=env:prod+reserved").await;
    assert_eq!(reserved.len(), 1);
    assert_eq!(reserved[0]["severity_number"], 9);
}

#[tokio::test]
async fn lines_of_json_are_found_by_their_fields_and_join_their_trace() {
    let spandrel = SpandrelProcess::start().await;
    let client = HttpClient::new(spandrel.otlp_http);
    client.post("/api/v2/spans", &[JSON], call()).await;
    let lines = [
        json!({ "time": "2026-09-21T14:13:20.5Z", "level": "ERROR", "msg": "card declined",
                "trace_id": TRACE_ID, "span_id": CLIENT_SPAN_ID, "http": { "status_code": 402 } })
        .to_string(),
        "a line that is no JSON".to_owned(),
    ];

    let path = "/api/v1/ingest/logs?service=pay";
    let answer = client.post(path, &[LINES], lines.join("\n")).await;

    let expected = json!({ "accepted": 2, "rejected": 0, "errors": [] });
    assert_eq!(answer.json(StatusCode::OK), expected);
    let logs = spandrel.logs(&format!("trace_id={TRACE_ID}")).await;
    assert_eq!(
        logs.iter().map(summary).collect::<Vec<_>>(),
        [json!(["card declined", "pay", 17, TRACE_ID])]
    );
    assert_eq!(logs[0]["span_id"], CLIENT_SPAN_ID);
    assert_eq!(spandrel.logs("q=http.status_code:402").await, logs);
    assert_eq!(spandrel.logs("q=service:pay").await.len(), 2);
}

#[tokio::test]
async fn what_came_by_other_protocols_survives_a_crash() {
    let mut spandrel = SpandrelProcess::start().await;
    let client = HttpClient::new(spandrel.otlp_http);
    let (loki, push) = loki_push(spandrel.otlp_http);
    client.post("/api/v2/spans", &[JSON], call()).await;
    loki.post(push, &[PROTOBUF], promtail_push()).await;

    spandrel.kill().await;
    spandrel.restart().await;

    assert_eq!(spandrel.trace(TRACE_ID).await.names(), ["get", "get /pay"]);
    let logs = spandrel.logs(&format!("trace_id={TRACE_ID}")).await;
    assert_eq!(logs.len(), 1);
}

#[tokio::test]
async fn programs_with_py_zipkin_and_a_loki_handler_find_their_trace_and_the_logs_of_it() {
    let spandrel = SpandrelProcess::start().await;
    let base = format!("http://{}", spandrel.otlp_http);

    let ids = run_python_doors(&base).await;

    let trace_id = ids["trace_id"].as_str().unwrap();
    let trace = spandrel.trace(trace_id).await;
    assert_eq!(trace.names(), ["checkout", "charge card"]);
    let charge = trace.span("charge card");
    assert_eq!((charge.kind, charge.status_code), (3, 2));
    assert_eq!(charge.parent_span_id, trace.span("checkout").span_id);
    let logs = spandrel.logs(&format!("trace_id={trace_id}")).await;
    assert_eq!(
        logs.iter().map(summary).collect::<Vec<_>>(),
        [json!([
            "card of customer 17 declined",
            "loki-checkout",
            13,
            trace_id
        ])]
    );
}
