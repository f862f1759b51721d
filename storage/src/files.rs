//! Durable file operations: every write that must survive a power loss goes through here.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use std::sync::Arc;

use bytes::Bytes;
use stable_deref_trait::StableDeref;

/// A file operation that failed, with the path it was about.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed on {}", path.display())]
pub struct FileError {
    /// What was being done.
    pub operation: &'static str,
    /// The file or directory it was done to.
    pub path: PathBuf,
    /// What the operating system said.
    #[source]
    pub source: io::Error,
}

impl FileError {
    /// Adds the operation and the path to an error of the operating system.
    pub(crate) fn at(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self {
            operation,
            path,
            source,
        }
    }
}

/// Creates a directory and its missing parents; their names are durable on return.
pub(crate) fn create_dir(path: &Path) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        create_dir(parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => {
            Err(FileError::at("create directory", path)(error))
        }
        _ => sync_parent(path),
    }
}

/// Makes the entries of a directory durable: creations, renames and removals in it.
pub(crate) fn sync_dir(path: &Path) -> Result<(), FileError> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(FileError::at("sync directory", path))
}

/// Makes the directory entry of `path` durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), FileError> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => sync_dir(Path::new(".")),
    }
}

/// Makes the bytes of an existing file durable.
pub(crate) fn sync_file(path: &Path) -> Result<(), FileError> {
    // Some systems refuse to sync a handle that cannot write.
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .and_then(|file| file.sync_all())
        .map_err(FileError::at("sync file", path))
}

/// Creates a file that must not exist yet; it is durable only after the caller has synced it.
pub(crate) fn create_new(path: &Path) -> Result<File, FileError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(FileError::at("create file", path))
}

/// Writes a whole file, replacing one of that name; bytes and name are durable on return.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    File::create(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(FileError::at("write file", path))?;
    sync_parent(path)
}

/// Cuts a file to `length_bytes`; the cut is durable on return.
pub(crate) fn truncate(path: &Path, length_bytes: u64) -> Result<(), FileError> {
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|file| file.set_len(length_bytes).and_then(|()| file.sync_all()))
        .map_err(FileError::at("truncate file", path))
}

/// Renames within one directory tree; the new name is durable on return.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(FileError::at("rename", from))?;
    sync_parent(to)
}

/// Removes a file; a file that is already gone is fine.
pub(crate) fn remove_file(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError::at("remove file", path)(error))
        }
        _ => Ok(()),
    }
}

/// Removes a directory and all in it; a directory that is already gone is fine.
pub(crate) fn remove_dir(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError::at("remove directory", path)(error))
        }
        _ => Ok(()),
    }
}

/// Removes everything in a directory, which stays.
pub(crate) fn clear_dir(path: &Path) -> Result<(), FileError> {
    for entry in list_dir(path)? {
        if entry.is_dir() {
            remove_dir(&entry)?;
        } else {
            remove_file(&entry)?;
        }
    }
    Ok(())
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(FileError::at("read file", path))
}

/// A file of a split in memory. Such a file never changes, and stays readable when its name is
/// removed meanwhile.
#[derive(Debug, Clone)]
pub(crate) struct Mapping(Option<MappedBytes>);

/// The bytes of a mapped file that is not empty.
#[derive(Debug, Clone)]
pub(crate) struct MappedBytes(Arc<memmap2::Mmap>);

impl Deref for MappedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for MappedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[expect(
    unsafe_code,
    reason = "the index reads from memory that stays where it is"
)]
// SAFETY: a mapping is nowhere else until it is dropped, wherever the handle of it is moved to.
unsafe impl StableDeref for MappedBytes {}

impl Mapping {
    /// Maps a file.
    pub(crate) fn new(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() == 0 {
            return Ok(Self(None));
        }
        #[expect(
            unsafe_code,
            reason = "a mapping is the cheapest way to read a little of a large file"
        )]
        // SAFETY: the files of splits are written once, under another name, and never changed or cut
        // afterwards; nobody else writes below the data directory, which is locked.
        let mapped = unsafe { memmap2::Mmap::map(file)? };
        Ok(Self(Some(MappedBytes(Arc::new(mapped)))))
    }

    /// Maps the file at a path.
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        File::open(path)
            .and_then(|file| Self::new(&file))
            .map_err(FileError::at("map file", path))
    }

    /// The whole file.
    pub(crate) fn bytes(&self) -> Bytes {
        self.stable().map_or_else(Bytes::new, Bytes::from_owner)
    }

    /// The whole file, in memory that stays where it is; `None` when it is empty.
    pub(crate) fn stable(&self) -> Option<MappedBytes> {
        self.0.clone()
    }

    /// Takes what was read so far off the memory of this process; it can be read again.
    pub(crate) fn release(&self) {
        #[cfg(target_os = "linux")]
        if let Some(mapped) = &self.0 {
            #[expect(
                unsafe_code,
                reason = "whoever reads a large file once should not hold all of it"
            )]
            // SAFETY: the pages of a shared mapping that is only read are those of the file, and come
            // back from there.
            let released = unsafe {
                mapped
                    .0
                    .unchecked_advise(memmap2::UncheckedAdvice::DontNeed)
            };
            if let Err(error) = released {
                tracing::debug!(%error, "a mapped file stays in memory");
            }
        }
    }
}

/// Bytes of a file that are in memory at a time while its checksum is computed.
const CHECKSUM_BYTES: usize = 256 << 10;

/// The number of bytes of a file and their CRC-32.
pub(crate) fn checksum(path: &Path) -> Result<(u64, u32), FileError> {
    let failed = FileError::at("read file", path);
    let compute = || {
        let mut file = File::open(path)?;
        let mut buffer = vec![0; CHECKSUM_BYTES];
        let mut hasher = crc32fast::Hasher::new();
        let mut size_bytes = 0;
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok((size_bytes, hasher.finalize())),
                Ok(count) => {
                    hasher.update(buffer.get(..count).unwrap_or_default());
                    size_bytes += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    };
    compute().map_err(failed)
}

/// The entries of a directory, sorted by name.
pub(crate) fn list_dir(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let entries = fs::read_dir(path)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|e| e.path()))
                .collect::<io::Result<_>>()
        })
        .map_err(FileError::at("list directory", path))?;
    let mut entries: Vec<PathBuf> = entries;
    entries.sort();
    Ok(entries)
}
