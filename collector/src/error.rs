//! Why an export request is refused, and the one table that says what the sender is told.
//!
//! OTLP senders drop telemetry on most codes and retry on a few, so the choice of code decides
//! whether data is lost: what a later attempt can cure is always UNAVAILABLE / 503, and what it
//! cannot cure never is.

use std::error::Error;
use std::io;
use std::time::Duration;

use access::{ForbiddenHost, Unauthenticated};
use http::StatusCode;
use model::dialect::TranslateError;
use model::otlp::DecodeError;
use storage::AppendError;
use tonic::Code;

use crate::reason::Reason;

/// Whatever a connection may fail with.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// The paths of the HTTP receiver, named in answers to requests for other paths.
pub(crate) const KNOWN_PATHS: &str = "/v1/traces, /v1/logs, /v1/metrics, \
                                       /api/v2/spans, /loki/api/v1/push and /api/v1/ingest/logs";

// Long enough to let a burst drain, short enough that a sender's queue does not fill meanwhile.
const RETRY_AFTER: Duration = Duration::from_secs(1);

// gRPC carries the message in a header, and clients limit their headers to some kilobytes.
const MESSAGE_BYTES_MAX: usize = 1024;

/// Why an export request was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// No such path or gRPC method.
    #[error("nothing is received at {path}; this receiver knows {known}")]
    UnknownPath { path: String, known: &'static str },
    /// The request is for a name that is not this server's.
    #[error(transparent)]
    ForbiddenHost { source: ForbiddenHost },
    /// The sender does not show a token of this server.
    #[error(transparent)]
    Unauthenticated { source: Unauthenticated },
    /// A known path was asked with another method than POST.
    #[error("{method} is not supported here; telemetry is sent with POST")]
    MethodNotAllowed { method: http::Method },
    /// A gRPC call over a version of HTTP that cannot carry its answer, which ends with trailers.
    #[error("gRPC needs HTTP/2, and this request came over {version:?}")]
    NotHttp2 { version: http::Version },
    /// The body is of a type the receiver does not read.
    #[error("content type {content_type:?} is not supported; {expected}")]
    UnsupportedMediaType {
        content_type: String,
        expected: String,
    },
    /// The body is compressed in a way the receiver does not know.
    #[error("content encoding {coding:?} is not supported; use gzip, zstd or none")]
    UnsupportedCoding { coding: String },
    /// The request is over the size limit, as sent or decompressed.
    #[error("the request is over the limit of {limit_bytes} bytes (as sent or decompressed)")]
    TooLarge { limit_bytes: usize },
    /// The request can never fit in memory, whatever else is there.
    #[error(
        "the request takes more memory than the {limit_bytes} bytes that one connection may have"
    )]
    TooMuchMemory { limit_bytes: usize },
    /// The requests in memory leave no room for this one.
    #[error(
        "too many export requests at once, over {limit_bytes} bytes or {limit_requests} requests in all, \
         or too much of that by this connection; try again"
    )]
    Overloaded {
        limit_bytes: usize,
        limit_requests: usize,
        retry_after: Duration,
    },
    /// The body did not arrive in time.
    #[error("the body did not arrive within {seconds} s")]
    BodyTimeout { seconds: u64 },
    /// The body arrives too slowly to keep memory for it.
    #[error("the body arrives with less than {rate_min} bytes a second")]
    BodyTooSlow { rate_min: usize },
    /// The connection failed within the body.
    #[error("the body could not be read")]
    BodyBroken { source: BoxError },
    /// The gRPC framing of the message is wrong.
    #[error("bad gRPC message: {reason}")]
    BadFrame { reason: &'static str },
    /// The body cannot be decompressed.
    #[error("the body is not valid {coding}")]
    Corrupt {
        coding: &'static str,
        source: io::Error,
    },
    /// The payload is not a valid export request.
    #[error("the payload is not a valid export request")]
    BadPayload { source: DecodeError },
    /// The payload is not what the protocol of its path sends.
    #[error("the payload cannot be read")]
    Untranslatable { source: TranslateError },
    /// Storage did not take the records.
    #[error("the records could not be stored")]
    NotStored {
        source: AppendError,
        retry_after: Duration,
    },
    /// Storage did not confirm the records in time.
    #[error("the records were not durable within {seconds} s; try again")]
    AppendTimeout { seconds: u64 },
    /// A fault of this server; its log has the reason under this number.
    #[error("internal error {error_id}; this server's log has the reason")]
    Internal { error_id: u64 },
}

/// What the sender is told: one row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) grpc: Code,
    pub(crate) http: StatusCode,
    /// Set exactly when the sender may retry.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) reason: Reason,
}

impl Answer {
    /// No later attempt can succeed.
    fn drop_it(grpc: Code, http: StatusCode, reason: Reason) -> Self {
        Self {
            grpc,
            http,
            retry_after: None,
            reason,
        }
    }

    /// What was sent is not what it says it is.
    fn bad_data(reason: Reason) -> Self {
        Self::drop_it(Code::InvalidArgument, StatusCode::BAD_REQUEST, reason)
    }

    /// A later attempt can succeed.
    fn try_again(reason: Reason) -> Self {
        let (grpc, http) = (Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE);
        Self {
            grpc,
            http,
            retry_after: Some(RETRY_AFTER),
            reason,
        }
    }

    fn after(self, delay: Duration) -> Self {
        Self {
            retry_after: Some(delay),
            ..self
        }
    }
}

impl Refusal {
    /// The row of the table for this refusal.
    pub(crate) fn answer(&self) -> Answer {
        match self {
            Self::UnknownPath { .. } => Answer::drop_it(
                Code::Unimplemented,
                StatusCode::NOT_FOUND,
                Reason::UnknownPath,
            ),
            Self::MethodNotAllowed { .. } => Answer::drop_it(
                Code::InvalidArgument,
                StatusCode::METHOD_NOT_ALLOWED,
                Reason::Method,
            ),
            Self::NotHttp2 { .. } => Answer::drop_it(
                Code::InvalidArgument,
                StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                Reason::HttpVersion,
            ),
            Self::UnsupportedMediaType { .. } => Answer::drop_it(
                Code::InvalidArgument,
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Reason::MediaType,
            ),
            Self::UnsupportedCoding { .. } => Answer::drop_it(
                Code::Unimplemented,
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Reason::Coding,
            ),
            Self::ForbiddenHost { .. } => Answer::drop_it(
                Code::PermissionDenied,
                StatusCode::FORBIDDEN,
                Reason::ForbiddenHost,
            ),
            Self::Unauthenticated { .. } => Answer::drop_it(
                Code::Unauthenticated,
                StatusCode::UNAUTHORIZED,
                Reason::Unauthenticated,
            ),
            Self::TooLarge { .. }
            | Self::TooMuchMemory { .. }
            | Self::BadPayload {
                source: DecodeError::TooLarge,
            } => Answer::drop_it(
                Code::ResourceExhausted,
                StatusCode::PAYLOAD_TOO_LARGE,
                Reason::TooLarge,
            ),
            Self::BadFrame { .. } => Answer::bad_data(Reason::BadFrame),
            Self::Corrupt { .. } => Answer::bad_data(Reason::Corrupt),
            Self::BadPayload { .. } | Self::Untranslatable { .. } => {
                Answer::bad_data(Reason::BadPayload)
            }
            Self::Overloaded { retry_after, .. } => {
                Answer::try_again(Reason::Overloaded).after(*retry_after)
            }
            // A stalled or cut body is the network's doing, and 408 would make the sender drop it.
            Self::BodyTimeout { .. } | Self::BodyTooSlow { .. } => {
                Answer::try_again(Reason::BodyTimeout)
            }
            Self::BodyBroken { .. } => Answer::try_again(Reason::BodyBroken),
            // Also when storage cannot recover by itself: a restart cures it, and the sender can
            // hold its telemetry until then, where INTERNAL would make it drop every batch.
            Self::NotStored { retry_after, .. } => {
                Answer::try_again(Reason::NotStored).after(*retry_after)
            }
            Self::AppendTimeout { .. } => Answer::try_again(Reason::AppendTimeout),
            Self::Internal { .. } => Answer::drop_it(
                Code::Internal,
                StatusCode::INTERNAL_SERVER_ERROR,
                Reason::Internal,
            ),
        }
    }

    /// The text for the sender: this error and its causes, at most `MESSAGE_BYTES_MAX` long.
    pub(crate) fn message(&self) -> String {
        let mut message = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        shorten(&mut message);
        message
    }

    /// The google.rpc.Status of this refusal.
    pub(crate) fn status(&self) -> model::otlp::Status {
        let answer = self.answer();
        let message = self.message();
        let field_violations = match self {
            Self::BadPayload {
                source: DecodeError::Field { path, problem },
            } => {
                vec![(path.clone(), (*problem).to_owned())]
            }
            _ if answer.http == StatusCode::BAD_REQUEST => {
                vec![("body".to_owned(), message.clone())]
            }
            _ => Vec::new(),
        };
        let (code, retry_after) = (answer.grpc as i32, answer.retry_after);
        model::otlp::Status {
            code,
            message,
            retry_after,
            field_violations,
        }
    }
}

/// Cuts a text for the sender to at most `MESSAGE_BYTES_MAX`, as it may quote what was sent.
pub(crate) fn shorten(message: &mut String) {
    let end = (0..=MESSAGE_BYTES_MAX.min(message.len()))
        .rev()
        .find(|&index| message.is_char_boundary(index))
        .unwrap_or(0);
    message.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    // HTTP and gRPC codes that OTLP senders retry; RESOURCE_EXHAUSTED only with RetryInfo.
    const HTTP_RETRYABLE: [u16; 4] = [429, 502, 503, 504];

    fn refusals() -> Vec<Refusal> {
        vec![
            Refusal::UnknownPath {
                path: "/x".to_owned(),
                known: KNOWN_PATHS,
            },
            Refusal::MethodNotAllowed {
                method: http::Method::PUT,
            },
            Refusal::NotHttp2 {
                version: http::Version::HTTP_11,
            },
            Refusal::UnsupportedMediaType {
                content_type: String::new(),
                expected: String::new(),
            },
            Refusal::UnsupportedCoding {
                coding: "br".to_owned(),
            },
            Refusal::TooLarge { limit_bytes: 1 },
            Refusal::TooMuchMemory { limit_bytes: 1 },
            Refusal::Overloaded {
                limit_bytes: 1,
                limit_requests: 1,
                retry_after: RETRY_AFTER,
            },
            Refusal::BodyTooSlow { rate_min: 1 },
            Refusal::BodyTimeout { seconds: 1 },
            Refusal::BodyBroken {
                source: "reset".into(),
            },
            Refusal::BadFrame { reason: "cut" },
            Refusal::Corrupt {
                coding: "gzip",
                source: io::Error::other("bad header"),
            },
            Refusal::Untranslatable {
                source: TranslateError::Protobuf,
            },
            Refusal::AppendTimeout { seconds: 1 },
            Refusal::Internal { error_id: 7 },
        ]
    }

    #[test]
    fn retry_is_offered_exactly_with_codes_that_senders_retry() {
        for refusal in refusals() {
            let answer = refusal.answer();
            let offers_retry = answer.retry_after.is_some();
            assert_eq!(
                HTTP_RETRYABLE.contains(&answer.http.as_u16()),
                offers_retry,
                "{refusal}"
            );
            assert_eq!(answer.grpc == Code::Unavailable, offers_retry, "{refusal}");
        }
    }

    #[test]
    fn message_holds_the_causes_and_stays_short() {
        let corrupt = Refusal::Corrupt {
            coding: "gzip",
            source: io::Error::other("bad header"),
        };
        assert_eq!(corrupt.message(), "the body is not valid gzip: bad header");

        let long = Refusal::UnknownPath {
            path: "é".repeat(2000),
            known: KNOWN_PATHS,
        };
        assert_eq!(long.message().len(), MESSAGE_BYTES_MAX - 1);
    }
}
