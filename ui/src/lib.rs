//! Serves the web bundle in `dist/`, which is embedded in the binary.

mod site;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method, Uri};
use site::Site;
use std::sync::Arc;

/// Answers everything that no other route of the server answers.
///
/// Files of the bundle are served with strong `ETag`s, compressed where the client takes gzip, and revalidated on
/// each use. Any other `GET` that asks for HTML gets the single page, which routes by itself, unless the path belongs
/// to an API or to the assets: those are honest 404s.
///
/// The files are compressed here, once. The router holds a fallback, so it must be merged into one that has none.
pub fn router() -> Router {
    Router::new()
        .fallback(serve)
        .with_state(Arc::new(Site::embedded()))
}

async fn serve(
    State(site): State<Arc<Site>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    site.answer(&method, uri.path(), &headers)
}
