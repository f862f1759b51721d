//! metadata.json: what a split says of itself, so that it can be read without the catalog.

use std::path::Path;

use model::schema::SCHEMA_VERSION;
use model::{Signal, TimeRange, UnixNanos};
use serde::{Deserialize, Serialize};

use super::id::SplitId;
use crate::catalog::PublishedSplit;
use crate::error::{MetadataError, ReadError};
use crate::files::{self, FileError};
use crate::text_index::writer::IndexMetadata;
use crate::wal::range::{self, WalRange};

/// Raised when a reader of an older version could not read a split.
const FORMAT_VERSION: u32 = 2;

/// Name of the file in the directory of the split.
const FILE: &str = "metadata.json";

/// What stands between that which the checksum in the file is of, and the checksum.
const BEFORE_CRC32: &[u8] = b",\n  \"crc32\": ";

/// The contents of the file. Moments are unix nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SplitMetadata {
    pub(crate) format_version: u32,
    /// Version of the columns, see `model::schema`.
    pub(crate) schema_version: u32,
    pub(crate) id: String,
    pub(crate) signal: String,
    pub(crate) row_count: u32,
    /// First moment a row is filed under.
    pub(crate) start_unix_nano: u64,
    /// First moment after the last one.
    pub(crate) end_unix_nano: u64,
    /// The WAL sequence up to which entries were sealed with this split.
    pub(crate) wal_sequence: u64,
    /// The WAL entries whose rows of the signal are in it. Splits of earlier builds do not say.
    #[serde(default)]
    pub(crate) wal_ranges: Vec<WalRange>,
    /// When it was written; retention counts from here.
    pub(crate) sealed_unix_nano: u64,
    /// What readers of the index have to know.
    pub(crate) index: IndexMetadata,
    /// Every other file of the split.
    pub(crate) files: Vec<FileMetadata>,
    /// CRC-32 of what stands before it in the file. Splits of earlier builds have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crc32: Option<u32>,
}

/// Where a split comes from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The WAL entries that are sealed with it.
    pub(crate) wal: Vec<WalRange>,
    /// When it is written.
    pub(crate) sealed: UnixNanos,
}

/// One file of a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileMetadata {
    /// Path within the split, with `/` between its parts.
    pub(crate) name: String,
    pub(crate) size_bytes: u64,
    pub(crate) crc32: u32,
}

impl SplitMetadata {
    pub(crate) fn new(
        id: &SplitId,
        signal: Signal,
        row_count: u32,
        time_range: TimeRange,
        origin: Origin,
    ) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            schema_version: SCHEMA_VERSION,
            id: id.to_string(),
            signal: signal.to_string(),
            row_count,
            start_unix_nano: time_range.start.0,
            end_unix_nano: time_range.end.0,
            wal_sequence: origin.wal.iter().map(|run| run.to).max().unwrap_or(0),
            wal_ranges: origin.wal,
            sealed_unix_nano: origin.sealed.0,
            index: IndexMetadata::default(),
            files: Vec::new(),
            crc32: None,
        }
    }

    /// Measures the files of the split's directory and makes each of them durable.
    pub(crate) fn add_files(&mut self, dir: &Path) -> Result<(), FileError> {
        self.add_dir(dir, "")
    }

    fn add_dir(&mut self, dir: &Path, prefix: &str) -> Result<(), FileError> {
        for path in files::list_dir(dir)? {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy())
                .unwrap_or_default();
            let name = format!("{prefix}{name}");
            if path.is_dir() {
                self.add_dir(&path, &format!("{name}/"))?;
                continue;
            }
            let (size_bytes, crc32) = files::checksum(&path)?;
            files::sync_file(&path)?;
            self.files.push(FileMetadata {
                name,
                size_bytes,
                crc32,
            });
        }
        files::sync_dir(dir)
    }

    /// Writes the file; durable on return.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), crate::error::SealError> {
        let mut json = serde_json::to_vec_pretty(self)?;
        if let Some(rest) = json.strip_suffix(b"\n}") {
            let crc32 = crc32fast::hash(rest).to_string();
            json = [rest, BEFORE_CRC32, crc32.as_bytes(), b"\n}\n"].concat();
        }
        Ok(files::write(&dir.join(FILE), &json)?)
    }

    /// Reads and checks the file, and checks that every other file is there in its size.
    pub(crate) fn read(dir: &Path, id: &SplitId) -> Result<Self, ReadError> {
        let failed = |source| ReadError::Metadata {
            split_id: id.to_string(),
            source,
        };
        let json = files::read(&dir.join(FILE))?;
        let metadata: Self = serde_json::from_slice(&json).map_err(|error| failed(error.into()))?;
        if let Some(crc32) = metadata.crc32
            && crc32_of(&json) != Some(crc32)
        {
            return Err(failed(MetadataError::Checksum));
        }
        let version = |found, expected| (found != expected).then_some((found, expected));
        if let Some((found, expected)) = version(metadata.format_version, FORMAT_VERSION) {
            return Err(failed(MetadataError::FormatVersion { found, expected }));
        }
        if let Some((found, expected)) = version(metadata.schema_version, SCHEMA_VERSION) {
            return Err(failed(MetadataError::SchemaVersion { found, expected }));
        }
        if metadata.id != id.as_str() || metadata.row_count == 0 {
            return Err(failed(MetadataError::WrongSplit));
        }
        for file in &metadata.files {
            let path = dir.join(&file.name);
            let found = std::fs::metadata(&path).map_err(FileError::at("measure file", &path))?;
            if found.len() != file.size_bytes {
                return Err(file.damaged(id));
            }
        }
        Ok(metadata)
    }

    /// Reads every other file of the split and compares it with its checksum.
    pub(crate) fn verify(&self, dir: &Path, id: &SplitId) -> Result<(), ReadError> {
        for file in &self.files {
            let (_, crc32) = files::checksum(&dir.join(&file.name))?;
            if crc32 != file.crc32 {
                return Err(file.damaged(id));
            }
        }
        Ok(())
    }

    /// What the catalog is to know of the split.
    pub(crate) fn to_published(&self, id: &SplitId, signal: Signal) -> PublishedSplit {
        PublishedSplit {
            id: id.clone(),
            signal,
            row_count: self.row_count,
            time_range: self.time_range(),
            size_bytes: self.size_bytes(),
            sealed: UnixNanos(self.sealed_unix_nano),
        }
    }

    pub(crate) fn time_range(&self) -> TimeRange {
        TimeRange {
            start: UnixNanos(self.start_unix_nano),
            end: UnixNanos(self.end_unix_nano),
        }
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin {
            wal: self.wal_runs(),
            sealed: UnixNanos(self.sealed_unix_nano),
        }
    }

    /// The WAL entries it was made from: what it says, or else the last one, which is known.
    fn wal_runs(&self) -> Vec<WalRange> {
        if self.wal_ranges.is_empty() {
            let to = self.wal_sequence;
            return range::union([WalRange {
                after: to.saturating_sub(1),
                to,
            }]);
        }
        range::union(self.wal_ranges.iter().copied())
    }

    /// Bytes of the files of the index.
    pub(crate) fn index_bytes(&self) -> u64 {
        let is_index = |file: &&FileMetadata| Path::new(&file.name).starts_with(super::INDEX_DIR);
        self.files
            .iter()
            .filter(is_index)
            .map(|file| file.size_bytes)
            .sum()
    }

    /// Bytes of every other file of the split.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size_bytes).sum()
    }
}

/// The checksum that the file should have; `None` when there is no place for one.
fn crc32_of(json: &[u8]) -> Option<u32> {
    let end = memchr::memmem::rfind(json, BEFORE_CRC32)?;
    json.get(..end).map(crc32fast::hash)
}

impl FileMetadata {
    fn damaged(&self, id: &SplitId) -> ReadError {
        ReadError::Damaged {
            split_id: id.to_string(),
            file: self.name.clone(),
        }
    }
}
