//! What could not be read and is kept for somebody to look at: never deleted, listed again by every
//! start, and told to every query whose answer may lack something because of it.
//!
//! A thing that was set aside lies in a directory of its own, with a note beside it. Removing both
//! ends what queries say about it; so does the age at which it would have been deleted anyway.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::{Signal, TimeRange, UnixNanos};
use serde::{Deserialize, Serialize};

use crate::catalog::PublishedSplit;
use crate::files::{self, FileError};
use crate::retention::has_age;
use crate::snapshot::Unreadable;

/// What the name of a note ends with.
const NOTE_SUFFIX: &str = ".note.json";
/// Copies of one file that are kept: a fault that comes back must not fill the disk.
const COPIES_MAX: u32 = 100;

/// Why something was set aside, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// What it is, for people: `split`, `part of the wal`, `catalog`.
    pub(crate) what: String,
    /// Why it was set aside.
    pub(crate) reason: String,
    /// From when its age counts; none when it holds no records.
    pub(crate) sealed_unix_nano: Option<u64>,
    /// The signal of its records; none when that is not known.
    pub(crate) signal: Option<String>,
    /// The times of its records; none when they are not known.
    pub(crate) start_unix_nano: Option<u64>,
    pub(crate) end_unix_nano: Option<u64>,
}

impl Note {
    /// Something that holds no records that are not elsewhere.
    pub(crate) fn without_records(what: &str, reason: String) -> Self {
        Self {
            what: what.to_owned(),
            reason,
            sealed_unix_nano: None,
            signal: None,
            start_unix_nano: None,
            end_unix_nano: None,
        }
    }

    /// Records of which little is known.
    pub(crate) fn with_records(
        what: &str,
        reason: String,
        signal: Option<Signal>,
        sealed: UnixNanos,
    ) -> Self {
        Self {
            sealed_unix_nano: Some(sealed.0),
            signal: signal.map(|signal| signal.to_string()),
            ..Self::without_records(what, reason)
        }
    }

    /// A split that the catalog knows.
    pub(crate) fn of_split(split: &PublishedSplit, reason: String) -> Self {
        Self {
            start_unix_nano: Some(split.time_range.start.0),
            end_unix_nano: Some(split.time_range.end.0),
            ..Self::with_records("split", reason, Some(split.signal), split.sealed)
        }
    }
}

/// Something that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Its name in the set-aside directory.
    pub name: String,
    /// What it is: a split, a part of the WAL, a catalog.
    pub what: String,
    /// Why it was set aside.
    pub reason: String,
    note: Option<Note>,
}

/// What the notes call a part of the WAL.
pub(crate) const PART_OF_WAL: &str = "part of the wal";

impl SetAside {
    /// Whether it was in the WAL, or should have been.
    pub fn is_part_of_wal(&self) -> bool {
        self.what == PART_OF_WAL
    }

    /// What queries have to say about it, for each signal whose records it may hold.
    fn unreadable(&self, now: UnixNanos, age: Duration) -> Vec<Unreadable> {
        let note = self.note.as_ref();
        let sealed = note.and_then(|note| note.sealed_unix_nano);
        let holds_records = note.is_none() || sealed.is_some();
        let is_expired = sealed.is_some_and(|sealed| has_age(UnixNanos(sealed), age, now));
        if !holds_records || is_expired {
            return Vec::new();
        }
        let signal = note.and_then(|note| note.signal.as_deref());
        let moments = note.and_then(|note| note.start_unix_nano.zip(note.end_unix_nano));
        let time_range = moments.map_or(TimeRange::ALL, |(start, end)| TimeRange {
            start: UnixNanos(start),
            end: UnixNanos(end),
        });
        Signal::ALL
            .into_iter()
            .filter(|it| signal.is_none_or(|known| known == it.as_str()))
            .map(|signal| Unreadable {
                name: format!("{} {}", self.what, self.name),
                signal,
                time_range,
                reason: format!("was set aside: {}", self.reason),
            })
            .collect()
    }
}

/// What all of them have to say.
pub(crate) fn unreadable(
    items: &[SetAside],
    now: UnixNanos,
    retention_age: Duration,
) -> Vec<Unreadable> {
    items
        .iter()
        .flat_map(|item| item.unreadable(now, retention_age))
        .collect()
}

/// Everything in the directory, by its name.
pub(crate) fn list(dir: &Path) -> Result<Vec<SetAside>, FileError> {
    let mut names: Vec<String> = files::list_dir(dir)?
        .iter()
        .filter_map(|path| path.file_name()?.to_str())
        .map(|name| name.strip_suffix(NOTE_SUFFIX).unwrap_or(name).to_owned())
        .collect();
    names.sort();
    names.dedup();
    let item = |name: String| {
        let note: Option<Note> = files::read(&note_path(dir, &name))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let (what, reason) = match &note {
            Some(note) => (note.what.clone(), note.reason.clone()),
            None => ("file".to_owned(), "there is no note about it".to_owned()),
        };
        SetAside {
            name,
            what,
            reason,
            note,
        }
    };
    Ok(names.into_iter().map(item).collect())
}

fn note_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}{NOTE_SUFFIX}"))
}

/// Writes the note of something, unless there is one: the first finding counts. A disk that takes
/// no note does not keep the thing from being set aside.
fn write_note(dir: &Path, name: &str, note: &Note) {
    let path = note_path(dir, name);
    if path.exists() {
        return;
    }
    let written = serde_json::to_vec_pretty(note)
        .map_err(|error| error.to_string())
        .and_then(|json| files::write(&path, &json).map_err(|error| error.to_string()));
    if let Err(error) = written {
        tracing::error!(%error, name, "failed to write a note about what is set aside");
        // Half a note would be taken for none, and would keep a whole one away.
        if let Err(error) = files::remove_file(&path) {
            tracing::debug!(%error, name, "failed to remove half a note");
        }
    }
}

/// Moves a file or a directory aside, under this name. What lies there already stays.
pub(crate) fn take(dir: &Path, from: &Path, name: &str, note: &Note) -> Result<(), FileError> {
    tracing::error!(name, what = note.what, reason = note.reason, "set aside");
    write_note(dir, name, note);
    let to = dir.join(name);
    if to.exists() {
        return Ok(());
    }
    files::rename(from, &to)?;
    files::sync_parent(from)
}

/// Moves a file aside under a name that nothing has yet.
pub(crate) fn take_copy(dir: &Path, from: &Path, note: &Note) -> Result<(), FileError> {
    let name = from
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let is_free = |name: &String| !dir.join(name).exists() && !note_path(dir, name).exists();
    let name = (1..COPIES_MAX)
        .map(|number| format!("{name}.{number}"))
        .find(is_free)
        .unwrap_or(format!("{name}.{COPIES_MAX}"));
    take(dir, from, &name, note)
}

/// Copies bytes of a file aside. On a disk without room for them the whole file gets a second name
/// there, which needs none.
pub(crate) fn copy(
    dir: &Path,
    bytes: &[u8],
    source: &Path,
    name: &str,
    note: &Note,
) -> Result<(), FileError> {
    tracing::error!(
        name,
        what = note.what,
        reason = note.reason,
        bytes = bytes.len(),
        "set aside"
    );
    write_note(dir, name, note);
    let path = dir.join(name);
    let Err(error) = files::write(&path, bytes) else {
        return Ok(());
    };
    tracing::warn!(%error, name, "failed to copy, keeping the whole file");
    files::remove_file(&path)?;
    std::fs::hard_link(source, &path).map_err(FileError::at("link", &path))?;
    files::sync_dir(dir)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::split::id::SplitId;

    fn split() -> PublishedSplit {
        PublishedSplit {
            id: SplitId::new(UnixNanos(1)),
            signal: Signal::Logs,
            row_count: 1,
            time_range: TimeRange {
                start: UnixNanos(5),
                end: UnixNanos(9),
            },
            size_bytes: 1,
            sealed: UnixNanos(100),
        }
    }

    const AGE: Duration = Duration::from_nanos(50);

    #[test]
    fn what_was_set_aside_is_found_again_with_its_reason() {
        let dir = TempDir::new().unwrap();
        let aside = dir.path().join("set-aside");
        std::fs::create_dir(&aside).unwrap();
        let from = dir.path().join("s");
        std::fs::create_dir(&from).unwrap();
        let note = Note::of_split(&split(), "is damaged".to_owned());
        take(&aside, &from, "s", &note).unwrap();
        // A crash may make it happen twice.
        take(
            &aside,
            &from,
            "s",
            &Note::without_records("x", "y".to_owned()),
        )
        .unwrap();
        assert!(!from.exists());
        copy(&aside, b"bytes", &from, "nobody-knows", &note).unwrap();
        std::fs::remove_file(note_path(&aside, "nobody-knows")).unwrap();

        let items = list(&aside).unwrap();
        let names: Vec<_> = items
            .iter()
            .map(|it| (it.name.as_str(), it.what.as_str()))
            .collect();
        assert_eq!(names, [("nobody-knows", "file"), ("s", "split")]);
        assert_eq!(items[1].reason, "is damaged");
        assert_eq!(items[1].note, Some(note));
    }

    #[test]
    fn queries_are_told_what_they_may_lack_until_it_would_be_too_old() {
        let item = |note: Option<Note>| SetAside {
            name: "n".to_owned(),
            what: "split".to_owned(),
            reason: "is damaged".to_owned(),
            note,
        };
        let told = |item: SetAside, now| unreadable(&[item], UnixNanos(now), AGE);
        let known = item(Some(Note::of_split(&split(), String::new())));
        let expected = Unreadable {
            name: "split n".to_owned(),
            signal: Signal::Logs,
            time_range: split().time_range,
            reason: "was set aside: is damaged".to_owned(),
        };
        assert_eq!(told(known.clone(), 149), [expected]);
        assert_eq!(told(known, 150), []);
        let unknown = told(item(None), u64::MAX);
        assert_eq!(unknown.len(), 2);
        assert_eq!(unknown[0].time_range, TimeRange::ALL);
        let catalog = Note::without_records("catalog", String::new());
        assert_eq!(told(item(Some(catalog)), 0), []);
    }

    #[test]
    fn each_copy_of_a_file_gets_a_name_of_its_own() {
        let dir = TempDir::new().unwrap();
        let aside = dir.path().join("set-aside");
        std::fs::create_dir(&aside).unwrap();
        let from = dir.path().join("catalog.sqlite");
        for content in ["one", "two"] {
            std::fs::write(&from, content).unwrap();
            let note = Note::without_records("catalog", "is damaged".to_owned());
            take_copy(&aside, &from, &note).unwrap();
        }
        let read = |name| std::fs::read_to_string(aside.join(name)).unwrap();
        assert_eq!(read("catalog.sqlite.1"), "one");
        assert_eq!(read("catalog.sqlite.2"), "two");
    }
}
