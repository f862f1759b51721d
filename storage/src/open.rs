//! Opening: lock, catalog, splits, WAL replay, threads. After a crash this is the recovery.

use std::collections::{HashMap, HashSet};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use model::{Clock, otlp};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::appender::Appender;
use crate::budget::MemoryBudget;
use crate::catalog::Catalog;
use crate::compaction::worker::Compactor;
use crate::config::StorageConfig;
use crate::damage;
use crate::disk::Disk;
use crate::error::OpenError;
use crate::files::{self, FileError};
use crate::hot::BatchSize;
use crate::lock::DirectoryLock;
use crate::rebuild;
use crate::retention;
use crate::retry::Retry;
use crate::sealer::Sealer;
use crate::split::reader::Split;
use crate::split::writer;
use crate::status::Counters;
use crate::steady_clock::{Reading, SteadyClock};
use crate::view::{Acknowledged, SealedMarks, View};
use crate::wal::attempts::Attempts;
use crate::wal::format::Entry;
use crate::wal::replay::{self, Applied, Aside};
use crate::wal::writer::WalWriter;
use crate::{Directories, Inner, Running, Shared, Storage};

/// See [`Storage::open`].
pub(crate) fn open(config: StorageConfig, clock: Arc<dyn Clock>) -> Result<Storage, OpenError> {
    let directories = create_directories(&config)?;
    let lock = DirectoryLock::acquire(&config.data_dir)?;
    let mut catalog = rebuild::open_catalog(&config.data_dir, &directories)?;
    let low_water = catalog.low_water()?;
    let clock = resume_clock(&catalog, clock, config.retention_age)?;
    let shared = Arc::new(Shared {
        budget: MemoryBudget::new(config.hot_bytes_max),
        disk: Disk::new(&config),
        config,
        clock,
        directories,
        view: View::default(),
        counters: Counters::default(),
        set_aside: Mutex::default(),
        is_compaction_stopped: AtomicBool::new(false),
        is_wal_open: AtomicBool::new(false),
        _lock: lock,
    });
    open_splits(&shared, &mut catalog)?;
    // Before retention, which may delete the split that says the most.
    let marks = shared.view.sealed_marks();
    retention::run(&shared, &mut catalog);
    let next_sequence = recover(&shared, low_water, marks)?;
    damage::list(&shared);
    let wal_dir = &shared.directories.wal;
    let wal = WalWriter::open(wal_dir, next_sequence, shared.config.wal_file_bytes);
    shared.is_wal_open.store(wal.is_open(), Ordering::Release);
    start(shared, wal, catalog, low_water, marks)
}

/// Without a reading the newest seal tells when the storage was last open.
fn resume_clock(
    catalog: &Catalog,
    clock: Arc<dyn Clock>,
    retention_age: Duration,
) -> Result<SteadyClock, OpenError> {
    let splits = catalog.list_splits()?;
    let newest_seal = splits.iter().map(|split| split.sealed).max();
    let at_seal = newest_seal.map(|sealed| Reading {
        steady: sealed,
        wall: sealed,
    });
    let last = catalog.clock()?.or(at_seal);
    Ok(SteadyClock::resume(clock, last, retention_age))
}

fn create_directories(config: &StorageConfig) -> Result<Directories, FileError> {
    let directories = Directories::below(&config.data_dir);
    files::create_dir(&config.data_dir)?;
    for dir in [
        &directories.wal,
        &directories.set_aside,
        &directories.splits,
        &directories.compaction,
    ] {
        files::create_dir(dir)?;
    }
    // A start that was killed may have made some of them and synced none.
    files::sync_dir(&config.data_dir)?;
    if let Err(error) = files::sync_parent(&config.data_dir) {
        // Whoever may not read it cannot sync it, and may use what is below all the same.
        tracing::debug!(%error, "failed to sync what the data directory is in");
    }
    Ok(directories)
}

/// Replays the WAL into the hot buffer; returns the sequence of the next entry.
fn recover(shared: &Shared, low_water: u64, marks: SealedMarks) -> Result<u64, FileError> {
    let directories = &shared.directories;
    let mut attempts = Attempts::begin(&shared.config.data_dir.join(ATTEMPTS_FILE));
    let mut apply = |entry: Entry| {
        if entry.sequence <= marks.of(entry.signal) {
            Applied::InSplit
        } else if attempts.may_apply(entry.sequence) {
            apply_entry(shared, &entry)
        } else {
            Applied::Poisonous
        }
    };
    let aside = Aside {
        dir: &directories.set_aside,
        now: shared.clock.now(),
    };
    let recovery = replay::replay(&directories.wal, aside, low_water, &mut apply)?;
    attempts.end();
    tracing::info!(
        entries = recovery.replayed_entries,
        cut_bytes = recovery.cut_bytes,
        set_aside = recovery.set_aside_count,
        "replayed wal"
    );
    Ok(recovery.next_sequence.max(marks.highest() + 1))
}

/// Where the progress of a replay is noted, in the data directory.
const ATTEMPTS_FILE: &str = "replaying";

/// Makes the rows of an entry visible again. A decoder that panics must not end every start.
fn apply_entry(shared: &Shared, entry: &Entry) -> Applied {
    let applied = catch_unwind(AssertUnwindSafe(|| apply_guarded(shared, entry)));
    if applied.unwrap_or(false) {
        Applied::Visible
    } else {
        Applied::Undecodable
    }
}

fn apply_guarded(shared: &Shared, entry: &Entry) -> bool {
    let batch = match otlp::replay(entry.signal, &entry.payload) {
        Ok(batch) => batch,
        Err(error) => {
            tracing::error!(%error, sequence = entry.sequence, "failed to decode wal entry");
            return false;
        }
    };
    if batch.num_rows() == 0 {
        return true;
    }
    let budget_bytes = batch.get_array_memory_size() as u64;
    shared.budget.take(budget_bytes);
    let batch = Acknowledged {
        signal: entry.signal,
        batch,
        size: BatchSize {
            budget_bytes,
            wal_bytes: entry.payload.len() as u64,
        },
    };
    let published = shared
        .view
        .publish(vec![batch], entry.sequence, shared.clock.now())
        .map_err(|error| tracing::error!(%error, sequence = entry.sequence, "bad wal entry"))
        .is_ok();
    shared.merge_small_batches();
    published
}

fn start(
    shared: Arc<Shared>,
    wal: WalWriter,
    catalog: Catalog,
    low_water: u64,
    marks: SealedMarks,
) -> Result<Storage, OpenError> {
    let (appender_commands, receiver) = mpsc::channel(shared.config.wal_queue_requests);
    let (sealer_commands, sealer_receiver) = std::sync::mpsc::sync_channel(SEALER_QUEUE_COMMANDS);
    let (compactor_commands, compactor_receiver) =
        std::sync::mpsc::sync_channel(COMPACTOR_QUEUE_COMMANDS);
    let sealer = Sealer {
        commands: sealer_receiver,
        appender: appender_commands.downgrade(),
        shared: Arc::clone(&shared),
        catalog,
        low_water,
        marks,
        retry: Retry::default(),
        clock_ticks: 0,
        compactor: compactor_commands.clone(),
    };
    let compactor = Compactor {
        commands: compactor_receiver,
        sealer: sealer_commands.clone(),
        shared: Arc::clone(&shared),
        retry: Retry::default(),
        left_out: HashMap::new(),
    };
    let appender = Appender {
        commands: receiver,
        wal,
        shared: Arc::clone(&shared),
        sealer: sealer_commands.clone(),
    };
    let sealer = spawn("seal", || sealer.run())?;
    let appender = spawn("wal", || appender.run())?;
    let compactor = spawn("compact", || compactor.run())?;
    let commands = appender_commands.downgrade();
    let running = Running {
        appender_commands,
        appender,
        sealer_commands,
        sealer,
        compactor_commands,
        compactor,
    };
    let inner = Inner {
        shared,
        is_closing: AtomicBool::new(false),
        commands,
        running: Mutex::new(Some(running)),
    };
    Ok(Storage {
        inner: Arc::new(inner),
    })
}

/// Commands that may wait for the seal thread.
const SEALER_QUEUE_COMMANDS: usize = 8;
/// Commands that may wait for the compaction thread.
const COMPACTOR_QUEUE_COMMANDS: usize = 1;

/// Opens what the catalog lists and removes what it does not list.
fn open_splits(shared: &Shared, catalog: &mut Catalog) -> Result<(), OpenError> {
    let dir = &shared.directories.splits;
    let deleted = writer::list_deleted(dir)?;
    let mut published = catalog.list_splits()?;
    published.retain(|split| !deleted.contains(&split.id));
    let ids: HashSet<&str> = published.iter().map(|split| split.id.as_str()).collect();
    writer::remove_unpublished(dir, |name| ids.contains(name))?;
    writer::remove_temporary(&shared.directories.compaction)?;
    for split in &published {
        match Split::open(dir, split) {
            Ok(opened) => shared.view.add_split(split.clone(), opened),
            Err(error) => {
                tracing::error!(%error, split_id = %split.id, "failed to open split");
                shared.view.add_unreadable(split.clone());
                if let Some(reason) = error.damage() {
                    damage::set_aside(shared, catalog, split, &reason);
                }
            }
        }
    }
    Ok(())
}

fn spawn(
    name: &'static str,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, OpenError> {
    let failed = |source: io::Error| OpenError::Thread {
        thread: name,
        source,
    };
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(failed)
}
