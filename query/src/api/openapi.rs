//! `/api/v1/openapi.json`: the contract, as committed.

use axum::response::Response;
use http::StatusCode;

use super::json::response;

/// The committed document.
pub(super) const DOCUMENT: &str = include_str!("../../openapi.json");

/// `GET /api/v1/openapi.json`
pub(super) async fn document() -> Response {
    response(StatusCode::OK, DOCUMENT.as_bytes().to_vec())
}
