//! `/api/v1/status`: what this server is, where it listens, what it holds.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use model::{Signal, TimeRange};
use serde::Serialize;
use storage::{CompactionStatus, DiskStatus, SignalStatus, Snapshot, StorageStatus};

use super::Api;
use super::json::response;
use super::params::Params;
use crate::error::QueryError;
use crate::memory::QueryMemory;
use crate::memory_status::Memory;

#[derive(Serialize)]
struct StatusBody {
    version: &'static str,
    endpoints: Endpoints,
    stored: Stored,
    on_disk: OnDisk,
    disk: Disk,
    memory: MemoryBody,
    deleted: Deleted,
    set_aside: Vec<SetAside>,
    unreadable_splits: u64,
    compaction: Compaction,
    oldest_span_unix_nano: Option<String>,
    newest_span_unix_nano: Option<String>,
    oldest_log_unix_nano: Option<String>,
    newest_log_unix_nano: Option<String>,
    data_dir: String,
    retention_age_secs: Option<u64>,
    min_retention_secs: u64,
    uptime_secs: u64,
}

#[derive(Serialize)]
struct Endpoints {
    otlp_grpc: String,
    otlp_http: String,
    http: String,
    is_encrypted: bool,
    needs_token: bool,
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
    oldest_sealed_unix_nano: Option<String>,
}

#[derive(Serialize)]
struct Disk {
    used_bytes: u64,
    limit_bytes: u64,
    available_bytes: Option<u64>,
    data_bytes: u64,
    index_bytes: u64,
    body_bytes: u64,
    wal_bytes: u64,
    catalog_bytes: u64,
    temporary_bytes: u64,
    set_aside_bytes: u64,
    shortage: Option<String>,
    refused_appends: u64,
}

#[derive(Serialize)]
struct MemoryBody {
    budget_bytes: u64,
    budget_source: &'static str,
    held_bytes: Option<u64>,
    is_short: bool,
    in_flight_bytes: u64,
    in_flight_bytes_max: u64,
    request_bytes_max: u64,
    hot_bytes: u64,
    hot_bytes_max: u64,
    seal_bytes: u64,
    query_bytes: u64,
    query_bytes_max: u64,
}

#[derive(Serialize)]
struct Deleted {
    by_age: DeletedSplits,
    by_size: DeletedSplits,
}

#[derive(Serialize)]
struct SetAside {
    name: String,
    what: String,
    reason: String,
}

#[derive(Serialize)]
struct DeletedSplits {
    splits: u64,
    bytes: u64,
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
            is_encrypted: info.is_encrypted,
            needs_token: info.needs_token,
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
        disk: disk(&status.disk),
        memory: memory((api.memory)(), &api.query_memory, &status),
        deleted: Deleted {
            by_age: deleted(status.deleted_by_age),
            by_size: deleted(status.deleted_by_size),
        },
        set_aside: status.set_aside.into_iter().map(set_aside).collect(),
        unreadable_splits: status.unreadable_split_count,
        compaction: compaction(status.compaction),
        oldest_span_unix_nano: status.span_times.map(oldest),
        newest_span_unix_nano: status.span_times.map(newest),
        oldest_log_unix_nano: status.log_record_times.map(oldest),
        newest_log_unix_nano: status.log_record_times.map(newest),
        data_dir: info.data_dir.display().to_string(),
        retention_age_secs: info.retention_age.map(|age| age.as_secs()),
        min_retention_secs: status.disk.min_retention.as_secs(),
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
        oldest_sealed_unix_nano: status.oldest_sealed.map(|sealed| sealed.0.to_string()),
    }
}

fn disk(status: &DiskStatus) -> Disk {
    let usage = &status.usage;
    Disk {
        used_bytes: usage.total_bytes(),
        limit_bytes: status.limit_bytes,
        available_bytes: status.available_bytes,
        data_bytes: usage.data_bytes,
        index_bytes: usage.index_bytes,
        body_bytes: usage.body_bytes,
        wal_bytes: usage.wal_bytes,
        catalog_bytes: usage.catalog_bytes,
        temporary_bytes: usage.temporary_bytes,
        set_aside_bytes: usage.set_aside_bytes,
        shortage: status.shortage.map(|shortage| shortage.to_string()),
        refused_appends: status.refused_append_count,
    }
}

fn memory(memory: Memory, queries: &QueryMemory, storage: &StorageStatus) -> MemoryBody {
    MemoryBody {
        budget_bytes: memory.budget_bytes,
        budget_source: memory.budget_source.label(),
        held_bytes: memory.held_bytes,
        is_short: memory.is_short,
        in_flight_bytes: memory.in_flight_bytes,
        in_flight_bytes_max: memory.in_flight_bytes_max,
        request_bytes_max: memory.request_bytes_max,
        hot_bytes: storage.hot_bytes,
        hot_bytes_max: storage.hot_bytes_max,
        seal_bytes: memory.seal_bytes,
        query_bytes: queries.held_bytes() as u64,
        query_bytes_max: queries.limit_bytes() as u64,
    }
}

fn set_aside(it: storage::SetAside) -> SetAside {
    SetAside {
        name: it.name,
        what: it.what,
        reason: it.reason,
    }
}

fn deleted(deleted: storage::Deleted) -> DeletedSplits {
    DeletedSplits {
        splits: deleted.split_count,
        bytes: deleted.bytes,
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

/// The first moment in a range, as text.
fn oldest(times: TimeRange) -> String {
    times.start.0.to_string()
}

/// The last moment in a range, as text.
fn newest(times: TimeRange) -> String {
    times.end.0.saturating_sub(1).to_string()
}
