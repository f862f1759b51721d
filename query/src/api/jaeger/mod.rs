//! Jaeger's HTTP API, v1 and v3, below `/jaeger`: what Grafana's Jaeger source and jaeger-ui ask for.

mod request;
mod trace;
mod v1;
mod v3;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderName, HeaderValue};

use super::{Api, unknown_path, wrong_method};
use crate::api::held::held_by;
use crate::limits::Outcome;

/// Says in a dialect that has no word for it why an answer may lack something.
const INCOMPLETE_HEADER: HeaderName = HeaderName::from_static("x-spandrel-incomplete");

/// Traces in an answer when the client does not say.
const TRACES_DEFAULT: usize = 100;
/// The most jaeger-ui lets its users ask for.
const TRACES_MAX: usize = 1500;

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/api/services", get(v1::services))
        .route(
            "/api/services/{service}/operations",
            get(v1::service_operations),
        )
        .route("/api/operations", get(v1::operations))
        .route("/api/traces", get(v1::search))
        .route("/api/traces/{trace_id}", get(v1::trace))
        .route("/api/dependencies", get(v1::dependencies))
        .route("/api/v3/services", get(v3::services))
        .route("/api/v3/operations", get(v3::operations))
        .route("/api/v3/traces", get(v3::search))
        .route("/api/v3/traces/{trace_id}", get(v3::trace))
        .route("/api/v3/trace-summaries", get(v3::summaries))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
}

/// Marks an answer that may lack something.
fn marked(mut response: Response, outcome: &Outcome) -> Response {
    if let Some(reason) = &outcome.incomplete_reason {
        let visible = reason.replace(|c: char| !c.is_ascii_graphic() && c != ' ', "?");
        if let Ok(value) = HeaderValue::from_str(&visible) {
            response.headers_mut().insert(INCOMPLETE_HEADER, value);
        }
    }
    held_by(response, outcome)
}
