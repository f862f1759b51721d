//! How much of the disk is in use, and who may use more of it.

pub(crate) mod limit;
pub(crate) mod room;
pub(crate) mod usage;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::Shared;
use crate::catalog::PublishedSplit;
use crate::config::StorageConfig;
use crate::files::FileError;
use crate::split::id::SplitId;
use limit::MaxDisk;
use room::{DiskSpace, Room, Shortage};
use usage::{DiskUsage, Meter};

/// What is known of the disk. One thread measures, others ask.
#[derive(Debug)]
pub(crate) struct Disk {
    max: MaxDisk,
    min_retention: Duration,
    meter: Mutex<Meter>,
    measured: Mutex<Measured>,
    /// Bytes that went into the WAL since it was measured.
    grown_bytes: AtomicU64,
    /// Bytes set apart for a merge.
    merging_bytes: AtomicU64,
    /// The largest group of appends that was refused; 0 while all are taken.
    refused_bytes: AtomicU64,
    refused_append_count: AtomicU64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Measured {
    usage: DiskUsage,
    space: Option<DiskSpace>,
}

/// What is on the disk and what may be, for the status page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiskStatus {
    /// What the data directory takes.
    pub usage: DiskUsage,
    /// What it may take.
    pub limit_bytes: u64,
    /// Age below which nothing is deleted to keep within it.
    pub min_retention: Duration,
    /// What may still be written to the disk; none where the system does not tell.
    pub available_bytes: Option<u64>,
    /// Why appends are refused, if they are.
    pub shortage: Option<Shortage>,
    /// Appends that were refused for want of room since the start.
    pub refused_append_count: u64,
}

impl Disk {
    pub(crate) fn new(config: &StorageConfig) -> Self {
        Self {
            max: config.max_disk,
            min_retention: config.min_retention,
            meter: Mutex::default(),
            measured: Mutex::default(),
            grown_bytes: AtomicU64::new(0),
            merging_bytes: AtomicU64::new(0),
            refused_bytes: AtomicU64::new(0),
            refused_append_count: AtomicU64::new(0),
        }
    }

    /// Measures everything. Only the thread that changes the catalog may call this.
    pub(crate) fn measure(
        &self,
        shared: &Shared,
        published: &[PublishedSplit],
    ) -> Result<(), FileError> {
        let ids: HashSet<&str> = published.iter().map(|split| split.id.as_str()).collect();
        let data_dir = &shared.config.data_dir;
        // What is appended while this measures may be counted twice, never not at all.
        self.grown_bytes.store(0, Ordering::Release);
        let usage = self
            .meter
            .lock()
            .measure(data_dir, &shared.directories, &ids)?;
        let space = usage::disk_space(data_dir)?;
        *self.measured.lock() = Measured { usage, space };
        self.note_appendable();
        Ok(())
    }

    /// Bytes of a split when everything was last measured.
    pub(crate) fn split_bytes(&self, id: &SplitId) -> Option<u64> {
        self.meter.lock().split_bytes(id)
    }

    pub(crate) fn room(&self) -> Room {
        let Measured { usage, space } = *self.measured.lock();
        Room {
            usage,
            grown_bytes: self.grown_bytes.load(Ordering::Acquire),
            merging_bytes: self.merging_bytes.load(Ordering::Acquire),
            limit_bytes: self.max.bytes(space.map(|space| space.capacity_bytes)),
            space,
        }
    }

    /// Counts so many bytes as appended to the WAL, if there is room for them. Loud when it begins
    /// to refuse: nobody may find out from missing data that the disk is full.
    pub(crate) fn take_for_append(&self, bytes: u64, appends: u64) -> Result<(), Shortage> {
        match self.room().for_append(bytes) {
            Ok(()) => {
                self.grown_bytes.fetch_add(bytes, Ordering::AcqRel);
                self.note_appendable();
                Ok(())
            }
            Err(shortage) => {
                self.refused_append_count
                    .fetch_add(appends, Ordering::AcqRel);
                if self.refused_bytes.fetch_max(bytes.max(1), Ordering::AcqRel) == 0 {
                    tracing::error!(reason = %shortage, "no room on the disk, senders are told to retry later");
                }
                Err(shortage)
            }
        }
    }

    /// Ends the refusing when what was refused would fit.
    fn note_appendable(&self) {
        let refused_bytes = self.refused_bytes.load(Ordering::Acquire);
        if refused_bytes > 0
            && self.room().for_append(refused_bytes).is_ok()
            && self.refused_bytes.swap(0, Ordering::AcqRel) > 0
        {
            tracing::info!("there is room on the disk again");
        }
    }

    /// Sets room apart for the result of a merge, until the answer is dropped.
    pub(crate) fn take_for_merge(&self, input_bytes: u64) -> Result<MergeRoom<'_>, Shortage> {
        self.room().for_merge(input_bytes)?;
        self.merging_bytes.store(input_bytes, Ordering::Release);
        Ok(MergeRoom(&self.merging_bytes))
    }

    pub(crate) fn status(&self) -> DiskStatus {
        let room = self.room();
        let refused_bytes = self.refused_bytes.load(Ordering::Acquire);
        DiskStatus {
            usage: room.usage,
            limit_bytes: room.limit_bytes,
            min_retention: self.min_retention,
            available_bytes: room.space.map(|space| space.available_bytes),
            shortage: room.for_append(refused_bytes).err(),
            refused_append_count: self.refused_append_count.load(Ordering::Acquire),
        }
    }
}

/// Room that is set apart for the one merge that runs.
#[derive(Debug)]
pub(crate) struct MergeRoom<'a>(&'a AtomicU64);

impl Drop for MergeRoom<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}
