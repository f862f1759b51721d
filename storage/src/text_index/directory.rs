//! The files of an index, mapped for reading, and a way to let go of what was read of them.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tantivy::Directory;
use tantivy::directory::error::{DeleteError, OpenReadError, OpenWriteError};
use tantivy::directory::{FileHandle, OwnedBytes, WatchCallback, WatchHandle, WritePtr};

use crate::files::Mapping;

/// A directory of files that never change.
#[derive(Debug, Clone)]
pub(super) struct MappedDirectory {
    dir: PathBuf,
    mappings: Arc<Mutex<Vec<Mapping>>>,
}

impl MappedDirectory {
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            mappings: Arc::default(),
        }
    }

    /// The whole file.
    pub(super) fn map(&self, name: &str) -> io::Result<Bytes> {
        Ok(self.mapping(Path::new(name))?.bytes())
    }

    /// See [`Mapping::release`], for every file.
    pub(super) fn release(&self) {
        self.mappings.lock().iter().for_each(Mapping::release);
    }

    fn mapping(&self, name: &Path) -> io::Result<Mapping> {
        let mapping = Mapping::new(&File::open(self.dir.join(name))?)?;
        self.mappings.lock().push(mapping.clone());
        Ok(mapping)
    }
}

fn read_error(error: io::Error, name: &Path) -> OpenReadError {
    match error.kind() {
        io::ErrorKind::NotFound => OpenReadError::FileDoesNotExist(name.to_owned()),
        _ => OpenReadError::wrap_io_error(error, name.to_owned()),
    }
}

fn never_changes() -> io::Error {
    io::Error::new(
        io::ErrorKind::ReadOnlyFilesystem,
        "the files of a split never change",
    )
}

impl Directory for MappedDirectory {
    fn get_file_handle(&self, name: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        let mapping = self
            .mapping(name)
            .map_err(|error| read_error(error, name))?;
        let bytes = mapping
            .stable()
            .map_or_else(OwnedBytes::empty, OwnedBytes::new);
        Ok(Arc::new(bytes))
    }

    fn exists(&self, name: &Path) -> Result<bool, OpenReadError> {
        let exists = self.dir.join(name).try_exists();
        exists.map_err(|error| read_error(error, name))
    }

    fn atomic_read(&self, name: &Path) -> Result<Vec<u8>, OpenReadError> {
        std::fs::read(self.dir.join(name)).map_err(|error| read_error(error, name))
    }

    fn delete(&self, name: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError {
            io_error: Arc::new(never_changes()),
            filepath: name.to_owned(),
        })
    }

    fn open_write(&self, name: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::wrap_io_error(
            never_changes(),
            name.to_owned(),
        ))
    }

    fn atomic_write(&self, _name: &Path, _data: &[u8]) -> io::Result<()> {
        Err(never_changes())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn watch(&self, _on_change: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}
