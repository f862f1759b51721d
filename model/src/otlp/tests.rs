//! Any request in, the same request out; what is wrong is named and loses nothing else.

use bytes::Bytes;
use proptest::prelude::{prop_assert_eq, proptest};

use super::testing::{
    any_logs_payload, any_traces_payload, single_log_payloads, single_span_payloads,
};
use super::{Encoding, decode, encode, json};
use crate::log_record::LogReader;
use crate::signal::Signal;
use crate::span::SpanReader;

proptest! {
    #[test]
    fn every_field_of_a_trace_request_survives_the_columns(payload in any_traces_payload()) {
        let accepted = decode(Signal::Traces, Encoding::Protobuf, payload.clone().into()).unwrap();
        prop_assert_eq!(accepted.rejected, None);
        let written = encode::singles::single_span_payloads(&accepted.batch).unwrap();
        prop_assert_eq!(written, single_span_payloads(&payload).unwrap());
    }

    #[test]
    fn every_field_of_a_log_request_survives_the_columns(payload in any_logs_payload()) {
        let accepted = decode(Signal::Logs, Encoding::Protobuf, payload.clone().into()).unwrap();
        prop_assert_eq!(accepted.rejected, None);
        let written = encode::singles::single_log_payloads(&accepted.batch).unwrap();
        prop_assert_eq!(written, single_log_payloads(&payload).unwrap());
    }

    #[test]
    fn spans_written_as_otlp_json_decode_to_the_same_spans(payload in any_traces_payload()) {
        let batch = decode(Signal::Traces, Encoding::Protobuf, payload.into()).unwrap().batch;
        let reader = SpanReader::new(&batch).unwrap();
        let spans: Vec<_> = (0..batch.num_rows()).map(|row| reader.span(row).unwrap()).collect();
        let mut body = b"{\"resourceSpans\":".to_vec();
        json::write_spans(&mut body, &spans);
        body.push(b'}');
        let again = decode(Signal::Traces, Encoding::Json, body.into()).unwrap();
        prop_assert_eq!(again.rejected, None);
        let reader = SpanReader::new(&again.batch).unwrap();
        let read: Vec<_> =
            (0..again.batch.num_rows()).map(|row| reader.span(row).unwrap()).collect();
        prop_assert_eq!(sorted(read), sorted(spans));
    }

    #[test]
    fn logs_written_as_otlp_json_decode_to_the_same_logs(payload in any_logs_payload()) {
        let batch = decode(Signal::Logs, Encoding::Protobuf, payload.into()).unwrap().batch;
        let reader = LogReader::new(&batch).unwrap();
        let records: Vec<_> =
            (0..batch.num_rows()).map(|row| reader.log_record(row).unwrap()).collect();
        let mut body = b"{\"resourceLogs\":".to_vec();
        json::write_logs(&mut body, &records);
        body.push(b'}');
        let again = decode(Signal::Logs, Encoding::Json, body.into()).unwrap();
        let reader = LogReader::new(&again.batch).unwrap();
        let read: Vec<_> =
            (0..again.batch.num_rows()).map(|row| reader.log_record(row).unwrap()).collect();
        prop_assert_eq!(sorted(read), sorted(records));
    }
}

/// Writing groups records by envelope, so order is compared apart from grouping.
fn sorted<T: std::fmt::Debug>(items: Vec<T>) -> Vec<String> {
    let mut texts: Vec<String> = items.iter().map(|item| format!("{item:?}")).collect();
    texts.sort();
    texts
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn json_spans(spans: &str) -> Bytes {
    Bytes::from(format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#
    ))
}

#[test]
fn a_span_with_an_invalid_id_is_rejected_alone() {
    let good = format!(r#"{{"traceId":"{TRACE}","spanId":"b7ad6b7169203331","name":"good"}}"#);
    let short = format!(r#"{{"traceId":"{TRACE}","spanId":"b7","name":"short"}}"#);
    let word = r#"{"traceId":"not hex","spanId":"b7ad6b7169203331","name":"word"}"#;
    let body = json_spans(&format!("{short},{good},{word}"));
    let accepted = decode(Signal::Traces, Encoding::Json, body).unwrap();
    assert_eq!(accepted.batch.num_rows(), 1);
    let rejected = accepted.rejected.unwrap();
    assert_eq!(rejected.count, 2);
    assert_eq!(
        rejected.reason,
        "span \"short\": span id has 1 bytes instead of 8; \
         span \"word\": trace id is not hexadecimal"
    );
    let replayed = super::replay(Signal::Traces, &accepted.payload).unwrap();
    assert_eq!(replayed, accepted.batch);
}

#[test]
fn json_is_read_by_the_otlp_rules() {
    let span = format!(
        r#"{{"traceId":"{}","spanId":"b7ad6b7169203331","unknown":{{"deep":[1]}},"name":null,
            "kind":2,"startTimeUnixNano":"17","endTimeUnixNano":18,"flags":"257",
            "droppedAttributesCount":"3","links":null,
            "attributes":[{{"key":"i","value":{{"intValue":1.0}}}},
                          {{"key":"e","value":{{"intValue":"1e3"}}}},
                          {{"key":"n","value":{{"doubleValue":"NaN"}}}},
                          {{"key":"b","value":{{"bytesValue":"-_8"}}}},
                          {{"key":"a","value":{{"arrayValue":{{}}}}}},
                          {{"key":"none"}}]}}"#,
        TRACE.to_uppercase()
    );
    let accepted = decode(Signal::Traces, Encoding::Json, json_spans(&span)).unwrap();
    assert_eq!(accepted.rejected, None);
    let span = SpanReader::new(&accepted.batch).unwrap().span(0).unwrap();
    assert_eq!(span.trace_id.to_string(), TRACE);
    assert_eq!((span.name.as_str(), span.kind.0, span.flags), ("", 2, 257));
    assert_eq!(
        (span.start.0, span.end.0, span.dropped_attributes_count),
        (17, 18, 3)
    );
    let texts: Vec<_> = span
        .attributes
        .iter()
        .map(|it| format!("{}={}", it.key, it.text()))
        .collect();
    let empty_array = r#"a={"arrayValue":{"values":[]}}"#;
    assert_eq!(
        texts,
        ["i=1", "e=1000", "n=NaN", "b=+/8=", empty_array, "none="]
    );
}

#[test]
fn a_field_that_cannot_be_read_is_named_with_its_path() {
    let body = json_spans(r#"{"kind":"SERVER"}"#);
    let error = decode(Signal::Traces, Encoding::Json, body).unwrap_err();
    let expected =
        "resourceSpans[0].scopeSpans[0].spans[0].kind: must be the number or name of an enum value";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn too_deeply_nested_values_are_rejected_singly() {
    let nested = |depth: usize| {
        let open = r#"{"arrayValue":{"values":["#.repeat(depth);
        let close = "]}}".repeat(depth);
        format!(
            r#"{{"traceId":"{TRACE}","spanId":"b7ad6b7169203331","attributes":[{{"key":"k","value":{open}{close}}}]}}"#
        )
    };
    let body = json_spans(&format!("{},{}", nested(32), nested(33)));
    let accepted = decode(Signal::Traces, Encoding::Json, body).unwrap();
    assert_eq!(accepted.batch.num_rows(), 1);
    assert_eq!(
        accepted.rejected.unwrap().reason,
        "span \"\": a value is nested deeper than 32 levels"
    );
    assert_eq!(
        SpanReader::new(&accepted.batch)
            .unwrap()
            .span(0)
            .unwrap()
            .attributes
            .len(),
        1
    );
}

#[test]
fn a_log_record_with_invalid_ids_is_kept_and_belongs_to_no_trace() {
    let body = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[
            {{"traceId":"00000000000000000000000000000000","spanId":"b7ad6b7169203331","body":{{"stringValue":"zero"}}}},
            {{"traceId":"xyz","body":{{"stringValue":"word"}}}},
            {{"traceId":"{TRACE}","spanId":"b7","body":{{"stringValue":"half"}}}}]}}]}}]}}"#
    );
    let accepted = decode(Signal::Logs, Encoding::Json, body.into()).unwrap();
    assert_eq!(accepted.rejected, None);
    let reader = LogReader::new(&accepted.batch).unwrap();
    let traces: Vec<_> = (0..3).map(|row| reader.trace_id(row).is_some()).collect();
    assert_eq!(traces, [false, false, true]);
    assert_eq!(reader.span_id(2), None);
}

#[test]
fn metric_points_are_counted_in_both_encodings() {
    let body = br#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
        {"name":"a","gauge":{"dataPoints":[{},{}]}},{"name":"b","sum":{"dataPoints":[{}]}},{"name":"c"}]}]}]}"#;
    assert_eq!(super::count_metric_points(Encoding::Json, body).unwrap(), 3);
    assert_eq!(
        super::count_metric_points(Encoding::Protobuf, &[]).unwrap(),
        0
    );
    assert!(super::count_metric_points(Encoding::Protobuf, &[0xff]).is_err());
}

#[test]
fn the_batch_of_a_small_request_is_small() {
    let span = format!(r#"{{"traceId":"{TRACE}","spanId":"b7ad6b7169203331","name":"small"}}"#);
    let batch = decode(Signal::Traces, Encoding::Json, json_spans(&span))
        .unwrap()
        .batch;
    let bytes = batch.get_array_memory_size();
    assert!(bytes < 16_384, "{bytes} bytes for one span");
}

#[test]
fn what_a_response_rejects_is_read_back() {
    let rejected = super::Rejected {
        count: 3,
        reason: "too odd".into(),
    };
    for (signal, kind) in [
        (Signal::Traces, super::ResponseKind::Traces),
        (Signal::Logs, super::ResponseKind::Logs),
    ] {
        let body = super::encode_response(kind, Encoding::Protobuf, Some(&rejected));
        let read = super::decode_response(signal, &body).unwrap();
        assert_eq!(read, Some(rejected.clone()));
        assert_eq!(super::decode_response(signal, &[]).unwrap(), None);
    }
}
