//! A file that appears under its name when it is complete.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::files::{self, FileError};

/// What the name of a file that is not complete ends with.
const TEMPORARY_SUFFIX: &str = ".tmp";

/// The file while it is written. It is removed when it is dropped before it was published.
#[derive(Debug)]
pub struct ExportFile {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    is_published: bool,
}

impl ExportFile {
    /// Creates the file under a name of its own beside the one it gets.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(TEMPORARY_SUFFIX);
        let temporary = PathBuf::from(temporary);
        // One that an export left behind when it was killed is written over.
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&temporary)
            .map_err(FileError::at("create file", &temporary))?;
        Ok(Self {
            file,
            temporary,
            path: path.to_path_buf(),
            is_published: false,
        })
    }

    /// Gives the file its name, also when another one has it; bytes and name are durable on return.
    ///
    /// # Errors
    /// When it cannot be synced or renamed; it is removed then.
    pub fn publish(mut self) -> Result<(), FileError> {
        self.file
            .sync_all()
            .map_err(FileError::at("sync file", &self.temporary))?;
        files::rename(&self.temporary, &self.path)?;
        self.is_published = true;
        Ok(())
    }
}

impl Write for ExportFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for ExportFile {
    fn drop(&mut self) {
        if !self.is_published
            && let Err(error) = files::remove_file(&self.temporary)
        {
            tracing::warn!(%error, "failed to remove an export that is not complete");
        }
    }
}
