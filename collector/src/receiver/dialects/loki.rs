//! Loki's push API: `POST /loki/api/v1/push`.

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;
use model::otlp::Encoding;

use super::{empty, rejected_line, text};
use crate::error::Refusal;
use crate::exchange::Exported;
use crate::receiver::compression::Compression;
use crate::receiver::http::compression;
use crate::receiver::{Foreign, media};

/// What the headers say of the body. Protobuf is in a block of snappy, whether a client says so or not.
/// `X-Scope-OrgID` is accepted and means nothing: there are no tenants.
pub(super) fn format(headers: &HeaderMap) -> Result<(Foreign, Compression), Refusal> {
    let encoding = media::encoding(headers).map_err(|_| Refusal::UnsupportedMediaType {
        content_type: media::content_type(headers),
        expected: format!(
            "push Loki's streams as {}, or as {} in a block of snappy",
            media::JSON,
            media::PROTOBUF
        ),
    })?;
    let compression = match encoding {
        Encoding::Json => compression(headers)?,
        Encoding::Protobuf => {
            let coding = headers.get(CONTENT_ENCODING);
            let coding = coding.map(|value| String::from_utf8_lossy(value.as_bytes()));
            let coding = coding.unwrap_or_default();
            match coding.trim().to_ascii_lowercase().as_str() {
                "" | "identity" | "snappy" => Compression::Snappy,
                _ => {
                    let coding = coding.into_owned();
                    return Err(Refusal::UnsupportedCoding { coding });
                }
            }
        }
    };
    Ok((Foreign::Loki(encoding), compression))
}

/// Loki answers 204, and 400 when it did not take every entry: the others are stored then as well, and its
/// clients write the text down and do not send the batch again.
pub(super) fn answer_exported(exported: &Exported) -> Response<Full<Bytes>> {
    match rejected_line(exported, "entries") {
        Some(line) => text(StatusCode::BAD_REQUEST, &line),
        None => empty(StatusCode::NO_CONTENT),
    }
}
