//! Recovery: hands out the entries above the low-water mark, cuts a torn tail, sets damage aside.

use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::format::Entry;
use super::reader::{self, FileContents};
use crate::files::{self, FileError};

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
/// `apply` gets each entry above `low_water`; when it answers `false` the entry cannot be decoded
/// and is set aside. Damage never stops the start: whole entries behind it are still handed out.
/// Files that hold no entry above `low_water` are removed.
pub(crate) fn replay(
    dir: &Path,
    set_aside_dir: &Path,
    low_water: u64,
    apply: &mut dyn FnMut(Entry) -> bool,
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
        let bytes = Bytes::from(files::read(path)?);
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
        let aside = SetAside {
            dir: set_aside_dir,
            first_sequence: *first_sequence,
            bytes: &bytes,
        };
        for range in &contents.damaged {
            aside.keep(range.clone(), &mut recovery)?;
        }
        let tail = contents.tail_start..bytes.len();
        let is_damaged = !contents.damaged.is_empty() || !tail.is_empty();
        let is_unfinished = is_newest && contents.is_tail_cut_short;
        if !tail.is_empty() && !is_unfinished {
            aside.keep(tail.clone(), &mut recovery)?;
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
            aside.note_missing(next_expected..first, &mut recovery)?;
        }
        was_damaged = is_damaged;
        let last = contents.entries.last();
        next_expected = next_expected.max(last.map_or(0, |it| it.sequence + 1));
        apply_entries(contents.entries, low_water, &aside, apply, &mut recovery)?;
    }
    Ok(recovery)
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
    let bytes = files::map_path(path)?;
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

fn apply_entries(
    entries: Vec<Entry>,
    low_water: u64,
    aside: &SetAside<'_>,
    apply: &mut dyn FnMut(Entry) -> bool,
    recovery: &mut Recovery,
) -> Result<(), FileError> {
    for entry in entries {
        recovery.next_sequence = recovery.next_sequence.max(entry.sequence + 1);
        if entry.sequence <= low_water {
            continue;
        }
        let (sequence, payload) = (entry.sequence, entry.payload.clone());
        if apply(entry) {
            recovery.replayed_entries += 1;
        } else {
            aside.keep_payload(sequence, &payload, recovery)?;
        }
    }
    Ok(())
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

/// Copies what cannot be read to a directory of its own, under a name that a repeated recovery
/// gives it again.
struct SetAside<'a> {
    dir: &'a Path,
    first_sequence: u64,
    bytes: &'a Bytes,
}

impl SetAside<'_> {
    fn keep(&self, range: Range<usize>, recovery: &mut Recovery) -> Result<(), FileError> {
        let name = format!("{:020}.wal.{}", self.first_sequence, range.start);
        self.write(&name, &self.bytes[range], recovery)
    }

    fn keep_payload(
        &self,
        sequence: u64,
        payload: &[u8],
        recovery: &mut Recovery,
    ) -> Result<(), FileError> {
        self.write(&format!("{sequence:020}.payload"), payload, recovery)
    }

    /// Entries have numbers without gaps: those of a file that is gone, or was cut, are missing.
    fn note_missing(
        &self,
        sequences: Range<u64>,
        recovery: &mut Recovery,
    ) -> Result<(), FileError> {
        let Range { start, end } = sequences;
        let note = format!("entries {start} to {} are not in the log\n", end - 1);
        self.write(&format!("{start:020}.missing"), note.as_bytes(), recovery)
    }

    fn write(&self, name: &str, bytes: &[u8], recovery: &mut Recovery) -> Result<(), FileError> {
        let path = self.dir.join(name);
        tracing::error!(path = %path.display(), bytes = bytes.len(), "set aside unreadable part of wal");
        recovery.set_aside_count += 1;
        files::write(&path, bytes)
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
mod tests {
    use std::fs;

    use model::Signal;
    use tempfile::TempDir;

    use super::super::format::FILE_HEADER_BYTES;
    use super::super::writer::{WalWriter, file_path};
    use super::*;

    struct Log {
        root: TempDir,
    }

    impl Log {
        fn new() -> Self {
            let root = TempDir::new().unwrap();
            fs::create_dir(root.path().join("wal")).unwrap();
            fs::create_dir(root.path().join("set-aside")).unwrap();
            Self { root }
        }

        fn dir(&self) -> PathBuf {
            self.root.path().join("wal")
        }

        /// One file per group.
        fn write(&self, groups: &[&[&[u8]]]) {
            let mut writer = WalWriter::create(&self.dir(), 1, 1 << 20).unwrap();
            for group in groups {
                writer.rotate().unwrap();
                let entries = group.iter().map(|payload| (Signal::Traces, *payload));
                writer.append_group(entries).unwrap();
            }
        }

        fn replay(&self, low_water: u64) -> (Vec<Vec<u8>>, Recovery) {
            let mut payloads = Vec::new();
            let aside = self.root.path().join("set-aside");
            let mut apply = |entry: Entry| {
                payloads.push(entry.payload.to_vec());
                entry.payload != "poison"
            };
            let recovery = replay(&self.dir(), &aside, low_water, &mut apply).unwrap();
            (payloads, recovery)
        }

        fn set_aside(&self) -> Vec<String> {
            let files = files::list_dir(&self.root.path().join("set-aside")).unwrap();
            files
                .iter()
                .map(|f| f.file_name().unwrap().to_str().unwrap().to_owned())
                .collect()
        }
    }

    #[test]
    fn entries_at_or_below_the_low_water_mark_are_not_handed_out_again() {
        let log = Log::new();
        log.write(&[&[b"1", b"2"], &[b"3"]]);
        assert_eq!(log.replay(0).0, [b"1", b"2", b"3"]);
        let (payloads, recovery) = log.replay(2);
        assert_eq!(payloads, [b"3"]);
        assert_eq!(recovery.next_sequence, 4);
    }

    #[test]
    fn the_newest_file_cut_at_any_byte_keeps_every_whole_entry_and_takes_appends_again() {
        let log = Log::new();
        log.write(&[&[b"first"], &[b"second", b"third"]]);
        let newest = file_path(&log.dir(), 2);
        let whole = fs::read(&newest).unwrap();
        let ends = [24, 24 + 28 + 6, 24 + 28 + 6 + 28 + 5];
        assert_eq!(*ends.last().unwrap(), whole.len());
        for cut in 0..=whole.len() {
            fs::write(&newest, &whole[..cut]).unwrap();
            let kept = ends
                .iter()
                .filter(|end| **end <= cut)
                .count()
                .saturating_sub(1);
            let (payloads, recovery) = log.replay(0);
            let expected: &[&[u8]] = &[b"first", b"second", b"third"];
            assert_eq!(payloads, expected[..=kept], "cut at {cut}");
            assert_eq!(recovery.next_sequence, 2 + kept as u64, "cut at {cut}");
            assert_eq!(recovery.set_aside_count, 0, "cut at {cut}");
            // A second recovery finds nothing left to do.
            let (again, recovery) = log.replay(0);
            assert_eq!((again, recovery.cut_bytes), (payloads, 0), "cut at {cut}");
            WalWriter::create(&log.dir(), recovery.next_sequence, 1 << 20).unwrap();
            for (first_sequence, path) in list_files(&log.dir()).unwrap() {
                if first_sequence == recovery.next_sequence {
                    assert_eq!(fs::read(&path).unwrap().len(), FILE_HEADER_BYTES);
                    fs::remove_file(path).unwrap();
                }
            }
        }
    }

    #[test]
    fn damage_in_an_older_file_is_set_aside_and_the_rest_comes_back() {
        let log = Log::new();
        log.write(&[&[b"first", b"second"], &[b"third"]]);
        let oldest = file_path(&log.dir(), 1);
        let whole = fs::read(&oldest).unwrap();
        for position in 0..whole.len() {
            let mut bad = whole.clone();
            bad[position] ^= 0xff;
            fs::write(&oldest, &bad).unwrap();
            let (payloads, recovery) = log.replay(0);
            assert!(payloads.len() >= 2, "byte {position}");
            assert_eq!(payloads.last().unwrap(), b"third", "byte {position}");
            assert_eq!(recovery.set_aside_count, 1, "byte {position}");
            assert_eq!(recovery.next_sequence, 4, "byte {position}");
        }
        assert_eq!(
            log.set_aside().len(),
            3,
            "header, first and second entry: {:?}",
            log.set_aside()
        );
    }

    #[test]
    fn a_file_that_is_gone_or_empty_is_noted_with_the_numbers_of_its_entries() {
        let log = Log::new();
        log.write(&[&[b"1"], &[b"2", b"3"], &[b"4"]]);
        fs::write(file_path(&log.dir(), 2), b"").unwrap();
        for _ in 0..2 {
            let (payloads, recovery) = log.replay(0);
            assert_eq!(payloads, [b"1", b"4"]);
            assert_eq!(recovery.set_aside_count, 1);
            let note = log
                .root
                .path()
                .join("set-aside/00000000000000000002.missing");
            let note = fs::read_to_string(note).unwrap();
            assert_eq!(note, "entries 2 to 3 are not in the log\n");
            fs::remove_file(file_path(&log.dir(), 2)).unwrap_or_default();
        }
        // The first one above the mark, too.
        assert_eq!(log.replay(1).1.set_aside_count, 1);
        assert_eq!(log.replay(3).1.set_aside_count, 0);
    }

    #[test]
    fn an_entry_that_cannot_be_decoded_is_set_aside_and_the_next_one_still_comes() {
        let log = Log::new();
        log.write(&[&[b"poison", b"good"]]);
        let (payloads, recovery) = log.replay(0);
        assert_eq!(payloads, [b"poison".to_vec(), b"good".to_vec()]);
        assert_eq!(
            (recovery.replayed_entries, recovery.set_aside_count),
            (1, 1)
        );
        assert_eq!(log.set_aside(), ["00000000000000000001.payload"]);
    }

    #[test]
    fn trimming_removes_only_files_whose_every_entry_is_sealed() {
        let log = Log::new();
        log.write(&[&[b"1", b"2"], &[b"3"], &[b"4"]]);
        let names = |log: &Log| {
            list_files(&log.dir())
                .unwrap()
                .iter()
                .map(|f| f.0)
                .collect::<Vec<_>>()
        };
        trim(&log.dir(), 1).unwrap();
        assert_eq!(names(&log), [1, 3, 4]);
        trim(&log.dir(), 2).unwrap();
        assert_eq!(names(&log), [3, 4]);
        trim(&log.dir(), 9).unwrap();
        assert_eq!(names(&log), [4]);
    }
}
