//! The lock on the data directory, so that two servers never share one.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::OpenError;
use crate::files::FileError;

/// Held for as long as the storage is open; the system releases it when the process dies.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    file: File,
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a child process that was just forked still has it open.
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "failed to release the lock of the data directory");
        }
    }
}

impl DirectoryLock {
    /// Takes the lock without waiting.
    pub(crate) fn acquire(data_dir: &Path) -> Result<Self, OpenError> {
        let path: PathBuf = data_dir.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(FileError::at("open lock file", &path))?;
        Self::lock(file, data_dir, &path)
    }

    /// Takes the lock of a directory that is only read: works where nothing can be written.
    pub(crate) fn acquire_to_read(data_dir: &Path) -> Result<Self, OpenError> {
        let path: PathBuf = data_dir.join("lock");
        match File::open(&path) {
            Ok(file) => Self::lock(file, data_dir, &path),
            // A copy without its lock: whoever opens it for writing takes the one that is made here.
            Err(error) if error.kind() == ErrorKind::NotFound => Self::acquire(data_dir),
            Err(error) => Err(FileError::at("open lock file", &path)(error).into()),
        }
    }

    fn lock(file: File, data_dir: &Path, path: &Path) -> Result<Self, OpenError> {
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked {
                data_dir: data_dir.to_path_buf(),
            }),
            Err(TryLockError::Error(source)) => Err(FileError::at("lock", path)(source).into()),
        }
    }
}
