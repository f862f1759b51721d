//! The HTTP surface: routes, what every answer has in common, and the conversions to JSON. The only
//! place of this crate that knows JSON.

mod cursor;
mod export;
mod health;
mod held;
mod ingest_status;
mod jaeger;
mod json;
mod log_patterns;
mod logs;
mod openapi;
mod params;
mod services;
mod status;
mod traces;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, post};
use http::{HeaderName, HeaderValue, Method, Uri, header};
use model::{Clock, UnixNanos};
use serde::Deserialize;

use crate::config::QueryConfig;
use crate::error::QueryError;
use crate::exec::QueryPool;
use crate::ingest_status::IngestStatus;
use crate::memory::QueryMemory;
use crate::memory_status::MemoryStatus;
use crate::metrics::Metrics;
use crate::{Backend, ServerInfo};

pub use params::parse_time;

/// Largest body of a request.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Time a request has beyond the limit of its query: for its turn in the queue, and to be written.
const REQUEST_GRACE: Duration = Duration::from_secs(10);

/// What every handler works with. A cheap handle.
#[derive(Clone)]
struct Api {
    pool: QueryPool,
    clock: Arc<dyn Clock>,
    info: Arc<ServerInfo>,
    started: UnixNanos,
    metrics: Arc<Metrics>,
    health: Arc<health::Health>,
    exports: export::Permits,
    ingest: IngestStatus,
    memory: MemoryStatus,
    query_memory: QueryMemory,
}

/// A parameter in a path, which may hold any text once it is unescaped.
#[derive(Debug, Deserialize)]
struct PathParameter(String);

/// Everything that is served: native API, dialects, health, and the UI for all other paths.
pub fn router(config: &QueryConfig, backend: Backend) -> Router {
    let api = Api {
        pool: QueryPool::new(backend.storage, config.limits, backend.query_memory.clone()),
        started: backend.clock.now(),
        clock: backend.clock,
        info: Arc::new(backend.server),
        metrics: Arc::default(),
        health: Arc::new(health::Health::new(
            backend.is_ready_to_write,
            backend.metrics,
        )),
        exports: export::permits(),
        ingest: backend.ingest,
        memory: backend.memory,
        query_memory: backend.query_memory,
    };
    let mut native = Router::new();
    for (path, _, handler) in native_routes() {
        native = native.route(path, handler);
    }
    let served = Router::new()
        .nest(
            "/api",
            native
                .fallback(unknown_path)
                .method_not_allowed_fallback(wrong_method),
        )
        .nest("/jaeger", jaeger::router())
        .route("/api/", any(unknown_path))
        .route("/jaeger/", any(unknown_path))
        .merge(health::router())
        .layer(middleware::from_fn(held::until_sent))
        .layer(middleware::from_fn_with_state(api.clone(), count_request))
        .layer(middleware::from_fn(add_security_headers))
        .layer(middleware::from_fn_with_state(
            config
                .limits
                .timeout
                .saturating_mul(2)
                .saturating_add(REQUEST_GRACE),
            limit_time,
        ))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(api);
    ui::router().merge(served)
}

/// Every native route, below `/api`, with its method.
fn native_routes() -> Vec<(&'static str, Method, MethodRouter<Api>)> {
    vec![
        ("/v1/traces", Method::GET, get(traces::search)),
        ("/v1/traces/{trace_id}", Method::GET, get(traces::whole)),
        (
            "/v1/traces/{trace_id}/skeleton",
            Method::GET,
            get(traces::skeleton),
        ),
        (
            "/v1/traces/{trace_id}/spans",
            Method::POST,
            post(traces::some_spans),
        ),
        ("/v1/logs", Method::GET, get(logs::search)),
        ("/v1/logs/count", Method::GET, get(log_patterns::count)),
        (
            "/v1/logs/patterns",
            Method::GET,
            get(log_patterns::patterns),
        ),
        ("/v1/services", Method::GET, get(services::list)),
        (
            "/v1/services/{service}/operations",
            Method::GET,
            get(services::operations),
        ),
        ("/v1/export", Method::GET, get(export::export)),
        ("/v1/status", Method::GET, get(status::status)),
        ("/v1/status/ingest", Method::GET, get(ingest_status::status)),
        ("/v1/openapi.json", Method::GET, get(openapi::document)),
    ]
}

async fn unknown_path(uri: Uri) -> QueryError {
    QueryError::NotFound {
        message: format!("there is nothing at {}", uri.path()),
    }
}

async fn wrong_method(method: Method) -> QueryError {
    QueryError::MethodNotAllowed { method }
}

/// A request that is still not answered when even a query that had to wait should be is given up.
async fn limit_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => QueryError::Overloaded.into_response(),
    }
}

/// The answer to a request that no route is to see.
pub(crate) fn refuse(error: QueryError) -> Response {
    harden(error.into_response())
}

async fn add_security_headers(request: Request, next: Next) -> Response {
    harden(next.run(request).await)
}

/// API answers are data: never a page, never kept, never framed.
fn harden(mut response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn count_request(State(api): State<Api>, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unknown".to_owned(), |path| path.as_str().to_owned());
    let in_flight = api.metrics.begin(route.clone());
    let response = next.run(request).await;
    tracing::debug!(
        route,
        status = response.status().as_u16(),
        "answered request"
    );
    in_flight.end(response.status());
    response
}
