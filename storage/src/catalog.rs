//! Which splits exist: one SQLite file, one transaction per change.

mod checksum;

use std::ops::Range;
use std::path::{Path, PathBuf};

use model::{Signal, TimeRange, UnixNanos};
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior,
    params,
};

use crate::split::id::SplitId;
use crate::steady_clock::Reading;

/// Raised when the tables change.
const CATALOG_VERSION: i64 = 2;
/// Had no checksum; gets one when it is opened.
const VERSION_WITHOUT_CHECKSUM: i64 = 1;

/// How long to wait for somebody who looks into the file with another tool.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// Why the catalog could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// SQLite refused.
    #[error("catalog {} failed to {operation}", path.display())]
    Sqlite {
        /// What was being done.
        operation: &'static str,
        /// The catalog file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: Box<rusqlite::Error>,
    },
    /// The catalog was written by another version of this program.
    #[error("catalog {} has version {found}, this program reads {CATALOG_VERSION}", path.display())]
    Version {
        /// The catalog file.
        path: PathBuf,
        /// The version found.
        found: i64,
    },
    /// It is not what was written. What it does not list must not be deleted.
    #[error("catalog {} is damaged", path.display())]
    Damaged {
        /// The catalog file.
        path: PathBuf,
    },
    /// A row holds something this program never writes.
    #[error("catalog {} holds a damaged row for split {split_id}", path.display())]
    DamagedRow {
        /// The catalog file.
        path: PathBuf,
        /// The id in the row.
        split_id: String,
    },
}

impl CatalogError {
    /// Whether the catalog is not what was written: it can be made again from the splits.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::DamagedRow { .. } => true,
            Self::Version { .. } => false,
            Self::Sqlite { source, .. } => match source.as_ref() {
                // Unknown is what a table or a column is that is not there.
                rusqlite::Error::SqliteFailure(failure, _) => matches!(
                    failure.code,
                    ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown
                ),
                // The file was read, and a statement or a value did not fit.
                _ => true,
            },
        }
    }

    /// Whether the disk refused, because it is full for example; the catalog itself is well.
    pub(crate) fn is_disk_failure(&self) -> bool {
        let Self::Sqlite { source, .. } = self else {
            return false;
        };
        matches!(
            source.sqlite_error_code(),
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::CannotOpen)
        )
    }
}

/// What the catalog knows of a published split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublishedSplit {
    pub(crate) id: SplitId,
    pub(crate) signal: Signal,
    pub(crate) row_count: u32,
    pub(crate) time_range: TimeRange,
    pub(crate) size_bytes: u64,
    pub(crate) sealed: UnixNanos,
}

/// The open catalog. One thread changes it at a time.
#[derive(Debug)]
pub(crate) struct Catalog {
    connection: Connection,
    path: PathBuf,
}

impl Catalog {
    /// Opens the catalog file, creating it when it is missing.
    pub(crate) fn open(path: &Path) -> Result<Self, CatalogError> {
        let mut catalog = Self::connect(path)?;
        catalog.create_tables()?;
        catalog.check()?;
        Ok(catalog)
    }

    /// Opens a catalog that lists splits. SQLite takes a file that was cut short for a new one, in
    /// which nothing is listed.
    pub(crate) fn open_existing(path: &Path) -> Result<Self, CatalogError> {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'catalog_version'";
        let table_count: i64 = Self::connect(path)?
            .connection
            .query_row(sql, [], |row| row.get(0))
            .map_err(failed("look into", path))?;
        if table_count == 0 {
            let path = path.to_path_buf();
            return Err(CatalogError::Damaged { path });
        }
        Self::open(path)
    }

    /// Opens a catalog that must be there on a disk that takes nothing, not even the tables that
    /// this version adds. Changes succeed when there is room again.
    pub(crate) fn open_on_full_disk(path: &Path) -> Result<Self, CatalogError> {
        let catalog = Self::connect(path)?;
        catalog.check()?;
        Ok(catalog)
    }

    /// Makes a catalog of these splits, in one file, which the caller renames when it is complete.
    pub(crate) fn create_of(
        path: &Path,
        splits: &[PublishedSplit],
        low_water: u64,
    ) -> Result<(), CatalogError> {
        let mut catalog = Self::open(path)?;
        catalog.publish(splits, 0..low_water)?;
        catalog
            .connection
            .close()
            .map_err(|(_, error)| failed("close", path)(error))
    }

    fn connect(path: &Path) -> Result<Self, CatalogError> {
        let connection = Connection::open(path).map_err(failed("open", path))?;
        let catalog = Self {
            connection,
            path: path.to_path_buf(),
        };
        catalog.configure().map_err(failed("configure", path))?;
        Ok(catalog)
    }

    /// Opens a catalog file that is there, to read it and nothing else.
    pub(crate) fn open_to_read(path: &Path) -> Result<Self, CatalogError> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(failed("open", path))?;
        let found = connection
            .query_row("SELECT version FROM catalog_version", [], |row| row.get(0))
            .map_err(failed("read the version", path))?;
        let catalog = Self {
            connection,
            path: path.to_path_buf(),
        };
        catalog.check_version(found)?;
        Ok(catalog)
    }

    fn check_version(&self, found: i64) -> Result<(), CatalogError> {
        if found == CATALOG_VERSION {
            Ok(())
        } else {
            Err(CatalogError::Version {
                path: self.path.clone(),
                found,
            })
        }
    }

    fn configure(&self) -> rusqlite::Result<()> {
        self.connection.busy_timeout(BUSY_TIMEOUT)?;
        // Everything is in the one file that is checked at start. With a write-ahead log most of it
        // would be in that log after a kill, and SQLite takes a damaged one for its end: splits that
        // were published would not be listed, and be removed.
        self.connection
            .pragma_update(None, "journal_mode", "TRUNCATE")?;
        // FULL, so that a published split stays published after a power loss.
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        self.connection.pragma_update(None, "foreign_keys", "ON")
    }

    fn create_tables(&mut self) -> Result<(), CatalogError> {
        let found = self.in_transaction("create tables", |transaction| {
            transaction.execute_batch(
                "CREATE TABLE IF NOT EXISTS catalog_version (version INTEGER NOT NULL);
                 CREATE TABLE IF NOT EXISTS wal_low_water (sequence INTEGER NOT NULL);
                 CREATE TABLE IF NOT EXISTS catalog_checksum (crc32 INTEGER NOT NULL);
                 CREATE TABLE IF NOT EXISTS splits (
                     id TEXT PRIMARY KEY,
                     signal TEXT NOT NULL,
                     row_count INTEGER NOT NULL,
                     start_unix_nano INTEGER NOT NULL,
                     end_unix_nano INTEGER NOT NULL,
                     size_bytes INTEGER NOT NULL,
                     sealed_unix_nano INTEGER NOT NULL
                 ) STRICT;
                 CREATE TABLE IF NOT EXISTS clock (
                     id INTEGER PRIMARY KEY CHECK (id = 1),
                     steady_unix_nano INTEGER NOT NULL,
                     wall_unix_nano INTEGER NOT NULL
                 ) STRICT;",
            )?;
            let version = transaction
                .query_row("SELECT version FROM catalog_version", [], |row| row.get(0))
                .optional()?;
            match version {
                None => {
                    let sql = "INSERT INTO catalog_version VALUES (?1)";
                    transaction.execute(sql, [CATALOG_VERSION])?;
                    transaction.execute("INSERT INTO wal_low_water VALUES (0)", [])?;
                }
                Some(VERSION_WITHOUT_CHECKSUM) => {
                    let sql = "UPDATE catalog_version SET version = ?1";
                    transaction.execute(sql, [CATALOG_VERSION])?;
                }
                Some(version) => return Ok(version),
            }
            checksum::write(transaction)?;
            Ok(CATALOG_VERSION)
        })?;
        self.check_version(found)
    }

    /// Whether it is what was written. A byte that changed on the disk could hide a split, which
    /// would then be removed as one that was never published, or entries of the WAL.
    fn check(&self) -> Result<(), CatalogError> {
        let is_right = checksum::is_right(&self.connection);
        if is_right.map_err(failed("check", &self.path))? {
            Ok(())
        } else {
            Err(CatalogError::Damaged {
                path: self.path.clone(),
            })
        }
    }

    /// Every WAL entry up to this sequence is in published splits, or was deleted with them.
    pub(crate) fn low_water(&self) -> Result<u64, CatalogError> {
        read_low_water(&self.connection)
            .map(i64::cast_unsigned)
            .map_err(failed("read the low-water mark", &self.path))
    }

    /// What the clocks showed when the storage was last seen open.
    pub(crate) fn clock(&self) -> Result<Option<Reading>, CatalogError> {
        let sql = "SELECT steady_unix_nano, wall_unix_nano FROM clock";
        self.connection
            .query_row(sql, [], |row| {
                Ok(Reading {
                    steady: UnixNanos::from_column(row.get(0)?),
                    wall: UnixNanos::from_column(row.get(1)?),
                })
            })
            .optional()
            // A catalog that was opened on a full disk may not have the table yet.
            .or_else(|error| match error {
                rusqlite::Error::SqlInputError { .. } => Ok(None),
                error => Err(error),
            })
            .map_err(failed("read the clock", &self.path))
    }

    /// Remembers what the clocks show.
    pub(crate) fn set_clock(&mut self, reading: Reading) -> Result<(), CatalogError> {
        self.in_transaction("remember the clock", |transaction| {
            transaction.execute(
                "INSERT OR REPLACE INTO clock VALUES (1, ?1, ?2)",
                [reading.steady.to_column(), reading.wall.to_column()],
            )?;
            Ok(())
        })
    }

    /// Publishes splits and raises the WAL low-water mark, both or neither; durable on return. Fails
    /// when the mark is not at `low_water.start`.
    pub(crate) fn publish(
        &mut self,
        splits: &[PublishedSplit],
        low_water: Range<u64>,
    ) -> Result<(), CatalogError> {
        self.change("publish", |transaction| {
            for split in splits {
                insert(transaction, split)?;
            }
            // Had an earlier publish of the same rows happened although it was reported as failed,
            // the mark would be elsewhere: publishing them again would show them twice.
            let raised = transaction.execute(
                "UPDATE wal_low_water SET sequence = ?2 WHERE sequence = ?1",
                [low_water.start.cast_signed(), low_water.end.cast_signed()],
            )?;
            if raised == 1 {
                Ok(())
            } else {
                Err(rusqlite::Error::StatementChangedRows(raised))
            }
        })
    }

    /// Forgets splits; durable on return. Their files may be removed afterwards.
    pub(crate) fn remove(&mut self, ids: &[SplitId]) -> Result<(), CatalogError> {
        self.change("remove splits", |transaction| {
            for id in ids {
                transaction.execute("DELETE FROM splits WHERE id = ?1", [id.as_str()])?;
            }
            Ok(())
        })
    }

    /// Puts one split in the place of others, both or neither; durable on return. Fails when one of
    /// the others is not there: its rows must not come back.
    pub(crate) fn replace(
        &mut self,
        removed: &[SplitId],
        added: &PublishedSplit,
    ) -> Result<(), CatalogError> {
        self.change("replace splits", |transaction| {
            for id in removed {
                let deleted =
                    transaction.execute("DELETE FROM splits WHERE id = ?1", [id.as_str()])?;
                if deleted != 1 {
                    return Err(rusqlite::Error::StatementChangedRows(deleted));
                }
            }
            insert(transaction, added)
        })
    }

    /// Every published split, oldest id first.
    pub(crate) fn list_splits(&self) -> Result<Vec<PublishedSplit>, CatalogError> {
        let rows = read_rows(&self.connection).map_err(failed("list splits", &self.path))?;
        rows.into_iter()
            .map(|row| {
                let split_id = row.id.clone();
                row.check().ok_or_else(|| CatalogError::DamagedRow {
                    path: self.path.clone(),
                    split_id,
                })
            })
            .collect()
    }

    fn change(
        &mut self,
        operation: &'static str,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), CatalogError> {
        self.in_transaction(operation, |transaction| {
            change(transaction)?;
            checksum::write(transaction)
        })
    }

    fn in_transaction<T>(
        &mut self,
        operation: &'static str,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, CatalogError> {
        let run = |connection: &mut Connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = change(&transaction)?;
            transaction.commit()?;
            Ok(answer)
        };
        run(&mut self.connection).map_err(failed(operation, &self.path))
    }
}

fn insert(transaction: &Transaction<'_>, split: &PublishedSplit) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO splits VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            split.id.as_str(),
            split.signal.as_str(),
            split.row_count,
            split.time_range.start.0.cast_signed(),
            split.time_range.end.0.cast_signed(),
            split.size_bytes.cast_signed(),
            split.sealed.0.cast_signed(),
        ],
    )?;
    Ok(())
}

fn read_rows(connection: &Connection) -> rusqlite::Result<Vec<SplitRow>> {
    let mut statement = connection.prepare(
        "SELECT id, signal, row_count, start_unix_nano, end_unix_nano, size_bytes,
                sealed_unix_nano
         FROM splits ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(SplitRow {
            id: row.get(0)?,
            signal: row.get(1)?,
            row_count: row.get(2)?,
            start: row.get(3)?,
            end: row.get(4)?,
            size_bytes: row.get(5)?,
            sealed: row.get(6)?,
        })
    })?;
    rows.collect()
}

fn read_low_water(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT sequence FROM wal_low_water";
    connection.query_row(sql, [], |row| row.get(0))
}

/// A row of the table as it stands there.
struct SplitRow {
    id: String,
    signal: String,
    row_count: i64,
    start: i64,
    end: i64,
    size_bytes: i64,
    sealed: i64,
}

impl SplitRow {
    fn check(self) -> Option<PublishedSplit> {
        Some(PublishedSplit {
            id: self.id.parse().ok()?,
            signal: Signal::ALL
                .into_iter()
                .find(|signal| signal.as_str() == self.signal)?,
            row_count: self.row_count.try_into().ok()?,
            time_range: TimeRange {
                start: UnixNanos::from_column(self.start),
                end: UnixNanos::from_column(self.end),
            },
            size_bytes: self.size_bytes.cast_unsigned(),
            sealed: UnixNanos::from_column(self.sealed),
        })
    }
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(rusqlite::Error) -> CatalogError {
    let path = path.to_path_buf();
    move |source| CatalogError::Sqlite {
        operation,
        path,
        source: Box::new(source),
    }
}

#[cfg(test)]
mod tests;
