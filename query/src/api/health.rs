//! `/healthz`, `/readyz` and `/metrics`.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use model::Signal;
use model::schema::column;
use storage::{Columns, ReadError, Snapshot};

use super::{Api, wrong_method};
use crate::metrics::{
    render_compaction, render_disk, render_memory, render_on_disk, render_storage,
};
use crate::{MetricsRenderer, ReadinessCheck};

/// What the binary adds to health and metrics.
pub(super) struct Health {
    is_ready_to_write: ReadinessCheck,
    extra_metrics: Vec<MetricsRenderer>,
}

impl Health {
    pub(super) fn new(
        is_ready_to_write: ReadinessCheck,
        extra_metrics: Vec<MetricsRenderer>,
    ) -> Self {
        Self {
            is_ready_to_write,
            extra_metrics,
        }
    }
}

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .method_not_allowed_fallback(wrong_method)
}

/// The process answers.
async fn alive() -> &'static str {
    "alive\n"
}

/// A write has succeeded, as the binary says, and a read succeeds now.
async fn ready(State(api): State<Api>) -> Response {
    if !(api.health.is_ready_to_write)() {
        return not_ready("not ready: no write has succeeded yet\n");
    }
    let storage = api.pool.storage().clone();
    match tokio::task::spawn_blocking(move || read_something(&storage.snapshot())).await {
        Ok(Ok(())) => "ready\n".into_response(),
        Ok(Err(error)) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "failed to read for readiness"
            );
            not_ready("not ready: stored data could not be read\n")
        }
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "readiness task failed"
            );
            not_ready("not ready: stored data could not be read\n")
        }
    }
}

fn not_ready(reason: &'static str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, reason).into_response()
}

/// Reads one row of the newest source of each signal; an empty store reads well.
fn read_something(snapshot: &Snapshot) -> Result<(), ReadError> {
    for signal in Signal::ALL {
        if let Some(source) = snapshot.sources(signal).first() {
            source.read(&[0], Columns::Named(&[column::TRACE_ID]))?;
        }
    }
    Ok(())
}

async fn metrics(State(api): State<Api>) -> Response {
    let storage = api.pool.storage().clone();
    let status = match tokio::task::spawn_blocking(move || storage.status()).await {
        Ok(status) => status,
        Err(error) => return crate::error::QueryError::from(error).into_response(),
    };
    let mut text = String::new();
    render_storage(&mut text, &status);
    render_on_disk(&mut text, &status);
    render_disk(&mut text, &status);
    render_compaction(&mut text, &status.compaction);
    api.metrics.render(&mut text);
    render_memory(&mut text, &api.query_memory);
    for render in &api.health.extra_metrics {
        render(&mut text);
    }
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}
