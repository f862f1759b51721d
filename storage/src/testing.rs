//! Makes small export requests and looks at what the storage answers.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use bytes::Bytes;
use model::otlp::{self, Encoding};
use model::{Clock, LogReader, Signal, SpanReader, UnixNanos};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::compaction::error::MergeError;
use crate::compaction::merge::{Places, merge};
use crate::compaction::publish::Replacement;
use crate::compaction::worker::CompactorCommand;
use crate::filter::Filter;
use crate::sealer::SealerCommand;
use crate::snapshot::{Columns, Snapshot};
use crate::{Append, Storage, StorageConfig};

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct ManualClock {
    steady: AtomicU64,
    /// What the wall shows beyond that.
    ahead: AtomicI64,
}

impl ManualClock {
    pub(crate) fn at(moment: u64) -> Arc<Self> {
        Arc::new(Self {
            steady: AtomicU64::new(moment),
            ahead: AtomicI64::new(0),
        })
    }

    /// Lets time pass until the wall shows this moment.
    pub(crate) fn set(&self, moment: u64) {
        let ahead = self.ahead.load(Ordering::SeqCst);
        let steady = moment.saturating_add_signed(-ahead);
        self.steady.store(steady, Ordering::SeqCst);
    }

    pub(crate) fn let_pass(&self, nanos: u64) {
        self.steady.fetch_add(nanos, Ordering::SeqCst);
    }

    /// Somebody sets the clock on the wall. No time passes.
    pub(crate) fn step(&self, nanos: i64) {
        self.ahead.fetch_add(nanos, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixNanos {
        let ahead = self.ahead.load(Ordering::SeqCst);
        UnixNanos(self.steady_nanos().saturating_add_signed(ahead))
    }

    fn steady_nanos(&self) -> u64 {
        self.steady.load(Ordering::SeqCst)
    }
}

/// Opens the directory with settings under which nothing is sealed unless a test asks for it.
pub(crate) fn open(dir: &Path) -> Storage {
    open_with(dir, |_| {})
}

pub(crate) fn open_with(dir: &Path, change: impl FnOnce(&mut StorageConfig)) -> Storage {
    let mut config = StorageConfig::in_dir(dir);
    change(&mut config);
    Storage::open(config, ManualClock::at(1_000)).unwrap()
}

/// A request of one resource with these spans: (trace, span, name, start, end).
pub(crate) fn spans(service: &str, spans: &[(u8, u8, &str, u64, u64)]) -> Append {
    let spans: Vec<Value> = spans
        .iter()
        .map(|(trace, span, name, start, end)| {
            json!({
                "traceId": format!("{trace:032x}"), "spanId": format!("{span:016x}"),
                "name": name, "kind": 2,
                "startTimeUnixNano": start.to_string(), "endTimeUnixNano": end.to_string(),
            })
        })
        .collect();
    traces(&json!({"resourceSpans": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": service}},
        ]},
        "scopeSpans": [{"spans": spans}],
    }]}))
}

pub(crate) fn traces(request: &Value) -> Append {
    append(Signal::Traces, request)
}

pub(crate) fn logs(request: &Value) -> Append {
    append(Signal::Logs, request)
}

fn append(signal: Signal, request: &Value) -> Append {
    let body = Bytes::from(request.to_string());
    let accepted = otlp::decode(signal, Encoding::Json, body).unwrap();
    assert_eq!(accepted.rejected, None);
    Append {
        signal,
        payload: accepted.payload,
        batch: accepted.batch,
    }
}

/// The names of all spans, sorted.
pub(crate) fn span_names(snapshot: &Snapshot) -> Vec<String> {
    let mut names = Vec::new();
    for source in snapshot.sources(Signal::Traces) {
        let rows: Vec<u32> = (0..source.row_count()).collect();
        let batch = source.read(&rows, Columns::All).unwrap();
        let reader = SpanReader::new(&batch).unwrap();
        names.extend((0..rows.len()).map(|row| reader.keys().name(row).to_owned()));
    }
    names.sort();
    names
}

/// Everything the filter finds, as one text per row, sorted: whole records, so that two storages
/// that hold the same data answer alike whatever their sources are.
pub(crate) fn found(snapshot: &Snapshot, signal: Signal, filter: &Filter) -> Vec<String> {
    let mut found = Vec::new();
    for source in snapshot.sources(signal) {
        let mut rows = Vec::new();
        let mut visit = |found: crate::Match| {
            rows.push(found.row);
            ControlFlow::Continue(())
        };
        source.find(filter, &mut visit).unwrap();
        if rows.is_empty() {
            continue;
        }
        let batch = source.read(&rows, Columns::All).unwrap();
        found.extend(texts(signal, &batch));
    }
    found.sort();
    found
}

/// Each row as text.
pub(crate) fn texts(signal: Signal, batch: &arrow_array::RecordBatch) -> Vec<String> {
    match signal {
        Signal::Traces => {
            let reader = SpanReader::new(batch).unwrap();
            (0..batch.num_rows())
                .map(|row| format!("{:?}", reader.span(row).unwrap()))
                .collect()
        }
        Signal::Logs => {
            let reader = LogReader::new(batch).unwrap();
            let text = |row| format!("{:?}", reader.log_record(row).unwrap());
            (0..batch.num_rows()).map(text).collect()
        }
    }
}

/// Copies a directory with all in it.
pub(crate) fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy_files(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// A merge of all splits of the signal that was written and read back, and that nobody was told of.
pub(crate) fn merge_unpublished(
    storage: &Storage,
    signal: Signal,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Replacement, MergeError> {
    let shared = &storage.inner.shared;
    let mut splits = shared.view.splits();
    splits.retain(|(published, _)| published.signal == signal);
    splits.sort_by_key(|(published, _)| (published.sealed, published.id.clone()));
    let places = Places {
        unfinished: &shared.directories.compaction,
        splits: &shared.directories.splits,
    };
    let (published, splits): (Vec<_>, Vec<_>) = splits.into_iter().unzip();
    let merged = merge(signal, splits, places, is_stopped)?;
    Ok(Replacement {
        removed: published.into_iter().map(|split| split.id).collect(),
        merged,
    })
}

/// The names of what is in a directory, sorted.
pub(crate) fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

/// How many cases of a property are tried: as many as `PROPTEST_CASES` says, or so many.
pub(crate) fn cases(default: u32) -> u32 {
    let cases = std::env::var_os("PROPTEST_CASES");
    cases.map_or(default, |text| text.to_str().unwrap().parse().unwrap())
}

/// A directory in memory where there is one, for tests whose syncs need no disk.
pub(crate) fn temporary_dir() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// What only tests ask of it.
impl Storage {
    /// Deletes what has expired, now instead of at the next tick.
    pub(crate) async fn expire(&self) {
        self.ask_sealer(SealerCommand::Expire).await.unwrap();
    }

    /// Keeps the seal thread from doing anything as long as what is returned lives.
    pub(crate) fn hold_sealer(&self) -> SyncSender<()> {
        let (hold, held) = sync_channel(0);
        let running = self.inner.running.lock();
        let held = SealerCommand::Hold(held);
        let commands = &running.as_ref().unwrap().sealer_commands;
        commands.send(held).unwrap();
        hold
    }

    /// Does what compaction has planned.
    pub(crate) async fn compact(&self) {
        self.ask_compactor(CompactorCommand::Compact).await;
    }

    /// Merges all splits of each signal.
    pub(crate) async fn merge_all(&self) -> Result<(), MergeError> {
        self.ask_compactor(CompactorCommand::MergeAll).await
    }

    async fn ask_compactor<T: Send + 'static>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> CompactorCommand + Send + 'static,
    ) -> T {
        let commands = {
            let running = self.inner.running.lock();
            running.as_ref().unwrap().compactor_commands.clone()
        };
        let (answer, answered) = oneshot::channel();
        let send = move || commands.send(command(answer));
        tokio::task::spawn_blocking(send).await.unwrap().unwrap();
        answered.await.unwrap()
    }
}
