//! `/api/v1/status`: what this server is, where it listens, what it holds.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use model::{Signal, TimeRange};
use serde::Serialize;
use storage::{CompactionStatus, SignalStatus, Snapshot};

use super::Api;
use super::json::response;
use super::params::Params;
use crate::error::QueryError;

#[derive(Serialize)]
struct StatusBody {
    version: &'static str,
    endpoints: Endpoints,
    stored: Stored,
    on_disk: OnDisk,
    compaction: Compaction,
    newest_span_unix_nano: Option<String>,
    newest_log_unix_nano: Option<String>,
    data_dir: String,
    retention_age_secs: Option<u64>,
    uptime_secs: u64,
}

#[derive(Serialize)]
struct Endpoints {
    otlp_grpc: String,
    otlp_http: String,
    http: String,
}

#[derive(Serialize)]
struct Stored {
    spans: u64,
    log_records: u64,
    splits: u64,
    bytes: u64,
    wal_bytes: u64,
    hot_spans: u64,
    hot_log_records: u64,
}

#[derive(Serialize)]
struct OnDisk {
    traces: SignalOnDisk,
    logs: SignalOnDisk,
}

#[derive(Serialize)]
struct SignalOnDisk {
    splits: u64,
    rows: u64,
    data_bytes: u64,
    index_bytes: u64,
    wal_bytes: u64,
    backlog_splits: u64,
    backlog_rows: u64,
}

#[derive(Serialize)]
struct Compaction {
    merges: u64,
    merged_splits: u64,
    rows: u64,
    input_bytes: u64,
    output_bytes: u64,
    cpu_seconds: f64,
    last_error: Option<String>,
}

/// `GET /api/v1/status`
pub(super) async fn status(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Response, QueryError> {
    Params::strict(query.as_deref(), &[])?;
    let storage = api.pool.storage().clone();
    let (status, snapshot) =
        tokio::task::spawn_blocking(move || (storage.status(), storage.snapshot())).await?;
    let info = &api.info;
    let uptime_nanos = api.clock.now().0.saturating_sub(api.started.0);
    let body = StatusBody {
        version: info.version,
        endpoints: Endpoints {
            otlp_grpc: info.otlp_grpc.to_string(),
            otlp_http: info.otlp_http.to_string(),
            http: info.http.to_string(),
        },
        stored: Stored {
            spans: status.span_count,
            log_records: status.log_record_count,
            splits: status.split_count,
            bytes: status.split_bytes,
            wal_bytes: status.wal_bytes,
            hot_spans: hot_rows(&snapshot, Signal::Traces),
            hot_log_records: hot_rows(&snapshot, Signal::Logs),
        },
        on_disk: OnDisk {
            traces: signal_on_disk(&status.traces),
            logs: signal_on_disk(&status.logs),
        },
        compaction: compaction(status.compaction),
        newest_span_unix_nano: status.span_times.map(newest),
        newest_log_unix_nano: status.log_record_times.map(newest),
        data_dir: info.data_dir.display().to_string(),
        retention_age_secs: info.retention_age.map(|age| age.as_secs()),
        uptime_secs: uptime_nanos / 1_000_000_000,
    };
    Ok(response(StatusCode::OK, serde_json::to_vec(&body)?))
}

fn signal_on_disk(status: &SignalStatus) -> SignalOnDisk {
    SignalOnDisk {
        splits: status.split_count,
        rows: status.split_row_count,
        data_bytes: status.data_bytes,
        index_bytes: status.index_bytes,
        wal_bytes: status.wal_bytes,
        backlog_splits: status.backlog_split_count,
        backlog_rows: status.backlog_row_count,
    }
}

fn compaction(status: CompactionStatus) -> Compaction {
    Compaction {
        merges: status.merge_count,
        merged_splits: status.merged_split_count,
        rows: status.row_count,
        input_bytes: status.input_bytes,
        output_bytes: status.output_bytes,
        cpu_seconds: status.cpu_time.as_secs_f64(),
        last_error: status.last_error.map(|(_, reason)| reason),
    }
}

fn hot_rows(snapshot: &Snapshot, signal: Signal) -> u64 {
    let hot = snapshot
        .sources(signal)
        .iter()
        .filter(|source| source.is_hot());
    hot.map(|source| u64::from(source.row_count())).sum()
}

/// The last moment in a range, as text.
fn newest(times: TimeRange) -> String {
    times.end.0.saturating_sub(1).to_string()
}
