//! Log records as lines of JSON: `POST /api/v1/ingest/logs`.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, Uri};
use http_body_util::Full;
use model::dialect::json_lines::Defaults;
use serde_json::json;

use crate::error::Refusal;
use crate::exchange::Exported;
use crate::receiver::compression::Compression;
use crate::receiver::http::{compression, respond};
use crate::receiver::{Foreign, media};

/// Content types of one record a line.
const LINES: [&str; 5] = [
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/json-lines",
];

/// What the head says of the body. `?service=NAME` is for records that do not name their service.
///
/// A content type that a web page may send without asking first (text/plain, or that of a form) is refused
/// like others that are not JSON: any page could write here otherwise.
pub(super) fn format(headers: &HeaderMap, uri: &Uri) -> Result<(Foreign, Compression), Refusal> {
    let content_type = media::content_type(headers);
    let essence = media::essence(&content_type);
    let is_json = essence.eq_ignore_ascii_case(media::JSON);
    let are_lines = LINES.iter().any(|it| essence.eq_ignore_ascii_case(it));
    if !is_json && !are_lines {
        return Err(Refusal::UnsupportedMediaType {
            expected: format!(
                "send one JSON object a line as {}, or an array of them as {}",
                LINES[0],
                media::JSON
            ),
            content_type,
        });
    }
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let service = pairs
        .filter(|(name, value)| name == "service" && !value.is_empty())
        .map(|(_, value)| value.into_owned())
        .next();
    let defaults = Defaults {
        service,
        ..Defaults::default()
    };
    let foreign = if are_lines {
        Foreign::Lines(defaults)
    } else {
        Foreign::JsonRecords(defaults)
    };
    Ok((foreign, compression(headers)?))
}

/// How many records were taken, how many were not, and why the first few were not. A success when some were:
/// those must not be sent again.
pub(super) fn answer_exported(exported: &Exported) -> Response<Full<Bytes>> {
    let rejected = exported.rejected.as_ref();
    let count = rejected.map_or(0, |it| it.count);
    let mut errors: Vec<_> = exported
        .rejects
        .iter()
        .map(|it| json!({ "at": it.place, "reason": it.reason }))
        .collect();
    if let Some(rejected) = rejected.filter(|_| errors.is_empty()) {
        errors.push(json!({ "reason": rejected.reason }));
    }
    let answer = json!({ "accepted": exported.accepted, "rejected": count, "errors": errors });
    let status = if exported.accepted == 0 && count > 0 {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::OK
    };
    respond(status, media::JSON, answer.to_string().into_bytes())
}

/// The reason a request was refused for.
pub(super) fn answer_refused(refusal: &Refusal) -> Response<Full<Bytes>> {
    let answer = json!({ "error": refusal.message() });
    respond(
        refusal.answer().http,
        media::JSON,
        answer.to_string().into_bytes(),
    )
}
