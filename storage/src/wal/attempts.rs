//! Finds the entry that ends the process whenever it is replayed: out of memory, or a stack overflow.
//!
//! Before an entry is applied its sequence is written to a file, which is removed after the replay.
//! A start that finds the file knows where the one before it ended.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::files;

/// Starts that may end at the same entry; the next one sets it aside.
const ATTEMPTS_MAX: u32 = 2;
/// Sequence, and starts that ended there, this one included.
const RECORD_BYTES: usize = 12;

/// The file, and what it said.
#[derive(Debug)]
pub(crate) struct Attempts {
    path: PathBuf,
    /// None when the disk takes no file: then no entry is ever found guilty.
    file: Option<File>,
    suspect: Option<(u64, u32)>,
}

impl Attempts {
    /// Reads what the last start left, if it ended during its replay.
    pub(crate) fn begin(path: &Path) -> Self {
        let suspect = files::read(path).ok().and_then(|bytes| parse(&bytes));
        let file = File::create(path)
            .inspect_err(|error| tracing::warn!(%error, path = %path.display(), "failed to note the progress of the replay"))
            .ok();
        let mut attempts = Self {
            path: path.to_path_buf(),
            file,
            suspect,
        };
        // The file was emptied, and this start may end before it applies anything.
        if let Some((sequence, count)) = suspect {
            attempts.write(sequence, count);
        }
        attempts
    }

    /// Notes that the entry is about to be applied; `false` when it has ended too many starts.
    pub(crate) fn may_apply(&mut self, sequence: u64) -> bool {
        let before = match self.suspect {
            Some((suspect, count)) if suspect == sequence => count,
            _ => 0,
        };
        if before >= ATTEMPTS_MAX {
            return false;
        }
        self.write(sequence, before + 1);
        true
    }

    /// Not synced: a process that dies leaves the page to the system, and a power loss is nobody's
    /// fault.
    fn write(&mut self, sequence: u64, count: u32) {
        let Some(file) = &mut self.file else {
            return;
        };
        let mut record = [0; RECORD_BYTES];
        record[..8].copy_from_slice(&sequence.to_le_bytes());
        record[8..].copy_from_slice(&count.to_le_bytes());
        let written = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(&record));
        if let Err(error) = written {
            tracing::debug!(%error, "failed to note the progress of the replay");
        }
    }

    /// The replay is over.
    pub(crate) fn end(self) {
        drop(self.file);
        if let Err(error) = files::remove_file(&self.path) {
            tracing::warn!(%error, "failed to remove the note of the replay");
        }
    }
}

fn parse(bytes: &[u8]) -> Option<(u64, u32)> {
    let (sequence, count) = bytes.split_at_checked(8)?;
    let sequence = u64::from_le_bytes(sequence.try_into().ok()?);
    let count = u32::from_le_bytes(count.try_into().ok()?);
    Some((sequence, count))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn the_entry_at_which_two_starts_ended_is_not_applied_by_the_third() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("replaying");
        for _ in 0..2 {
            let mut start = Attempts::begin(&path);
            assert!(start.may_apply(6));
            assert!(start.may_apply(7));
            // It ends here, and so it does before it comes to an entry at all.
            drop(start);
            drop(Attempts::begin(&path));
        }
        let mut start = Attempts::begin(&path);
        assert!(start.may_apply(6));
        // Another entry has begun meanwhile, and the guilty one is still known.
        assert!(!start.may_apply(7));
        assert!(start.may_apply(8));
        start.end();
        assert!(!path.exists());
        assert!(Attempts::begin(&path).may_apply(7));
    }

    #[test]
    fn a_start_that_ends_elsewhere_clears_the_suspect() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("replaying");
        for last in [7, 8, 7] {
            let mut start = Attempts::begin(&path);
            for sequence in 6..=last {
                assert!(start.may_apply(sequence), "{sequence}");
            }
        }
        std::fs::write(&path, "short").unwrap();
        assert!(Attempts::begin(&path).may_apply(7));
    }
}
