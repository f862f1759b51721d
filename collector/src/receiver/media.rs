//! Reads media types of requests. Pure.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use model::otlp::Encoding;

use crate::error::Refusal;

/// The content type of protobuf requests and responses.
pub(crate) const PROTOBUF: &str = "application/x-protobuf";
/// The content type of JSON requests and responses.
pub(crate) const JSON: &str = "application/json";

/// What a sender without a token is asked for.
pub(crate) const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"spandrel\"");

/// The encoding of an OTLP/HTTP request: its media type, whatever its parameters and case.
pub(crate) fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let content_type = content_type(headers);
    let essence = essence(&content_type);
    if essence.eq_ignore_ascii_case(PROTOBUF) {
        Ok(Encoding::Protobuf)
    } else if essence.eq_ignore_ascii_case(JSON) {
        Ok(Encoding::Json)
    } else {
        let expected = if is_grpc(headers) {
            "this is the OTLP/HTTP port, OTLP/gRPC has its own".to_owned()
        } else {
            format!("send {PROTOBUF} or {JSON}")
        };
        Err(Refusal::UnsupportedMediaType {
            content_type,
            expected,
        })
    }
}

/// True for gRPC messages in protobuf, the only ones OTLP has.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = content_type(headers);
    let essence = essence(&content_type);
    essence.eq_ignore_ascii_case("application/grpc")
        || essence.eq_ignore_ascii_case("application/grpc+proto")
}

/// The value of `Content-Type`, empty when absent or not text.
pub(crate) fn content_type(headers: &HeaderMap) -> String {
    headers
        .get(CONTENT_TYPE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .unwrap_or_default()
}

/// The content type of answers in `encoding`.
pub(crate) fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Protobuf => PROTOBUF,
        Encoding::Json => JSON,
    }
}

/// A media type without its parameters.
pub(crate) fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &'static str) -> HeaderMap {
        [(CONTENT_TYPE, HeaderValue::from_static(content_type))]
            .into_iter()
            .collect()
    }

    #[test]
    fn media_types_ignore_parameters_and_case() {
        let read = |content_type| encoding(&headers(content_type)).unwrap();

        assert_eq!(read("application/json"), Encoding::Json);
        assert_eq!(read("Application/JSON; charset=utf-8"), Encoding::Json);
        assert_eq!(read("application/x-protobuf"), Encoding::Protobuf);
        assert_eq!(read("APPLICATION/X-PROTOBUF ;v=1"), Encoding::Protobuf);
        assert!(is_grpc(&headers("application/grpc")));
        assert!(is_grpc(&headers("application/grpc+proto")));
        assert!(!is_grpc(&headers("application/grpc-web")));
    }

    #[test]
    fn other_media_types_are_named_in_the_refusal() {
        let refused = |headers: &HeaderMap| encoding(headers).unwrap_err().message();

        assert_eq!(
            refused(&headers("text/plain")),
            "content type \"text/plain\" is not supported; \
             send application/x-protobuf or application/json"
        );
        assert_eq!(
            refused(&HeaderMap::new()),
            "content type \"\" is not supported; send application/x-protobuf or application/json"
        );
        assert_eq!(
            refused(&headers("application/grpc")),
            "content type \"application/grpc\" is not supported; \
             this is the OTLP/HTTP port, OTLP/gRPC has its own"
        );
    }
}
