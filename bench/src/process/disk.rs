//! What a directory holds, in bytes, and whether it changes.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path};

use anyhow::{Context as _, Result};

/// Bytes in an allocation unit that `stat` counts in.
const BLOCK_BYTES: u64 = 512;

/// All files below a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DiskUse {
    pub(crate) files: u64,
    /// The lengths of the files.
    pub(crate) apparent_bytes: u64,
    /// What the file system gave to them.
    pub(crate) allocated_bytes: u64,
    /// Changes when any file is made, removed, resized or written.
    pub(super) fingerprint: u64,
}

impl DiskUse {
    /// Of a directory that a server may be working in: files that go away meanwhile are left out.
    pub(crate) fn of(directory: &Path) -> Result<Self> {
        let mut sum = Self::default();
        sum.add(directory)
            .with_context(|| format!("cannot measure {}", directory.display()))?;
        Ok(sum)
    }

    fn add(&mut self, directory: &Path) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if metadata.is_dir() {
                match self.add(&entry.path()) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    done => done?,
                }
                continue;
            }
            self.files += 1;
            self.apparent_bytes += metadata.len();
            self.allocated_bytes += metadata.blocks() * BLOCK_BYTES;
            let parts = [
                metadata.ino(),
                metadata.len(),
                metadata.mtime() as u64,
                metadata.mtime_nsec() as u64,
            ];
            // The order in which a directory is listed does not matter to a sum.
            let mixed = parts.into_iter().fold(0_u64, |mixed, part| {
                (mixed.rotate_left(23) ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            });
            self.fingerprint = self.fingerprint.wrapping_add(mixed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_all_levels_are_counted_and_a_write_is_a_change() {
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("below");
        fs::create_dir(&below).unwrap();
        fs::write(directory.path().join("one"), [1; 10]).unwrap();
        fs::write(below.join("two"), [2; 5_000]).unwrap();

        let before = DiskUse::of(directory.path()).unwrap();
        assert_eq!((before.files, before.apparent_bytes), (2, 5_010));
        assert_eq!(DiskUse::of(directory.path()).unwrap(), before);

        fs::write(below.join("two"), [2; 5_001]).unwrap();
        assert_ne!(DiskUse::of(directory.path()).unwrap(), before);
        assert!(DiskUse::of(&directory.path().join("none")).is_err());
    }
}
