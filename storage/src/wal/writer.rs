//! Appends groups of entries to the newest WAL file: one write and one fdatasync per group.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::signal::Signal;

use super::format;
use crate::files::{self, FileError};

/// Owns the newest WAL file. Files are never reopened for writing: each start begins a new one.
#[derive(Debug)]
pub(crate) struct WalWriter {
    dir: PathBuf,
    /// None while the disk takes no file.
    file: Option<File>,
    file_bytes: u64,
    file_first_sequence: u64,
    file_bytes_max: u64,
    next_sequence: u64,
    buffer: Vec<u8>,
    poison: Option<Arc<io::Error>>,
}

impl WalWriter {
    /// Begins a new file whose first entry will have `next_sequence`. When the disk takes none, which
    /// must not keep the storage from being read, each append tries again.
    pub(crate) fn open(dir: &Path, next_sequence: u64, file_bytes_max: u64) -> Self {
        let mut writer = Self {
            dir: dir.to_path_buf(),
            file: None,
            file_bytes: 0,
            file_first_sequence: next_sequence,
            file_bytes_max,
            next_sequence,
            buffer: Vec::new(),
            poison: None,
        };
        if let Err(error) = writer.begin_file() {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the wal takes nothing yet"
            );
        }
        writer
    }

    fn begin_file(&mut self) -> Result<(), FileError> {
        self.file = Some(create_file(&self.dir, self.next_sequence)?);
        self.file_bytes = format::FILE_HEADER_BYTES as u64;
        self.file_first_sequence = self.next_sequence;
        Ok(())
    }

    /// Whether there is a file to append to.
    pub(crate) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Writes the entries and returns once they are durable, with the sequence of the first one.
    /// After a failure nothing of the group may be acknowledged.
    pub(crate) fn append_group<'a>(
        &mut self,
        entries: impl IntoIterator<Item = (Signal, &'a [u8])>,
    ) -> Result<u64, WalFailure> {
        if let Some(error) = &self.poison {
            return Err(WalFailure::Poisoned(Arc::clone(error)));
        }
        if self.file.is_none() {
            let begun = self.begin_file();
            begun.map_err(|error| WalFailure::Refused(Arc::new(error.source)))?;
        }
        let first_sequence = self.next_sequence;
        let mut sequence = first_sequence;
        self.buffer.clear();
        for (signal, payload) in entries {
            format::encode_entry(&mut self.buffer, sequence, signal, payload);
            sequence += 1;
        }
        let Some(file) = &mut self.file else {
            let error = io::Error::other("the wal has no file");
            return Err(WalFailure::Refused(Arc::new(error)));
        };
        if let Err(error) = file.write_all(&self.buffer) {
            return Err(self.take_back(error));
        }
        if let Err(error) = file.sync_data() {
            return Err(WalFailure::Poisoned(self.poison_with(error)));
        }
        self.file_bytes += self.buffer.len() as u64;
        self.next_sequence = sequence;
        self.buffer.shrink_to(BUFFER_KEPT_BYTES);
        Ok(first_sequence)
    }

    /// Cuts off what a failed write left, so that the next group begins where the last good one
    /// ended. A disk that was full for a moment must not need a restart.
    fn take_back(&mut self, error: io::Error) -> WalFailure {
        let path = file_path(&self.dir, self.file_first_sequence);
        match self.cut_to_last_good(&path) {
            Ok(()) => {
                tracing::warn!(%error, path = %path.display(), "wal refused a write");
                WalFailure::Refused(Arc::new(error))
            }
            Err(failed) => {
                tracing::error!(error = %failed, "failed to take back a refused write");
                WalFailure::Poisoned(self.poison_with(error))
            }
        }
    }

    /// By the open handle where that can be done: there may be no other one to have.
    fn cut_to_last_good(&mut self, path: &Path) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) if file.set_len(self.file_bytes).is_ok() => file,
            _ => {
                let file = OpenOptions::new().write(true).open(path)?;
                file.set_len(self.file_bytes)?;
                file
            }
        };
        file.sync_all()?;
        file.seek(SeekFrom::Start(self.file_bytes))?;
        self.file = Some(file);
        Ok(())
    }

    /// Whether the newest file has reached its size.
    pub(crate) fn is_file_full(&self) -> bool {
        self.file_bytes >= self.file_bytes_max
    }

    /// Begins a new file, unless the newest one holds no entry or the writer is poisoned.
    pub(crate) fn rotate(&mut self) -> Result<(), FileError> {
        if self.poison.is_some() || self.file_first_sequence == self.next_sequence {
            return Ok(());
        }
        let path = file_path(&self.dir, self.next_sequence);
        self.begin_file().inspect_err(|_| {
            // What was written to the present file from now on would be trimmed too early.
            if !fs::exists(&path).is_ok_and(|exists| !exists) {
                self.poison_with(io::Error::other(format!("{} stays", path.display())));
            }
        })
    }

    /// Refuses every later append: the log can no longer be trusted to take one.
    pub(crate) fn poison_with(&mut self, error: io::Error) -> Arc<io::Error> {
        let error = Arc::new(error);
        tracing::error!(%error, dir = %self.dir.display(), "wal failed, no more appends until restart");
        self.poison = Some(Arc::clone(&error));
        error
    }

    /// Sequence of the newest durable entry; 0 when there is none.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.next_sequence - 1
    }
}

/// Why a group is not in the log.
#[derive(Debug, Clone)]
pub(crate) enum WalFailure {
    /// Nothing of it is; the next group may fare better.
    Refused(Arc<io::Error>),
    /// Nobody knows what of it reached the disk. What the system says about a repeated sync tells
    /// nothing about the failed one, so the log takes nothing more.
    Poisoned(Arc<io::Error>),
}

/// A larger group's buffer is not kept for the next group.
const BUFFER_KEPT_BYTES: usize = 4 << 20;

/// The path of the file whose first entry has this sequence.
pub(crate) fn file_path(dir: &Path, first_sequence: u64) -> PathBuf {
    dir.join(format!("{first_sequence:020}.wal"))
}

fn create_file(dir: &Path, first_sequence: u64) -> Result<File, FileError> {
    let path = file_path(dir, first_sequence);
    let mut file = files::create_new(&path)?;
    let written = file
        .write_all(&format::encode_file_header(first_sequence))
        .and_then(|()| file.sync_all())
        .map_err(FileError::at("write wal header", &path))
        .and_then(|()| files::sync_dir(dir));
    if let Err(error) = written {
        // Half a file would be taken for damage by the next start.
        files::remove_file(&path)?;
        return Err(error);
    }
    Ok(file)
}

#[cfg(test)]
#[cfg(unix)]
mod failure_tests;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tempfile::TempDir;

    use super::super::reader;
    use super::*;

    fn append(writer: &mut WalWriter, payload: &[u8]) -> Result<u64, WalFailure> {
        writer.append_group([(Signal::Logs, payload)])
    }

    fn payloads(dir: &Path) -> Vec<Vec<u8>> {
        let file = Bytes::from(files::read(&file_path(dir, 1)).unwrap());
        let contents = reader::read_file(&file);
        assert_eq!(contents.tail_start, file.len());
        contents
            .entries
            .iter()
            .map(|entry| entry.payload.to_vec())
            .collect()
    }

    #[test]
    fn a_refused_write_leaves_no_trace_and_the_next_one_succeeds() {
        let dir = TempDir::new().unwrap();
        let mut writer = WalWriter::open(dir.path(), 1, 1 << 20);
        assert_eq!(append(&mut writer, b"first").unwrap(), 1);
        // A handle that cannot write stands for a full disk; the torn bytes are put there by hand.
        let path = file_path(dir.path(), 1);
        OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"torn")
            .unwrap();
        writer.file = Some(File::open(&path).unwrap());
        assert!(matches!(
            append(&mut writer, b"refused"),
            Err(WalFailure::Refused(_))
        ));
        assert_eq!(append(&mut writer, b"second").unwrap(), 2);
        assert_eq!(
            payloads(dir.path()),
            [b"first".to_vec(), b"second".to_vec()]
        );
    }

    #[test]
    fn a_disk_that_takes_no_file_refuses_until_it_takes_one() {
        let dir = TempDir::new().unwrap();
        let wal = dir.path().join("wal");
        let mut writer = WalWriter::open(&wal, 1, 1 << 20);
        assert!(!writer.is_open());
        assert!(matches!(
            append(&mut writer, b"x"),
            Err(WalFailure::Refused(_))
        ));
        fs::create_dir(&wal).unwrap();
        assert_eq!(append(&mut writer, b"first").unwrap(), 1);
        assert!(writer.is_open());
        assert_eq!(payloads(&wal), [b"first"]);
    }

    #[test]
    fn a_poisoned_writer_takes_nothing_more() {
        let dir = TempDir::new().unwrap();
        let mut writer = WalWriter::open(dir.path(), 1, 1 << 20);
        append(&mut writer, b"first").unwrap();
        writer.poison_with(io::Error::other("sync failed"));
        for _ in 0..2 {
            assert!(matches!(
                append(&mut writer, b"lost"),
                Err(WalFailure::Poisoned(_))
            ));
        }
        writer.rotate().unwrap();
        assert_eq!(payloads(dir.path()), [b"first"]);
        assert_eq!(writer.last_sequence(), 1);
    }
}
