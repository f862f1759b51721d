//! Measures what the data directory takes on the disk, by kind.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use super::room::DiskSpace;
use crate::Directories;
use crate::files::FileError;
use crate::split::id::SplitId;
use crate::split::{BODIES_FILE, INDEX_DIR};

/// Bytes on the disk by what they are for, as the file system counts them: in whole blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskUsage {
    /// Values of published splits (Parquet) and their metadata.
    pub data_bytes: u64,
    /// Their indexes.
    pub index_bytes: u64,
    /// Their log bodies.
    pub body_bytes: u64,
    /// The write-ahead log.
    pub wal_bytes: u64,
    /// The catalog.
    pub catalog_bytes: u64,
    /// What is being written and not published, or deleted and still being read.
    pub temporary_bytes: u64,
    /// What was set aside.
    pub set_aside_bytes: u64,
}

impl DiskUsage {
    /// Everything.
    pub fn total_bytes(&self) -> u64 {
        self.splits_bytes()
            + self.wal_bytes
            + self.catalog_bytes
            + self.temporary_bytes
            + self.set_aside_bytes
    }

    fn splits_bytes(&self) -> u64 {
        self.data_bytes + self.index_bytes + self.body_bytes
    }

    fn add_split(&mut self, split: &Self) {
        self.data_bytes += split.data_bytes;
        self.index_bytes += split.index_bytes;
        self.body_bytes += split.body_bytes;
    }
}

/// Remembers the sizes of splits, whose files never change.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    splits: HashMap<String, DiskUsage>,
}

impl Meter {
    /// Measures everything in the data directory.
    pub(crate) fn measure(
        &mut self,
        data_dir: &Path,
        directories: &Directories,
        published: &HashSet<&str>,
    ) -> Result<DiskUsage, FileError> {
        let mut usage = DiskUsage {
            wal_bytes: dir_bytes(&directories.wal)?,
            temporary_bytes: dir_bytes(&directories.compaction)?,
            set_aside_bytes: dir_bytes(&directories.set_aside)?,
            ..DiskUsage::default()
        };
        each_entry(data_dir, &mut |path, metadata| {
            if metadata.is_file() {
                // Everything in the directory itself is the catalog's but a few bytes.
                usage.catalog_bytes += allocated_bytes(metadata);
            }
            debug_assert!(path.starts_with(data_dir));
            Ok(())
        })?;
        let mut known = HashMap::new();
        each_entry(&directories.splits, &mut |path, _| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !published.contains(&*name) {
                usage.temporary_bytes += dir_bytes(path)?;
                return Ok(());
            }
            let split = match self.splits.remove(&*name) {
                Some(split) => split,
                None => measure_split(path)?,
            };
            usage.add_split(&split);
            known.insert(name.into_owned(), split);
            Ok(())
        })?;
        self.splits = known;
        Ok(usage)
    }

    /// Bytes of a split when it was last measured.
    pub(crate) fn split_bytes(&self, id: &SplitId) -> Option<u64> {
        self.splits.get(id.as_str()).map(DiskUsage::splits_bytes)
    }
}

fn measure_split(dir: &Path) -> Result<DiskUsage, FileError> {
    let mut usage = DiskUsage::default();
    each_entry(dir, &mut |path, metadata| {
        match path.file_name().and_then(|name| name.to_str()) {
            Some(INDEX_DIR) => usage.index_bytes += dir_bytes(path)?,
            Some(BODIES_FILE) => usage.body_bytes += allocated_bytes(metadata),
            _ => usage.data_bytes += allocated_bytes(metadata),
        }
        Ok(())
    })?;
    usage.data_bytes += fs::metadata(dir).map_or(0, |it| allocated_bytes(&it));
    Ok(usage)
}

/// Bytes of everything below a directory, and of the directory itself.
fn dir_bytes(dir: &Path) -> Result<u64, FileError> {
    let mut total = fs::metadata(dir).map_or(0, |it| allocated_bytes(&it));
    each_entry(dir, &mut |path, metadata| {
        total += if metadata.is_dir() {
            dir_bytes(path)?
        } else {
            allocated_bytes(metadata)
        };
        Ok(())
    })?;
    Ok(total)
}

/// Visits what is in a directory; what goes away meanwhile is not visited, and no error.
fn each_entry(
    dir: &Path,
    visit: &mut dyn FnMut(&Path, &Metadata) -> Result<(), FileError>,
) -> Result<(), FileError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(FileError::at("measure directory", dir)(error)),
    };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => return failed(error),
    };
    for entry in entries {
        match entry.and_then(|entry| Ok((entry.path(), entry.metadata()?))) {
            Ok((path, metadata)) => visit(&path, &metadata)?,
            Err(error) => failed(error)?,
        }
    }
    Ok(())
}

/// What the file system has given to a file.
#[cfg(unix)]
fn allocated_bytes(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    const BLOCK_BYTES: u64 = 512;
    metadata.blocks() * BLOCK_BYTES
}

#[cfg(not(unix))]
fn allocated_bytes(metadata: &Metadata) -> u64 {
    metadata.len()
}

/// The disk that holds `path`; `None` where the system does not tell.
#[cfg(unix)]
pub(crate) fn disk_space(path: &Path) -> Result<Option<DiskSpace>, FileError> {
    let disk = rustix::fs::statvfs(path)
        .map_err(|error| FileError::at("measure disk of", path)(error.into()))?;
    Ok(Some(DiskSpace {
        capacity_bytes: disk.f_blocks.saturating_mul(disk.f_frsize),
        available_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
    }))
}

#[cfg(not(unix))]
pub(crate) fn disk_space(_path: &Path) -> Result<Option<DiskSpace>, FileError> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn everything_in_the_data_directory_is_counted_once_by_its_kind() {
        let dir = TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        let directories = Directories::below(dir.path());
        let files = [
            ("catalog.sqlite", 1),
            ("wal/1.wal", 2),
            ("set-aside/1.wal.24", 3),
            ("splits/a/rows.parquet", 4),
            ("splits/a/bodies", 5),
            ("splits/a/index/terms", 6),
            ("splits/b/rows.parquet", 7),
            ("compaction/tmp-c/index/terms", 8),
        ];
        for (name, blocks) in files {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), vec![7; blocks * 4096]).unwrap();
        }
        let published = HashSet::from(["a"]);
        let mut meter = Meter::default();
        let usage = meter.measure(dir.path(), &directories, &published).unwrap();
        // Directories take blocks of their own, how many depends on the file system.
        let blocks = |bytes: u64| bytes / 4096;
        assert_eq!(blocks(usage.catalog_bytes), 1);
        assert!((2..=3).contains(&blocks(usage.wal_bytes)));
        assert!((3..=4).contains(&blocks(usage.set_aside_bytes)));
        assert!((4..=5).contains(&blocks(usage.data_bytes)));
        assert_eq!(blocks(usage.body_bytes), 5);
        assert!((6..=7).contains(&blocks(usage.index_bytes)));
        assert!((15..=19).contains(&blocks(usage.temporary_bytes)));
        let id: SplitId = SplitId::new(model::UnixNanos(1));
        assert_eq!(meter.split_bytes(&id), None);
        fs::remove_dir_all(at("splits/a")).unwrap();
        let usage = meter.measure(dir.path(), &directories, &published).unwrap();
        assert_eq!((usage.data_bytes, usage.index_bytes), (0, 0));
    }

    #[test]
    #[cfg(unix)]
    fn a_missing_directory_has_no_disk() {
        let space = disk_space(Path::new("/")).unwrap().unwrap();
        assert!(space.available_bytes <= space.capacity_bytes);
        let missing = disk_space(Path::new("/does/not/exist")).unwrap_err();
        assert_eq!(missing.operation, "measure disk of");
    }
}
