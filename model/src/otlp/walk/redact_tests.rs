//! No secret survives, whichever way a request is written, and nothing else changes.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use prost::Message as _;
use serde_json::json;

use super::super::testing::{any_logs_payload, any_traces_payload};
use super::super::{Accepted, Encoding, RecordLimits, decode, decode_redacted};
use super::redact::redact;
use super::rewrite::{Rewrite, delimited};
use crate::redact::{DEFAULT_KEYS, Hits, Pattern, Rules};
use crate::signal::Signal;

const CANARY: &str = "hunter2hunter2";
const TOKEN: &str = "Bearer hunter2hunter2";

fn rules() -> Rules {
    let rules = Rules::new(DEFAULT_KEYS, &Pattern::ALL).unwrap();
    rules.unwrap()
}

fn decode_with(rules: &Rules, signal: Signal, body: Bytes) -> (Accepted, Option<Hits>) {
    let limits = RecordLimits::default();
    let take = &mut |_| true;
    let encoding = Encoding::Protobuf;
    decode_redacted(signal, encoding, body, &limits, Some(rules), take).unwrap()
}

fn holds_canary(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, CANARY.as_bytes()).is_some()
}

/// A request with the canary in every place a text can be in, under keys and within texts.
fn traces_with_canary() -> Vec<u8> {
    let text = json!({ "stringValue": format!("x {TOKEN} y") });
    let secret = json!({ "stringValue": CANARY });
    let attributes = json!([
        { "key": "db.password", "value": secret },
        { "key": "password", "value": { "arrayValue": { "values": [secret] } } },
        { "key": "note", "value": text },
        { "key": format!("k {TOKEN}"), "value": { "intValue": "1" } },
        { "key": "nested", "value": { "kvlistValue": { "values": [
            { "key": "Cookie", "value": secret },
            { "key": "list", "value": { "arrayValue": { "values": [text, { "kvlistValue": {
                "values": [{ "key": "api-key", "value": secret }] } }] } } },
        ] } } },
        { "key": "kept", "value": { "stringValue": "kept" } },
    ]);
    let span = json!({
        "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331",
        "traceState": TOKEN, "name": format!("GET {TOKEN}"), "attributes": attributes,
        "events": [{ "name": TOKEN, "attributes": attributes }],
        "links": [{
            "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331",
            "traceState": TOKEN, "attributes": attributes,
        }],
        "status": { "message": TOKEN, "code": 2 },
    });
    let scope = json!({ "name": TOKEN, "version": TOKEN, "attributes": attributes });
    let request = json!({ "resourceSpans": [{
        "resource": { "attributes": attributes }, "schemaUrl": TOKEN,
        "scopeSpans": [{ "scope": scope, "schemaUrl": TOKEN, "spans": [span] }],
    }] });
    let body = Bytes::from(request.to_string());
    let accepted = decode(Signal::Traces, Encoding::Json, body).unwrap();
    assert_eq!(accepted.rejected, None);
    accepted.payload.to_vec()
}

#[test]
fn no_secret_is_left_in_any_place_and_what_is_none_is_kept() {
    let payload = traces_with_canary();
    assert!(holds_canary(&payload));

    let (redacted, hits) = redact(Signal::Traces, &payload, &rules()).unwrap().unwrap();

    assert!(!holds_canary(&redacted));
    let kept = memchr::memmem::find_iter(&redacted, b"kept").count();
    assert_eq!(kept, 2 * 5, "key and value in five lists of attributes");
    let labels = rules().labels();
    let hits: Vec<(&str, u64)> = labels
        .iter()
        .map(String::as_str)
        .zip(hits.counts().iter().copied())
        .filter(|(_, count)| *count > 0)
        .collect();
    assert_eq!(
        hits,
        [
            ("key:cookie", 5),
            ("key:*password", 10),
            ("key:api_key", 5),
            ("pattern:bearer", 9 + 3 * 5),
        ]
    );
    let again = redact(Signal::Traces, &redacted, &rules());
    assert_eq!(again, Ok(None), "marks are left alone");
}

#[test]
fn the_rows_and_the_payload_of_a_redacted_request_say_the_same() {
    let payload = traces_with_canary();
    let rules = rules();

    let body = Bytes::from(payload);
    let (accepted, hits) = decode_with(&rules, Signal::Traces, body);

    assert!(hits.is_some());
    assert!(!holds_canary(&accepted.payload));
    assert!(!format!("{:?}", accepted.batch).contains(CANARY));
    let again = decode(Signal::Traces, Encoding::Protobuf, accepted.payload.clone()).unwrap();
    assert_eq!(again.batch, accepted.batch);
}

#[test]
fn a_request_that_no_encoder_writes_is_redacted_too() {
    // Of two keys the last counts: looked at one by one, neither has a secret under it.
    let key_value = [
        delimited(1, b"harmless"),
        delimited(2, &delimited(1, CANARY.as_bytes())),
        delimited(1, b"password"),
    ]
    .concat();
    let ids = [delimited(1, &[1; 16]), delimited(2, &[2; 8])].concat();
    let span = [ids, delimited(9, &key_value)].concat();
    let body = delimited(1, &delimited(2, &delimited(2, &span)));
    let rules = rules();
    assert!(redact(Signal::Traces, &body, &rules).is_err());

    let body = Bytes::from(body);
    let (accepted, hits) = decode_with(&rules, Signal::Traces, body);

    assert!(hits.is_some());
    assert!(!holds_canary(&accepted.payload));
    assert!(!format!("{:?}", accepted.batch).contains(CANARY));
}

/// Puts a secret under a key of the first list of attributes of every record.
fn with_secrets(signal: Signal, payload: &[u8]) -> Vec<u8> {
    let secret: opentelemetry_proto::tonic::common::v1::KeyValue = {
        let bytes = [
            delimited(1, b"app.PassWord"),
            delimited(2, &delimited(1, CANARY.as_bytes())),
        ];
        prost::Message::decode(bytes.concat().as_slice()).unwrap()
    };
    match signal {
        Signal::Traces => {
            let mut request = ExportTraceServiceRequest::decode(payload).unwrap();
            for scope in request
                .resource_spans
                .iter_mut()
                .flat_map(|it| &mut it.scope_spans)
            {
                for span in &mut scope.spans {
                    span.attributes.push(secret.clone());
                }
            }
            request.encode_to_vec()
        }
        Signal::Logs => {
            let mut request = ExportLogsServiceRequest::decode(payload).unwrap();
            for scope in request
                .resource_logs
                .iter_mut()
                .flat_map(|it| &mut it.scope_logs)
            {
                for record in &mut scope.log_records {
                    record.attributes.push(secret.clone());
                }
            }
            request.encode_to_vec()
        }
    }
}

proptest! {
    #[test]
    fn secrets_are_found_in_any_request_in_any_order_of_its_fields(
        traces in any_traces_payload(),
        logs in any_logs_payload(),
        seed in any::<u64>(),
    ) {
        let rules = rules();
        for (signal, payload) in [(Signal::Traces, traces), (Signal::Logs, logs)] {
            let payload = with_secrets(signal, &payload);
            let mut rewrite = Rewrite::new(seed);
            let shuffled = match signal {
                Signal::Traces => rewrite.traces(&payload),
                Signal::Logs => rewrite.logs(&payload),
            };
            for body in [payload, shuffled] {
                let body = Bytes::from(body);
                let decoded = decode_with(&rules, signal, body);
                let (accepted, _) = decoded;
                prop_assert!(!holds_canary(&accepted.payload));
                let again = decode(signal, Encoding::Protobuf, accepted.payload).unwrap();
                prop_assert_eq!(again.batch, accepted.batch);
            }
        }
    }

    #[test]
    fn requests_without_secrets_pass_untouched(traces in any_traces_payload()) {
        let rules = Rules::new(&["no.such.key.anywhere"], &[]).unwrap().unwrap();
        let body = Bytes::from(traces);
        let plain = decode(Signal::Traces, Encoding::Protobuf, body.clone()).unwrap();

        let (accepted, hits) =
            decode_with(&rules, Signal::Traces, body.clone());

        prop_assert!(hits.is_none());
        prop_assert_eq!(accepted.batch, plain.batch);
        prop_assert_eq!(accepted.payload, plain.payload);
    }
}
