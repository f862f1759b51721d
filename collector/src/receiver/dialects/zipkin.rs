//! Zipkin's collector API, version 2: `POST /api/v2/spans`.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;

use super::{empty, rejected_line, text};
use crate::error::Refusal;
use crate::exchange::Exported;
use crate::receiver::compression::Compression;
use crate::receiver::http::compression;
use crate::receiver::{Foreign, media};

/// What the headers say of the body.
pub(super) fn format(headers: &HeaderMap) -> Result<(Foreign, Compression), Refusal> {
    let encoding = media::encoding(headers).map_err(|_| Refusal::UnsupportedMediaType {
        content_type: media::content_type(headers),
        expected: format!(
            "send Zipkin's version 2 as {} or {}",
            media::JSON,
            media::PROTOBUF
        ),
    })?;
    Ok((Foreign::Zipkin(encoding), compression(headers)?))
}

/// Version 1 ended with Zipkin 2 in 2017; every reporter since has the later one.
pub(super) fn refuse_v1(headers: &HeaderMap) -> Refusal {
    Refusal::UnsupportedMediaType {
        content_type: media::content_type(headers),
        expected: "this is Zipkin's version 1; report version 2 to /api/v2/spans".to_owned(),
    }
}

/// Zipkin's own server answers 202 without a body. When nothing could be taken the reporter is told so with
/// 400; when a part could, that part must not be sent again.
pub(super) fn answer_exported(exported: &Exported) -> Response<Full<Bytes>> {
    let status = if exported.accepted == 0 && exported.rejected.is_some() {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::ACCEPTED
    };
    match rejected_line(exported, "spans") {
        Some(line) => text(status, &line),
        None => empty(status),
    }
}
