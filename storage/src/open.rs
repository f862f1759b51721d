//! Opening: lock, catalog, splits, WAL replay, threads. After a crash this is the recovery.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, JoinHandle};

use model::{Clock, otlp};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::appender::Appender;
use crate::budget::MemoryBudget;
use crate::catalog::Catalog;
use crate::compaction::worker::Compactor;
use crate::config::StorageConfig;
use crate::error::OpenError;
use crate::files::{self, FileError};
use crate::hot::BatchSize;
use crate::lock::DirectoryLock;
use crate::retention;
use crate::retry::Retry;
use crate::sealer::Sealer;
use crate::split::reader::Split;
use crate::split::writer;
use crate::status::Counters;
use crate::view::{Acknowledged, View};
use crate::wal::format::Entry;
use crate::wal::replay;
use crate::wal::writer::WalWriter;
use crate::{Directories, Inner, Running, Shared, Storage};

/// See [`Storage::open`].
pub(crate) fn open(config: StorageConfig, clock: Arc<dyn Clock>) -> Result<Storage, OpenError> {
    let directories = create_directories(&config)?;
    let lock = DirectoryLock::acquire(&config.data_dir)?;
    let catalog_path = config.data_dir.join("catalog.sqlite");
    let mut catalog = if !writer::is_any_split_in(&directories.splits)? {
        Catalog::open(&catalog_path)?
    } else if catalog_path.exists() {
        Catalog::open_existing(&catalog_path)?
    } else {
        return Err(OpenError::CatalogMissing { path: catalog_path });
    };
    let low_water = catalog.low_water()?;
    let shared = Arc::new(Shared {
        budget: MemoryBudget::new(config.hot_bytes_max),
        config,
        clock,
        directories,
        view: View::default(),
        counters: Counters::default(),
        is_compaction_stopped: AtomicBool::new(false),
        _lock: lock,
    });
    open_splits(&shared, &catalog)?;
    retention::run(&shared, &mut catalog);
    let next_sequence = recover(&shared, low_water)?;
    let wal_dir = &shared.directories.wal;
    let wal = WalWriter::create(wal_dir, next_sequence, shared.config.wal_file_bytes)?;
    start(shared, wal, catalog, low_water)
}

fn create_directories(config: &StorageConfig) -> Result<Directories, FileError> {
    let directories = Directories {
        wal: config.data_dir.join("wal"),
        set_aside: config.data_dir.join("set-aside"),
        splits: config.data_dir.join("splits"),
        compaction: config.data_dir.join("compaction"),
    };
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
fn recover(shared: &Shared, low_water: u64) -> Result<u64, FileError> {
    let directories = &shared.directories;
    let mut apply = |entry: Entry| apply_entry(shared, &entry);
    let recovery = replay::replay(
        &directories.wal,
        &directories.set_aside,
        low_water,
        &mut apply,
    )?;
    shared
        .counters
        .change(|counts| counts.set_aside_count = recovery.set_aside_count);
    tracing::info!(
        entries = recovery.replayed_entries,
        cut_bytes = recovery.cut_bytes,
        set_aside = recovery.set_aside_count,
        "replayed wal"
    );
    Ok(recovery.next_sequence)
}

/// Makes the rows of an entry visible again; `false` when they cannot be decoded.
fn apply_entry(shared: &Shared, entry: &Entry) -> bool {
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
        retry: Retry::default(),
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
fn open_splits(shared: &Shared, catalog: &Catalog) -> Result<(), OpenError> {
    let dir = &shared.directories.splits;
    let published = catalog.list_splits()?;
    let ids: HashSet<&str> = published.iter().map(|split| split.id.as_str()).collect();
    writer::remove_unpublished(dir, |name| ids.contains(name))?;
    writer::remove_temporary(&shared.directories.compaction)?;
    for split in &published {
        match Split::open(dir, split) {
            Ok(opened) => shared.view.add_split(split.clone(), opened),
            Err(error) => {
                tracing::error!(%error, split_id = %split.id, "failed to open split");
                shared.view.add_unreadable(split.clone(), error.to_string());
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
