//! Zipkin's protobuf, read field by field: a list of spans, each of which is judged by itself.

use serde_json::{Map, Value};

use super::super::endpoints::Endpoint;
use super::super::fields::Micros;
use super::super::tags::Envelopes;
use super::super::translation::{Admit, TranslateError, Translated, Translation};
use super::super::{Reason, lossy};
use super::{Annotation, ZipkinSpan, to_span};
use crate::otlp::encode_spans;
use crate::otlp::walk::wire::{Fields, delimited, fixed64, varint};
use crate::otlp::walk::{Unusual, Walk};

/// Turns a `zipkin.proto3.ListOfSpans` into OTLP.
///
/// # Errors
/// When the list itself is damaged, or [`Admit`] says no.
pub fn translate_protobuf(
    body: &[u8],
    admit: &mut Admit<'_>,
) -> Result<Translated, TranslateError> {
    let mut envelopes = Envelopes::default();
    let mut translation = Translation::new(encode_spans, admit);
    let mut number = 0_u64;
    let mut list = Fields::of(body);
    while let Some(key) = list.key().map_err(damaged)? {
        if key != delimited(1) {
            list.skip(key).map_err(damaged)?;
            continue;
        }
        let message = list.bytes().map_err(damaged)?;
        number += 1;
        let span = read_span(message)
            .map_err(|Unusual| Reason::Borrowed("not a span: damaged protobuf"))
            .and_then(|span| to_span(span, &mut envelopes));
        match span {
            Ok(span) => translation.push(span, message.len())?,
            Err(reason) => translation.reject(|| format!("span {number}"), reason),
        }
    }
    translation.finish()
}

fn damaged(_: Unusual) -> TranslateError {
    TranslateError::Protobuf
}

fn read_span(message: &[u8]) -> Walk<ZipkinSpan> {
    let mut span = ZipkinSpan::default();
    let mut annotations = Vec::new();
    let mut tags = Map::new();
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key()? {
        if key == delimited(1) {
            span.trace_id = hex::encode(fields.bytes()?);
        } else if key == delimited(2) {
            span.parent_id = Some(hex::encode(fields.bytes()?));
        } else if key == delimited(3) {
            span.id = hex::encode(fields.bytes()?);
        } else if key == varint(4) {
            span.kind = kind(fields.varint()?).map(str::to_owned);
        } else if key == delimited(5) {
            span.name = Some(lossy(fields.bytes()?));
        } else if key == fixed64(6) {
            span.timestamp = Some(Micros(fields.fixed64()?));
        } else if key == varint(7) {
            span.duration = Some(Micros(fields.varint()?));
        } else if key == delimited(8) {
            span.local_endpoint = Some(read_endpoint(fields.bytes()?)?);
        } else if key == delimited(9) {
            span.remote_endpoint = Some(read_endpoint(fields.bytes()?)?);
        } else if key == delimited(10) {
            annotations.push(read_annotation(fields.bytes()?)?);
        } else if key == delimited(11) {
            let (name, value) = read_tag(fields.bytes()?)?;
            tags.insert(name, Value::String(value));
        } else if key == varint(12) {
            span.debug = Some(fields.varint()? != 0);
        } else if key == varint(13) {
            span.shared = Some(fields.varint()? != 0);
        } else {
            fields.skip(key)?;
        }
    }
    span.annotations = Some(annotations);
    span.tags = Some(tags);
    Ok(span)
}

fn kind(number: u64) -> Option<&'static str> {
    match number {
        1 => Some("CLIENT"),
        2 => Some("SERVER"),
        3 => Some("PRODUCER"),
        4 => Some("CONSUMER"),
        _ => None,
    }
}

fn read_endpoint(message: &[u8]) -> Walk<Endpoint> {
    let mut endpoint = Endpoint::default();
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key()? {
        if key == delimited(1) {
            endpoint.service_name = Some(lossy(fields.bytes()?));
        } else if key == delimited(2) {
            endpoint.ipv4 = <[u8; 4]>::try_from(fields.bytes()?)
                .ok()
                .map(|octets| std::net::Ipv4Addr::from(octets).to_string());
        } else if key == delimited(3) {
            endpoint.ipv6 = <[u8; 16]>::try_from(fields.bytes()?)
                .ok()
                .map(|octets| std::net::Ipv6Addr::from(octets).to_string());
        } else if key == varint(4) {
            endpoint.port = u16::try_from(fields.varint()?).ok();
        } else {
            fields.skip(key)?;
        }
    }
    Ok(endpoint)
}

fn read_annotation(message: &[u8]) -> Walk<Annotation> {
    let mut annotation = Annotation {
        timestamp: Micros(0),
        value: String::new(),
    };
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key()? {
        if key == fixed64(1) {
            annotation.timestamp = Micros(fields.fixed64()?);
        } else if key == delimited(2) {
            annotation.value = lossy(fields.bytes()?);
        } else {
            fields.skip(key)?;
        }
    }
    Ok(annotation)
}

/// One entry of a protobuf map.
fn read_tag(message: &[u8]) -> Walk<(String, String)> {
    let (mut name, mut value) = (String::new(), String::new());
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key()? {
        if key == delimited(1) {
            name = lossy(fields.bytes()?);
        } else if key == delimited(2) {
            value = lossy(fields.bytes()?);
        } else {
            fields.skip(key)?;
        }
    }
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::super::translate_json;
    use super::*;
    use crate::otlp::{Encoding, decode};
    use crate::signal::Signal;
    use crate::span::{Span, SpanReader};

    #[derive(Clone, PartialEq, Message)]
    struct ListOfSpans {
        #[prost(message, repeated, tag = "1")]
        spans: Vec<SentSpan>,
    }

    /// `zipkin.proto3.Span` as a reporter encodes it.
    #[derive(Clone, PartialEq, Message)]
    struct SentSpan {
        #[prost(bytes = "vec", tag = "1")]
        trace_id: Vec<u8>,
        #[prost(bytes = "vec", tag = "2")]
        parent_id: Vec<u8>,
        #[prost(bytes = "vec", tag = "3")]
        id: Vec<u8>,
        #[prost(int32, tag = "4")]
        kind: i32,
        #[prost(string, tag = "5")]
        name: String,
        #[prost(fixed64, tag = "6")]
        timestamp: u64,
        #[prost(uint64, tag = "7")]
        duration: u64,
        #[prost(message, optional, tag = "8")]
        local_endpoint: Option<SentEndpoint>,
        #[prost(message, optional, tag = "9")]
        remote_endpoint: Option<SentEndpoint>,
        #[prost(message, repeated, tag = "10")]
        annotations: Vec<SentAnnotation>,
        #[prost(btree_map = "string, string", tag = "11")]
        tags: std::collections::BTreeMap<String, String>,
        #[prost(bool, tag = "12")]
        debug: bool,
        #[prost(bool, tag = "13")]
        shared: bool,
    }

    #[derive(Clone, PartialEq, Message)]
    struct SentEndpoint {
        #[prost(string, tag = "1")]
        service_name: String,
        #[prost(bytes = "vec", tag = "2")]
        ipv4: Vec<u8>,
        #[prost(bytes = "vec", tag = "3")]
        ipv6: Vec<u8>,
        #[prost(int32, tag = "4")]
        port: i32,
    }

    #[derive(Clone, PartialEq, Message)]
    struct SentAnnotation {
        #[prost(fixed64, tag = "1")]
        timestamp: u64,
        #[prost(string, tag = "2")]
        value: String,
    }

    fn spans(translated: &Translated) -> Vec<Span> {
        let payload = translated.payload.clone().into();
        let batch = decode(Signal::Traces, Encoding::Protobuf, payload)
            .unwrap()
            .batch;
        let reader = SpanReader::new(&batch).unwrap();
        let rows = 0..batch.num_rows();
        rows.map(|row| reader.span(row).unwrap()).collect()
    }

    fn sent() -> SentSpan {
        SentSpan {
            trace_id: hex::decode("5982fe77008310cc80f1da5e10147517").unwrap(),
            parent_id: hex::decode("67fae42571535f60").unwrap(),
            id: hex::decode("90394f6bcffb5d13").unwrap(),
            kind: 2,
            name: "post /pay".into(),
            timestamp: 1_516_781_775_726_000,
            duration: 26_000,
            local_endpoint: Some(SentEndpoint {
                service_name: "pay".into(),
                ipv4: vec![172, 18, 0, 8],
                ipv6: Vec::new(),
                port: 8080,
            }),
            remote_endpoint: Some(SentEndpoint {
                service_name: "cart".into(),
                ipv4: Vec::new(),
                ipv6: vec![0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xc0, 1],
                port: 9411,
            }),
            annotations: vec![SentAnnotation {
                timestamp: 1_516_781_775_727_000,
                value: "retry".into(),
            }],
            tags: [("http.path", "/pay"), ("error", "declined")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            debug: true,
            shared: true,
        }
    }

    #[test]
    fn the_same_span_in_protobuf_and_in_json_is_the_same_span() {
        let json = r#"[{"traceId":"5982fe77008310cc80f1da5e10147517","id":"90394f6bcffb5d13",
            "parentId":"67fae42571535f60","kind":"SERVER","name":"post /pay",
            "timestamp":1516781775726000,"duration":26000,"debug":true,"shared":true,
            "localEndpoint":{"serviceName":"pay","ipv4":"172.18.0.8","port":8080},
            "remoteEndpoint":{"serviceName":"cart","ipv6":"2001:db8::c001","port":9411},
            "annotations":[{"timestamp":1516781775727000,"value":"retry"}],
            "tags":{"http.path":"/pay","error":"declined"}}]"#;
        let list = ListOfSpans {
            spans: vec![sent()],
        };

        let from_protobuf = translate_protobuf(&list.encode_to_vec(), &mut |_| true).unwrap();
        let from_json = translate_json(json.as_bytes(), &mut |_| true).unwrap();

        assert_eq!(from_protobuf, from_json);
        let found = spans(&from_protobuf);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name, "post /pay");
        assert_eq!(found[0].resource.service_name(), "pay");
    }

    #[test]
    fn a_span_that_is_damaged_is_rejected_by_its_number_and_the_others_are_taken() {
        let mut body = ListOfSpans {
            spans: vec![sent()],
        }
        .encode_to_vec();
        body.extend_from_slice(&[0x0a, 2, 0x0a, 9]);
        let without_id = SentSpan {
            id: Vec::new(),
            ..sent()
        };
        let rest = ListOfSpans {
            spans: vec![without_id, sent()],
        };
        body.extend_from_slice(&rest.encode_to_vec());

        let translated = translate_protobuf(&body, &mut |_| true).unwrap();

        assert_eq!(spans(&translated).len(), 2);
        assert_eq!(translated.rejects.count, 2);
        let first = translated.rejects.first.iter();
        let first = first.map(|it| (it.place.as_str(), it.reason.as_ref()));
        assert_eq!(
            first.collect::<Vec<_>>(),
            [
                ("span 2", "not a span: damaged protobuf"),
                (
                    "span 3",
                    "span id is not 1 to 16 hexadecimal digits, or all zero"
                ),
            ]
        );
    }

    #[test]
    fn what_is_no_list_is_refused_as_a_whole() {
        for body in [&[0x0a, 5, 1][..], b"[]", &[0xff; 12]] {
            let refused = translate_protobuf(body, &mut |_| true).unwrap_err();
            assert!(matches!(refused, TranslateError::Protobuf), "{body:?}");
        }
        let empty = translate_protobuf(b"", &mut |_| true).unwrap();
        assert_eq!(empty, Translated::default());
    }
}
