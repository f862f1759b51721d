//! Appends groups of entries to the newest WAL file: one write and one fdatasync per group.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::signal::Signal;

use super::format;
use crate::files::{self, FileError};

/// Owns the newest WAL file. Files are never reopened for writing: each start begins a new one.
#[derive(Debug)]
pub(crate) struct WalWriter {
    dir: PathBuf,
    file: File,
    file_bytes: u64,
    file_first_sequence: u64,
    file_bytes_max: u64,
    next_sequence: u64,
    buffer: Vec<u8>,
    poison: Option<Arc<io::Error>>,
}

impl WalWriter {
    /// Begins a new file whose first entry will have `next_sequence`.
    pub(crate) fn create(
        dir: &Path,
        next_sequence: u64,
        file_bytes_max: u64,
    ) -> Result<Self, FileError> {
        let file = create_file(dir, next_sequence)?;
        Ok(Self {
            dir: dir.to_path_buf(),
            file,
            file_bytes: format::FILE_HEADER_BYTES as u64,
            file_first_sequence: next_sequence,
            file_bytes_max,
            next_sequence,
            buffer: Vec::new(),
            poison: None,
        })
    }

    /// Writes the entries and returns once they are durable, with the sequence of the first one.
    ///
    /// After a failure the outcome is unknown, so nothing of the group may be acknowledged, and
    /// every later call fails with the same error: what the system said about an earlier write or
    /// sync of a file tells nothing about a repeated one.
    pub(crate) fn append_group<'a>(
        &mut self,
        entries: impl IntoIterator<Item = (Signal, &'a [u8])>,
    ) -> Result<u64, Arc<io::Error>> {
        if let Some(error) = &self.poison {
            return Err(Arc::clone(error));
        }
        let first_sequence = self.next_sequence;
        let mut sequence = first_sequence;
        self.buffer.clear();
        for (signal, payload) in entries {
            format::encode_entry(&mut self.buffer, sequence, signal, payload);
            sequence += 1;
        }
        if let Err(error) = self
            .file
            .write_all(&self.buffer)
            .and_then(|()| self.file.sync_data())
        {
            return Err(self.poison_with(error));
        }
        self.file_bytes += self.buffer.len() as u64;
        self.next_sequence = sequence;
        self.buffer.shrink_to(BUFFER_KEPT_BYTES);
        Ok(first_sequence)
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
        self.file = create_file(&self.dir, self.next_sequence)?;
        self.file_bytes = format::FILE_HEADER_BYTES as u64;
        self.file_first_sequence = self.next_sequence;
        Ok(())
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

/// A larger group's buffer is not kept for the next group.
const BUFFER_KEPT_BYTES: usize = 4 << 20;

/// The path of the file whose first entry has this sequence.
pub(crate) fn file_path(dir: &Path, first_sequence: u64) -> PathBuf {
    dir.join(format!("{first_sequence:020}.wal"))
}

fn create_file(dir: &Path, first_sequence: u64) -> Result<File, FileError> {
    let path = file_path(dir, first_sequence);
    let mut file = files::create_new(&path)?;
    file.write_all(&format::encode_file_header(first_sequence))
        .and_then(|()| file.sync_all())
        .map_err(FileError::at("write wal header", &path))?;
    files::sync_dir(dir)?;
    Ok(file)
}
