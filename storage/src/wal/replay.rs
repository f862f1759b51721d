//! Recovery: hands out the entries above the low-water mark, cuts a torn tail, sets damage aside.

use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use model::UnixNanos;
use rustix::io::Errno;

use super::format::{ENTRY_HEADER_BYTES, Entry};
use super::reader::{self, FileContents};
use crate::files::{self, FileError, Mapping};
use crate::set_aside::{self, Note, PART_OF_WAL};

/// What recovery found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// The sequence the next entry gets.
    pub(crate) next_sequence: u64,
    /// Entries handed out.
    pub(crate) replayed_entries: u64,
    /// Bytes cut from the end of the newest file: a group that was never acknowledged.
    pub(crate) cut_bytes: u64,
    /// Stretches of bytes and entries that were copied to the set-aside directory, and notes there
    /// of entries that are missing.
    pub(crate) set_aside_count: u64,
}

/// Reads the log of `dir`, oldest entry first.
///
/// `apply` gets each entry above `low_water` and says what became of it. Damage never stops the
/// start: whole entries behind it are still handed out. Files that hold no entry above `low_water`
/// are removed.
pub(crate) fn replay(
    dir: &Path,
    aside: Aside<'_>,
    low_water: u64,
    apply: &mut dyn FnMut(Entry) -> Applied,
) -> Result<Recovery, FileError> {
    let files = list_files(dir)?;
    let mut recovery = Recovery {
        next_sequence: low_water + 1,
        ..Recovery::default()
    };
    let mut was_damaged = false;
    let mut next_expected = low_water + 1;
    for (position, (first_sequence, path)) in files.iter().enumerate() {
        let is_newest = position + 1 == files.len();
        let bytes = match files::read(path) {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) if is_fault_of_disk(&error) => {
                let file = (*first_sequence, path.as_path());
                take_unreadable(file, is_newest, aside, &error, &mut recovery);
                was_damaged = true;
                continue;
            }
            Err(error) => return Err(error),
        };
        let contents = reader::read_file(&bytes);
        // The name of the next file alone does not tell: a rotation that failed may have left one
        // whose name is below entries that were written to this file later.
        let next_first = files.get(position + 1).map(|(sequence, _)| *sequence);
        if next_first.is_some_and(|first| first <= low_water + 1)
            && contents.entries.iter().all(|it| it.sequence <= low_water)
        {
            files::remove_file(path)?;
            continue;
        }
        let aside = FileAside {
            aside,
            path,
            first_sequence: *first_sequence,
            bytes: &bytes,
        };
        for range in &contents.damaged {
            aside.keep(range.clone(), &mut recovery);
        }
        let tail = contents.tail_start..bytes.len();
        let is_damaged = !contents.damaged.is_empty() || !tail.is_empty();
        let is_unfinished = is_newest && contents.is_tail_cut_short;
        if !tail.is_empty() && !is_unfinished {
            aside.keep(tail.clone(), &mut recovery);
        }
        if is_newest {
            cut_tail(path, &contents, tail, &mut recovery)?;
        }
        // A file none of whose entries can be read must not have its name used again.
        if !contents.entries.is_empty() || !contents.damaged.is_empty() || !is_newest {
            recovery.next_sequence = recovery.next_sequence.max(first_sequence + 1);
        }
        // What is missing behind damage has been set aside with it.
        let first = contents
            .entries
            .first()
            .map_or(*first_sequence, |it| it.sequence);
        if !is_damaged && !was_damaged && next_expected < first {
            aside.note_missing(next_expected..first, &mut recovery);
        }
        was_damaged = is_damaged;
        let last = contents.entries.last();
        next_expected = next_expected.max(last.map_or(0, |it| it.sequence + 1));
        apply_entries(contents.entries, low_water, &aside, apply, &mut recovery);
    }
    Ok(recovery)
}

/// Whether the medium or the file system is at fault. What else keeps a file from being read, such as
/// permissions and handles, can be cured without losing anything, so the start says what it is.
fn is_fault_of_disk(error: &FileError) -> bool {
    const FAULTS: [Errno; 4] = [Errno::IO, Errno::BADMSG, Errno::NODATA, Errno::ISDIR];
    let code = error.source.raw_os_error();
    FAULTS
        .iter()
        .any(|fault| Some(fault.raw_os_error()) == code)
}

/// Moves a file aside that cannot be read at all, which needs no look into it.
fn take_unreadable(
    (first_sequence, path): (u64, &Path),
    is_newest: bool,
    aside: Aside<'_>,
    error: &FileError,
    recovery: &mut Recovery,
) {
    recovery.set_aside_count += 1;
    if is_newest {
        // None of the sequences it may hold is used again, however small its entries are.
        let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let entries_max = bytes / ENTRY_HEADER_BYTES as u64;
        recovery.next_sequence = recovery.next_sequence.max(first_sequence + entries_max + 1);
    }
    let reason = format!("it cannot be read: {}", error.source);
    let note = Note::with_records(PART_OF_WAL, reason, None, aside.now);
    let name = format!("{first_sequence:020}.wal");
    if let Err(error) = set_aside::take(aside.dir, path, &name, &note) {
        // The start must go on; the next one tries again.
        tracing::error!(
            error = &error as &dyn std::error::Error,
            name,
            "failed to set a file of the wal aside"
        );
    }
}

/// What a look into a file of the log came upon.
#[derive(Debug)]
pub(crate) enum Found {
    /// A whole entry above the low-water mark.
    Entry(Entry),
    /// Bytes that are no whole entry, although they were acknowledged.
    Damage {
        /// How many they are.
        bytes: usize,
    },
}

/// The files of the log, oldest first; to be looked into by [`look`].
pub(crate) fn files_to_look_into(dir: &Path) -> Result<Vec<PathBuf>, FileError> {
    Ok(list_files(dir)?.into_iter().map(|(_, path)| path).collect())
}

/// What [`replay`] would hand out of a file and set aside. Changes nothing.
pub(crate) fn look(path: &Path, is_newest: bool, low_water: u64) -> Result<Vec<Found>, FileError> {
    let bytes = Mapping::open(path)?.bytes();
    let contents = reader::read_file(&bytes);
    let tail = contents.tail_start..bytes.len();
    // What a newest file ends with was never acknowledged.
    let tail = (!is_newest && !tail.is_empty()).then_some(tail);
    let damage = contents.damaged.into_iter().chain(tail);
    let damage = damage.map(|range| Found::Damage { bytes: range.len() });
    let entries = contents.entries.into_iter();
    let entries = entries.filter(|entry| entry.sequence > low_water);
    Ok(entries.map(Found::Entry).chain(damage).collect())
}
/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    /// Its rows are visible again.
    Visible,
    /// Its rows are in a split.
    InSplit,
    /// It cannot be decoded.
    Undecodable,
    /// It ended the starts before this one.
    Poisonous,
}

/// What the name of an entry ends with that is never tried again.
const POISON_SUFFIX: &str = "poison";
/// What the name of an entry ends with that a later version may read.
const PAYLOAD_SUFFIX: &str = "payload";

fn apply_entries(
    entries: Vec<Entry>,
    low_water: u64,
    aside: &FileAside<'_>,
    apply: &mut dyn FnMut(Entry) -> Applied,
    recovery: &mut Recovery,
) {
    for entry in entries {
        recovery.next_sequence = recovery.next_sequence.max(entry.sequence + 1);
        if entry.sequence <= low_water {
            continue;
        }
        if aside.entry_path(entry.sequence, POISON_SUFFIX).exists() {
            recovery.set_aside_count += 1;
            continue;
        }
        let kept = entry.clone();
        match apply(entry) {
            Applied::Visible => recovery.replayed_entries += 1,
            Applied::InSplit => {}
            Applied::Undecodable => {
                let reason = "its payload cannot be decoded";
                aside.keep_entry(&kept, PAYLOAD_SUFFIX, reason, recovery);
            }
            Applied::Poisonous => {
                let reason = "the server ended twice while it was replayed";
                aside.keep_entry(&kept, POISON_SUFFIX, reason, recovery);
            }
        }
    }
}

/// Cuts what follows the last whole entry of the newest file; removes the file if nothing is left.
fn cut_tail(
    path: &Path,
    contents: &FileContents,
    tail: Range<usize>,
    recovery: &mut Recovery,
) -> Result<(), FileError> {
    if !tail.is_empty() {
        tracing::warn!(path = %path.display(), offset = tail.start, bytes = tail.len(), "cut torn tail of wal");
        recovery.cut_bytes += tail.len() as u64;
    }
    if contents.entries.is_empty() && contents.damaged.is_empty() {
        files::remove_file(path)?;
        return files::sync_parent(path);
    }
    // A killed process may have left whole entries that were never synced. From now on they can be
    // seen, so they stay.
    files::truncate(path, tail.start as u64)
}

/// Where what cannot be read is kept, and the time that is noted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aside<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) now: UnixNanos,
}

/// Copies what cannot be read of one file, under a name that a repeated recovery gives it again.
struct FileAside<'a> {
    aside: Aside<'a>,
    path: &'a Path,
    first_sequence: u64,
    bytes: &'a Bytes,
}

impl FileAside<'_> {
    fn keep(&self, range: Range<usize>, recovery: &mut Recovery) {
        let name = format!("{:020}.wal.{}", self.first_sequence, range.start);
        let reason = format!("{} bytes are damaged", range.len());
        let note = Note::with_records(PART_OF_WAL, reason, None, self.aside.now);
        let bytes = self.bytes.get(range).unwrap_or_default();
        self.write(&name, bytes, &note, recovery);
    }

    fn keep_entry(&self, entry: &Entry, suffix: &str, reason: &str, recovery: &mut Recovery) {
        let name = format!("{:020}.{suffix}", entry.sequence);
        let (reason, signal) = (reason.to_owned(), Some(entry.signal));
        let note = Note::with_records(PART_OF_WAL, reason, signal, self.aside.now);
        self.write(&name, &entry.payload, &note, recovery);
    }

    /// Entries have numbers without gaps: those of a file that is gone, or was cut, are missing.
    fn note_missing(&self, sequences: Range<u64>, recovery: &mut Recovery) {
        let Range { start, end } = sequences;
        let reason = format!("entries {start} to {} are not in the log", end - 1);
        let text = format!("{reason}\n");
        let note = Note::with_records(PART_OF_WAL, reason, None, self.aside.now);
        self.write(
            &format!("{start:020}.missing"),
            text.as_bytes(),
            &note,
            recovery,
        );
    }

    fn entry_path(&self, sequence: u64, suffix: &str) -> PathBuf {
        self.aside.dir.join(format!("{sequence:020}.{suffix}"))
    }

    fn write(&self, name: &str, bytes: &[u8], note: &Note, recovery: &mut Recovery) {
        recovery.set_aside_count += 1;
        let copied = set_aside::copy(self.aside.dir, bytes, self.path, name, note);
        if let Err(error) = copied {
            // The start must go on; the bytes are still in the log.
            tracing::error!(
                error = &error as &dyn std::error::Error,
                name,
                "failed to set aside a part of the wal"
            );
        }
    }
}

/// Removes the files that hold no entry above `low_water`; the newest file always stays.
pub(crate) fn trim(dir: &Path, low_water: u64) -> Result<(), FileError> {
    let files = list_files(dir)?;
    for pair in files.windows(2) {
        let [(_, path), (next_first_sequence, _)] = pair else {
            continue;
        };
        if *next_first_sequence > low_water + 1 {
            break;
        }
        files::remove_file(path)?;
    }
    files::sync_dir(dir)
}

/// The sequence with which the oldest file of the log begins.
pub(crate) fn first_sequence(dir: &Path) -> Result<Option<u64>, FileError> {
    Ok(list_files(dir)?.first().map(|(sequence, _)| *sequence))
}

/// Bytes of all files of the log.
pub(crate) fn size_bytes(dir: &Path) -> Result<u64, FileError> {
    let mut total = 0;
    for (_, path) in list_files(dir)? {
        // A file that was trimmed since the listing has no size.
        total += std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
    }
    Ok(total)
}

/// The files of the log with the sequence in their names, oldest first.
fn list_files(dir: &Path) -> Result<Vec<(u64, PathBuf)>, FileError> {
    let sequence = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".wal")?;
        (name.len() == 20)
            .then(|| name.parse::<u64>().ok())
            .flatten()
    };
    let files = files::list_dir(dir)?;
    Ok(files
        .into_iter()
        .filter_map(|path| Some((sequence(&path)?, path)))
        .collect())
}

#[cfg(test)]
mod tests;
