//! What files say, read again when they change, without a restart.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

/// Largest file that is read. Keys and certificates take some kilobytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Whatever may be wrong with what files say.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// What it says cannot be used.
    #[error("cannot use {}", path.display())]
    Content {
        /// The file, or the first of several that belong together.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: BoxError,
    },
}

type Parse<T> = Box<dyn Fn(&[Vec<u8>]) -> Result<T, BoxError> + Send + Sync>;
/// The hash of what was seen, so that no copy of a secret is held for it.
type Fingerprint = [u8; 32];

/// What some files that belong together say, as far as it could be used.
pub(crate) struct Live<T> {
    /// The label in metrics.
    name: &'static str,
    paths: Vec<PathBuf>,
    parse: Parse<T>,
    current: Mutex<Arc<T>>,
    looks: Mutex<Looks>,
    is_current: AtomicBool,
    changes: AtomicU64,
}

struct Looks {
    /// What was there at the last look.
    last: Fingerprint,
    /// What was used, or found to be of no use.
    done: Fingerprint,
}

impl<T> Live<T> {
    /// Reads the files for the first time.
    pub(crate) fn open(
        name: &'static str,
        paths: Vec<PathBuf>,
        parse: impl Fn(&[Vec<u8>]) -> Result<T, BoxError> + Send + Sync + 'static,
    ) -> Result<Self, FileError> {
        let parse: Parse<T> = Box::new(parse);
        let contents = read_all(&paths)?;
        let value = parse(&contents).map_err(|source| unusable(&paths, source))?;
        let fingerprint = fingerprint(&Ok(contents));
        Ok(Self {
            name,
            paths,
            parse,
            current: Mutex::new(Arc::new(value)),
            looks: Mutex::new(Looks {
                last: fingerprint,
                done: fingerprint,
            }),
            is_current: AtomicBool::new(true),
            changes: AtomicU64::new(0),
        })
    }

    /// A value that no file says and that never changes.
    pub(crate) fn fixed(value: T) -> Self
    where
        T: 'static,
    {
        Self {
            name: "",
            paths: Vec::new(),
            parse: Box::new(|_| Err("there is no file".into())),
            current: Mutex::new(Arc::new(value)),
            looks: Mutex::new(Looks {
                last: [0; 32],
                done: [0; 32],
            }),
            is_current: AtomicBool::new(true),
            changes: AtomicU64::new(0),
        }
    }

    /// What counts now.
    pub(crate) fn current(&self) -> Arc<T> {
        Arc::clone(&self.current.lock())
    }
}

/// Files that are looked at again and again.
pub(crate) trait Watched: Send + Sync {
    /// Looks whether the files have changed, and uses what they say now. What is of no use changes
    /// nothing: the log is told, once, and what was before goes on to count.
    ///
    /// A change is used when two looks have seen the same: whoever replaces several files, or writes
    /// one in pieces, is not read halfway through.
    fn look(&self);

    /// The label in metrics, whether what the files say is what counts, and how often that changed;
    /// `None` when there are no files.
    fn state(&self) -> Option<(&'static str, bool, u64)>;
}

impl<T: Send + Sync> Watched for Live<T> {
    fn look(&self) {
        if self.paths.is_empty() {
            return;
        }
        let contents = read_all(&self.paths);
        let seen = fingerprint(&contents);
        let mut looks = self.looks.lock();
        let is_stable = std::mem::replace(&mut looks.last, seen) == seen;
        if !is_stable || looks.done == seen {
            return;
        }
        looks.done = seen;
        let parsed = contents.and_then(|contents| {
            (self.parse)(&contents).map_err(|source| unusable(&self.paths, source))
        });
        self.is_current.store(parsed.is_ok(), Ordering::Relaxed);
        match parsed {
            Ok(value) => {
                *self.current.lock() = Arc::new(value);
                self.changes.fetch_add(1, Ordering::Relaxed);
                tracing::info!(
                    file = self.name,
                    "what a file says has changed and counts now"
                );
            }
            Err(error) => tracing::error!(
                file = self.name,
                error = &error as &dyn std::error::Error,
                "a changed file is of no use; what it said before goes on to count"
            ),
        }
    }

    fn state(&self) -> Option<(&'static str, bool, u64)> {
        let is_current = self.is_current.load(Ordering::Relaxed);
        let changes = self.changes.load(Ordering::Relaxed);
        (!self.paths.is_empty()).then_some((self.name, is_current, changes))
    }
}

impl<T> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

fn unusable(paths: &[PathBuf], source: BoxError) -> FileError {
    let path = paths.first().cloned().unwrap_or_default();
    FileError::Content { path, source }
}

fn read_all(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, FileError> {
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let read = || {
        let mut content = Vec::new();
        let file = File::open(path)?;
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut content)?;
        match content.len() as u64 {
            ..=FILE_BYTES_MAX => Ok(content),
            _ => Err(io::Error::other(format!(
                "it is larger than {FILE_BYTES_MAX} bytes"
            ))),
        }
    };
    read().map_err(|source| FileError::Read {
        path: path.to_owned(),
        source,
    })
}

/// Stands for what was seen: contents, or why there are none.
fn fingerprint(contents: &Result<Vec<Vec<u8>>, FileError>) -> Fingerprint {
    let mut hash = Sha256::new();
    match contents {
        Ok(contents) => {
            for content in contents {
                hash.update((content.len() as u64).to_le_bytes());
                hash.update(content);
            }
        }
        Err(error) => hash.update(format!("{error:?}")),
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(path: &Path) -> Live<String> {
        Live::open("test", vec![path.to_owned()], |contents| {
            let text = String::from_utf8(contents[0].clone())?;
            match text.as_str() {
                "broken" => Err("it is broken".into()),
                _ => Ok(text),
            }
        })
        .unwrap()
    }

    #[test]
    fn a_change_counts_once_two_looks_have_seen_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "one").unwrap();
        let live = live(&path);
        assert_eq!(*live.current(), "one");

        std::fs::write(&path, "tw").unwrap();
        live.look();
        std::fs::write(&path, "two").unwrap();
        live.look();
        assert_eq!(*live.current(), "one");
        live.look();

        assert_eq!(*live.current(), "two");
        assert_eq!(live.state(), Some(("test", true, 1)));
    }

    #[test]
    fn what_is_of_no_use_or_gone_changes_nothing_and_shows_in_the_state() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "one").unwrap();
        let live = live(&path);

        std::fs::write(&path, "broken").unwrap();
        live.look();
        live.look();
        assert_eq!(*live.current(), "one");
        assert_eq!(live.state(), Some(("test", false, 0)));

        std::fs::remove_file(&path).unwrap();
        live.look();
        live.look();
        assert_eq!(*live.current(), "one");

        std::fs::write(&path, "one").unwrap();
        live.look();
        live.look();
        assert_eq!(live.state(), Some(("test", true, 1)));
    }

    #[test]
    fn the_first_reading_must_succeed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("absent");

        let opened = Live::open("test", vec![path.clone()], |_| Ok(()));

        let error = opened.err().unwrap().to_string();
        assert_eq!(error, format!("cannot read {}", path.display()));
    }
}
