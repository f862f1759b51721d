//! Decides whether there is room on the disk. Pure: takes numbers, does no I/O.
//!
//! Three lines lie below the limit. Retention deletes down to a margin below it, so that what
//! arrives until it looks again finds room; a merge may use most of the margin; an append is taken
//! as long as it fits. Everything counts the WAL twice: a seal writes its rows into splits before
//! the WAL is trimmed.

use super::usage::DiskUsage;

/// The part of the limit that retention keeps free is the limit divided by this.
const MARGIN_PARTS: u64 = 8;
/// As much as retention keeps free at most.
const MARGIN_BYTES_MAX: u64 = 1 << 30;
/// The part of the margin that no merge may take is the margin divided by this.
const MERGE_REST_PARTS: u64 = 4;
/// The part of the disk that is left free is the disk divided by this.
const HEADROOM_PARTS: u64 = 16;
/// As much of the disk as is left free at most: seals, the catalog and others need it.
const HEADROOM_BYTES_MAX: u64 = 256 << 20;
/// The WAL is sealed at the latest when it has reached the limit divided by this.
const WAL_PARTS: u64 = 8;

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Shortage {
    /// The data directory would grow beyond its limit, and nothing in it is old enough to delete.
    #[error(
        "the data directory would need {needed_bytes} bytes, --max-disk allows {limit_bytes} and \
         nothing older than --min-retention is left to delete"
    )]
    Limit {
        /// Bytes that would be in use.
        needed_bytes: u64,
        /// Bytes that may be.
        limit_bytes: u64,
    },
    /// The disk is as good as full.
    #[error("the disk must have {needed_bytes} bytes free, it has {available_bytes}")]
    Disk {
        /// Bytes that have to be free.
        needed_bytes: u64,
        /// Bytes that are.
        available_bytes: u64,
    },
}

/// The disk under the data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DiskSpace {
    pub(crate) capacity_bytes: u64,
    /// What may still be written to it.
    pub(crate) available_bytes: u64,
}

/// What is known at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) usage: DiskUsage,
    /// Bytes that went into the WAL since `usage` was measured.
    pub(crate) grown_bytes: u64,
    /// Bytes set apart for the result of the merge that runs.
    pub(crate) merging_bytes: u64,
    /// Bytes that the data directory may take.
    pub(crate) limit_bytes: u64,
    /// `None` where the system does not tell.
    pub(crate) space: Option<DiskSpace>,
}

impl Room {
    /// Bytes in use, and those that the next seal takes before it gives back others.
    fn needed_bytes(&self) -> u64 {
        let lasting = self.usage.total_bytes() - self.usage.temporary_bytes;
        lasting.saturating_add(self.seal_bytes() + self.grown_bytes)
    }

    /// Splits take less than the same rows in the WAL.
    fn seal_bytes(&self) -> u64 {
        self.usage.wal_bytes + self.grown_bytes
    }

    fn temporary_bytes(&self) -> u64 {
        self.usage.temporary_bytes.max(self.merging_bytes)
    }

    fn margin_bytes(&self) -> u64 {
        (self.limit_bytes / MARGIN_PARTS).min(MARGIN_BYTES_MAX)
    }

    fn headroom_bytes(&self) -> u64 {
        let capacity_bytes = self.space.map_or(0, |space| space.capacity_bytes);
        (capacity_bytes / HEADROOM_PARTS).min(HEADROOM_BYTES_MAX)
    }

    /// Whether so many bytes may be appended to the WAL.
    pub(crate) fn for_append(&self, bytes: u64) -> Result<(), Shortage> {
        let bytes = bytes.saturating_mul(2);
        let taken = self.needed_bytes().saturating_add(self.temporary_bytes());
        within(taken.saturating_add(bytes), self.limit_bytes)?;
        // What a merge has written already is no longer available.
        let to_come = self
            .merging_bytes
            .saturating_sub(self.usage.temporary_bytes);
        self.on_disk(bytes.saturating_add(to_come))
    }

    /// Whether a merge of so many bytes may begin.
    pub(crate) fn for_merge(&self, input_bytes: u64) -> Result<(), Shortage> {
        let rest = self.margin_bytes() / MERGE_REST_PARTS;
        let taken = self.needed_bytes().saturating_add(input_bytes);
        within(taken, self.limit_bytes - rest)?;
        self.on_disk(input_bytes)
    }

    fn on_disk(&self, bytes: u64) -> Result<(), Shortage> {
        let Some(space) = self.space else {
            return Ok(());
        };
        let others = self.headroom_bytes() + self.seal_bytes() + self.grown_bytes;
        let needed_bytes = bytes.saturating_add(others);
        let available_bytes = space.available_bytes;
        if needed_bytes <= available_bytes {
            return Ok(());
        }
        Err(Shortage::Disk {
            needed_bytes,
            available_bytes,
        })
    }

    /// Bytes of splits that retention has to delete. What is temporary goes by itself.
    pub(crate) fn excess_bytes(&self) -> u64 {
        let goal = self.limit_bytes - self.margin_bytes();
        self.needed_bytes().saturating_sub(goal)
    }

    /// Size of the WAL at which it is sealed, however few rows it has.
    pub(crate) fn wal_bytes_max(&self) -> u64 {
        self.limit_bytes / WAL_PARTS
    }
}

fn within(needed_bytes: u64, limit_bytes: u64) -> Result<(), Shortage> {
    if needed_bytes <= limit_bytes {
        return Ok(());
    }
    Err(Shortage::Limit {
        needed_bytes,
        limit_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(data_bytes: u64, wal_bytes: u64) -> Room {
        Room {
            usage: DiskUsage {
                data_bytes,
                wal_bytes,
                ..DiskUsage::default()
            },
            grown_bytes: 0,
            merging_bytes: 0,
            limit_bytes: 8_000,
            space: None,
        }
    }

    #[test]
    fn retention_deletes_down_to_a_margin_below_the_limit() {
        assert_eq!(room(7_000, 0).excess_bytes(), 0);
        assert_eq!(room(7_001, 0).excess_bytes(), 1);
        // A seal writes what the WAL holds once more.
        assert_eq!(room(6_000, 600).excess_bytes(), 200);
        let mut merging = room(6_900, 0);
        merging.usage.temporary_bytes = 1_000;
        assert_eq!(merging.excess_bytes(), 0);
        let huge = Room {
            limit_bytes: 1 << 40,
            ..room((1 << 40) - (1 << 30) + 1, 0)
        };
        assert_eq!(huge.excess_bytes(), 1);
    }

    #[test]
    fn an_append_is_taken_as_long_as_it_and_its_seal_fit() {
        assert_eq!(room(7_000, 100).for_append(400), Ok(()));
        let refused = Shortage::Limit {
            needed_bytes: 8_002,
            limit_bytes: 8_000,
        };
        assert_eq!(room(7_000, 100).for_append(401), Err(refused));
        let grown = Room {
            grown_bytes: 1,
            ..room(7_000, 100)
        };
        assert_eq!(grown.for_append(400), Err(refused));
        let merging = Room {
            merging_bytes: 2,
            ..room(7_000, 100)
        };
        assert_eq!(merging.for_append(400), Err(refused));
    }

    #[test]
    fn a_merge_leaves_room_for_what_is_more_important() {
        assert_eq!(room(6_000, 0).for_merge(1_750), Ok(()));
        let refused = Shortage::Limit {
            needed_bytes: 7_751,
            limit_bytes: 7_750,
        };
        assert_eq!(room(6_000, 0).for_merge(1_751), Err(refused));
    }

    #[test]
    fn some_of_the_disk_is_left_free_whatever_the_limit() {
        let on = |capacity_bytes, available_bytes| Room {
            limit_bytes: u64::MAX,
            space: Some(DiskSpace {
                capacity_bytes,
                available_bytes,
            }),
            ..room(0, 10)
        };
        assert_eq!(on(1_600, 130).for_append(10), Ok(()));
        let refused = Shortage::Disk {
            needed_bytes: 130,
            available_bytes: 129,
        };
        assert_eq!(on(1_600, 129).for_append(10), Err(refused));
        assert_eq!(on(1_600, 129).for_merge(20), Err(refused));
        let large = HEADROOM_BYTES_MAX + 10;
        assert_eq!(on(u64::MAX, large).for_append(0), Ok(()));
        assert!(on(u64::MAX, large - 1).for_append(0).is_err());
        let mut merging = on(1_600, 130);
        merging.merging_bytes = 30;
        assert!(merging.for_append(10).is_err());
        merging.usage.temporary_bytes = 30;
        assert_eq!(merging.for_append(10), Ok(()));
    }
}
