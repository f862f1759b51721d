//! What the query side counts about itself, as Prometheus text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;
use model::{TimeRange, UnixNanos};
use parking_lot::Mutex;
use storage::{CompactionStatus, Deleted, SignalStatus, StorageStatus};

use crate::memory::QueryMemory;

/// What the names of storage's metrics begin with.
const STORAGE: &str = "spandrel_storage_";
/// What the names of compaction's metrics begin with.
const COMPACTION: &str = "spandrel_storage_compaction_";
/// Requests answered, by route and status.
const REQUESTS: &str = "spandrel_http_requests_total";
/// Seconds spent on them, by route.
const REQUEST_SECONDS: &str = "spandrel_http_request_seconds_total";
/// Requests being answered.
const MEMORY: &str = "spandrel_query_memory_bytes";
const MEMORY_MAX: &str = "spandrel_query_memory_max_bytes";
const IN_FLIGHT: &str = "spandrel_http_requests_in_flight";

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    in_flight: u64,
    answered: BTreeMap<(String, u16), u64>,
    seconds: BTreeMap<String, f64>,
}

/// A request being answered. One that is dropped was given up by its client.
pub(crate) struct InFlight {
    metrics: Arc<Metrics>,
    route: String,
    started: Instant,
    status: Option<StatusCode>,
}

/// Status under which requests are counted whose client went away.
const CLIENT_CLOSED_REQUEST: u16 = 499;

impl Metrics {
    /// Counts a request from its begin.
    pub(crate) fn begin(self: &Arc<Self>, route: String) -> InFlight {
        self.counts.lock().in_flight += 1;
        let metrics = Arc::clone(self);
        InFlight {
            metrics,
            route,
            started: Instant::now(),
            status: None,
        }
    }

    /// Writes the counters.
    pub(crate) fn render(&self, out: &mut String) {
        let counts = self.counts.lock();
        family(out, REQUESTS, "counter", "requests answered");
        for ((route, status), count) in &counts.answered {
            let labels = format!("{{route=\"{route}\",status=\"{status}\"}}");
            sample(out, REQUESTS, &labels, count);
        }
        family(out, REQUEST_SECONDS, "counter", "seconds spent on requests");
        for (route, seconds) in &counts.seconds {
            sample(
                out,
                REQUEST_SECONDS,
                &format!("{{route=\"{route}\"}}"),
                seconds,
            );
        }
        family(out, IN_FLIGHT, "gauge", "requests being answered");
        sample(out, IN_FLIGHT, "", counts.in_flight);
    }
}

impl InFlight {
    /// Counts the answer.
    pub(crate) fn end(mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let status = self
            .status
            .map_or(CLIENT_CLOSED_REQUEST, |status| status.as_u16());
        let route = std::mem::take(&mut self.route);
        let mut counts = self.metrics.counts.lock();
        counts.in_flight -= 1;
        *counts.seconds.entry(route.clone()).or_default() += self.started.elapsed().as_secs_f64();
        *counts.answered.entry((route, status)).or_default() += 1;
    }
}

/// Writes what storage says of itself.
/// Memory that queries hold and may hold.
pub(crate) fn render_memory(out: &mut String, memory: &QueryMemory) {
    family(
        out,
        MEMORY,
        "gauge",
        "memory held by queries and their answers",
    );
    sample(out, MEMORY, "", memory.held_bytes());
    family(out, MEMORY_MAX, "gauge", "memory that queries may hold");
    sample(out, MEMORY_MAX, "", memory.limit_bytes());
}

pub(crate) fn render_storage(out: &mut String, status: &StorageStatus) {
    let is_wal_failed = u64::from(status.wal_error.is_some());
    let gauges = [
        ("spans", "spans that can be found", status.span_count),
        (
            "log_records",
            "log records that can be found",
            status.log_record_count,
        ),
        (
            "hot_rows",
            "rows in memory and in the WAL only",
            status.hot_row_count,
        ),
        (
            "hot_bytes",
            "memory held by the hot buffer",
            status.hot_bytes,
        ),
        (
            "hot_bytes_max",
            "memory above which senders are refused",
            status.hot_bytes_max,
        ),
        (
            "splits",
            "published splits that can be read",
            status.split_count,
        ),
        ("split_bytes", "bytes of their files", status.split_bytes),
        (
            "unreadable_splits",
            "published splits not readable",
            status.unreadable_split_count,
        ),
        ("wal_bytes", "bytes of the WAL", status.wal_bytes),
        (
            "wal_failed",
            "1 when the WAL takes nothing more",
            is_wal_failed,
        ),
    ];
    for (name, help, value) in gauges {
        let name = format!("{STORAGE}{name}");
        family(out, &name, "gauge", help);
        sample(out, &name, "", value);
    }
    let counters = [
        (
            "sealed_splits_total",
            "splits written since the start",
            status.sealed_split_count,
        ),
        (
            "refused_appends_total",
            "appends refused for want of room on the disk",
            status.disk.refused_append_count,
        ),
    ];
    for (name, help, value) in counters {
        let name = format!("{STORAGE}{name}");
        family(out, &name, "counter", help);
        sample(out, &name, "", value);
    }
}

/// Writes what the disk holds, what it may hold, and what was deleted.
pub(crate) fn render_disk(out: &mut String, status: &StorageStatus) {
    let (disk, usage) = (&status.disk, &status.disk.usage);
    let name = format!("{STORAGE}disk_bytes");
    family(
        out,
        &name,
        "gauge",
        "bytes on the disk by what they are for",
    );
    for (kind, bytes) in [
        ("data", usage.data_bytes),
        ("index", usage.index_bytes),
        ("bodies", usage.body_bytes),
        ("wal", usage.wal_bytes),
        ("catalog", usage.catalog_bytes),
        ("temporary", usage.temporary_bytes),
        ("set_aside", usage.set_aside_bytes),
    ] {
        sample(out, &name, &format!("{{kind=\"{kind}\"}}"), bytes);
    }
    let is_short = u64::from(disk.shortage.is_some());
    let available = disk.available_bytes;
    let gauges = [
        (
            "disk_limit_bytes",
            "bytes that all of it may take",
            Some(disk.limit_bytes),
        ),
        (
            "disk_available_bytes",
            "bytes that may still be written to the disk",
            available,
        ),
        (
            "disk_short",
            "1 while appends are refused for want of room on the disk",
            Some(is_short),
        ),
    ];
    for (name, help, value) in gauges {
        if let Some(value) = value {
            let name = format!("{STORAGE}{name}");
            family(out, &name, "gauge", help);
            sample(out, &name, "", value);
        }
    }
    render_deleted(out, status);
    render_set_aside(out, status);
    render_oldest(out, status);
}

/// Writes what retention has deleted, and why.
fn render_deleted(out: &mut String, status: &StorageStatus) {
    type Value = fn(&Deleted) -> u64;
    let counters: [(&str, &str, Value); 2] = [
        (
            "deleted_splits_total",
            "splits deleted since the start",
            |it| it.split_count,
        ),
        ("deleted_bytes_total", "their bytes on the disk", |it| {
            it.bytes
        }),
    ];
    for (name, help, value) in counters {
        let name = format!("{STORAGE}{name}");
        family(out, &name, "counter", help);
        for (reason, deleted) in [
            ("age", &status.deleted_by_age),
            ("size", &status.deleted_by_size),
        ] {
            sample(
                out,
                &name,
                &format!("{{reason=\"{reason}\"}}"),
                value(deleted),
            );
        }
    }
}

/// Writes how much was set aside.
fn render_set_aside(out: &mut String, status: &StorageStatus) {
    let parts = status.set_aside.iter().filter(|it| it.is_part_of_wal());
    let gauges = [
        (
            "set_aside",
            "damaged things that were set aside",
            status.set_aside.len(),
        ),
        (
            "wal_set_aside_parts",
            "damaged or missing parts of the WAL among them",
            parts.count(),
        ),
    ];
    for (name, help, value) in gauges {
        let name = format!("{STORAGE}{name}");
        family(out, &name, "gauge", help);
        sample(out, &name, "", value);
    }
}

/// Writes how far back the records of each signal go.
fn render_oldest(out: &mut String, status: &StorageStatus) {
    let seconds = |moment: UnixNanos| moment.0 as f64 / 1e9;
    let of_records = |times: Option<TimeRange>| times.map(|times| times.start);
    for (name, help, moments) in [
        (
            "oldest_record_time_seconds",
            "unix time of the oldest record",
            [
                of_records(status.span_times),
                of_records(status.log_record_times),
            ],
        ),
        (
            "oldest_sealed_time_seconds",
            "unix time at which the oldest split was sealed",
            [status.traces.oldest_sealed, status.logs.oldest_sealed],
        ),
    ] {
        let name = format!("{STORAGE}{name}");
        family(out, &name, "gauge", help);
        for (signal, moment) in ["traces", "logs"].into_iter().zip(moments) {
            if let Some(moment) = moment {
                sample(
                    out,
                    &name,
                    &format!("{{signal=\"{signal}\"}}"),
                    seconds(moment),
                );
            }
        }
    }
}

/// Writes what there is of each signal on disk.
pub(crate) fn render_on_disk(out: &mut String, status: &StorageStatus) {
    type Value = fn(&SignalStatus) -> u64;
    let gauges: [(&str, &str, Value); 7] = [
        ("signal_splits", "published splits that can be read", |it| {
            it.split_count
        }),
        ("split_rows", "their rows", |it| it.split_row_count),
        ("data_bytes", "bytes of their values", |it| it.data_bytes),
        ("index_bytes", "bytes of their indexes", |it| it.index_bytes),
        (
            "unsealed_wal_bytes",
            "bytes in the WAL and in no split yet",
            |it| it.wal_bytes,
        ),
        (
            "compaction_backlog_splits",
            "splits that wait for a merge",
            |it| it.backlog_split_count,
        ),
        (
            "compaction_backlog_rows",
            "rows of splits that wait for a merge",
            |it| it.backlog_row_count,
        ),
    ];
    for (name, help, value) in gauges {
        let name = format!("{STORAGE}{name}");
        family(out, &name, "gauge", help);
        for (signal, on_disk) in [("traces", &status.traces), ("logs", &status.logs)] {
            let labels = format!("{{signal=\"{signal}\"}}");
            sample(out, &name, &labels, value(on_disk));
        }
    }
}

/// Writes what compaction has done.
pub(crate) fn render_compaction(out: &mut String, status: &CompactionStatus) {
    let counters = [
        (
            "merges_total",
            "merges published since the start",
            status.merge_count,
        ),
        (
            "merged_splits_total",
            "splits that went into them",
            status.merged_split_count,
        ),
        ("rows_total", "rows rewritten", status.row_count),
        (
            "input_bytes_total",
            "bytes of the splits that went in",
            status.input_bytes,
        ),
        (
            "output_bytes_total",
            "bytes of the splits that came out",
            status.output_bytes,
        ),
    ];
    for (name, help, value) in counters {
        let name = format!("{COMPACTION}{name}");
        family(out, &name, "counter", help);
        sample(out, &name, "", value);
    }
    let name = format!("{COMPACTION}cpu_seconds_total");
    family(out, &name, "counter", "processor time spent on merges");
    sample(out, &name, "", status.cpu_time.as_secs_f64());
    let name = format!("{COMPACTION}failing");
    family(out, &name, "gauge", "1 when the last merge failed");
    sample(out, &name, "", u64::from(status.last_error.is_some()));
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    append(
        out,
        format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"),
    );
}

fn sample(out: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    append(out, format_args!("{name}{labels} {value}\n"));
}

fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_and_status() {
        let metrics = Arc::new(Metrics::default());
        metrics.begin("/api/v1/logs".to_owned()).end(StatusCode::OK);
        drop(metrics.begin("/api/v1/logs".to_owned()));
        let waiting = metrics.begin("/healthz".to_owned());
        let mut text = String::new();
        metrics.render(&mut text);
        drop(waiting);
        assert!(text.contains(
            "spandrel_http_requests_total{route=\"/api/v1/logs\",status=\"200\"} 1\n\
             spandrel_http_requests_total{route=\"/api/v1/logs\",status=\"499\"} 1\n"
        ));
        assert!(text.contains("spandrel_http_requests_in_flight 1\n"));
    }

    #[test]
    fn what_is_on_disk_is_told_by_signal_and_merges_are_counted() {
        let mut status = StorageStatus::default();
        status.logs.index_bytes = 7;
        status.traces.backlog_row_count = 8;
        status.compaction.row_count = 9;
        status.deleted_by_size.bytes = 10;
        status.disk.usage.body_bytes = 11;
        status.logs.oldest_sealed = Some(UnixNanos(1_500_000_000));
        status.compaction.cpu_time = std::time::Duration::from_millis(1500);
        let mut text = String::new();
        render_on_disk(&mut text, &status);
        render_disk(&mut text, &status);
        render_compaction(&mut text, &status.compaction);
        for line in [
            "spandrel_storage_index_bytes{signal=\"traces\"} 0",
            "spandrel_storage_index_bytes{signal=\"logs\"} 7",
            "spandrel_storage_compaction_backlog_rows{signal=\"traces\"} 8",
            "spandrel_storage_compaction_rows_total 9",
            "spandrel_storage_deleted_bytes_total{reason=\"age\"} 0",
            "spandrel_storage_deleted_bytes_total{reason=\"size\"} 10",
            "spandrel_storage_disk_bytes{kind=\"bodies\"} 11",
            "spandrel_storage_disk_short 0",
            "spandrel_storage_oldest_sealed_time_seconds{signal=\"logs\"} 1.5",
            "spandrel_storage_compaction_cpu_seconds_total 1.5",
            "spandrel_storage_compaction_failing 0",
        ] {
            assert!(text.lines().any(|it| it == line), "no {line} in\n{text}");
        }
    }
}
