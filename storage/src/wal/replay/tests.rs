//! Promises about recovery.

use std::fs;

use model::Signal;
use tempfile::TempDir;

use super::*;
use crate::wal::format::FILE_HEADER_BYTES;
use crate::wal::writer::{WalWriter, file_path};

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
        let mut writer = WalWriter::open(&self.dir(), 1, 1 << 20);
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
            match entry.payload.as_ref() {
                b"bad" => Applied::Undecodable,
                b"poison" => Applied::Poisonous,
                b"sealed" => Applied::InSplit,
                _ => Applied::Visible,
            }
        };
        let aside = Aside {
            dir: &aside,
            now: UnixNanos(1),
        };
        let recovery = replay(&self.dir(), aside, low_water, &mut apply).unwrap();
        (payloads, recovery)
    }

    fn set_aside(&self) -> Vec<String> {
        let items = set_aside::list(&self.root.path().join("set-aside")).unwrap();
        items.into_iter().map(|item| item.name).collect()
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
        assert!(WalWriter::open(&log.dir(), recovery.next_sequence, 1 << 20).is_open());
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
    log.write(&[&[b"bad", b"good", b"sealed"]]);
    let (payloads, recovery) = log.replay(0);
    assert_eq!(payloads, [&b"bad"[..], b"good", b"sealed"]);
    assert_eq!(
        (recovery.replayed_entries, recovery.set_aside_count),
        (1, 1)
    );
    assert_eq!(log.set_aside(), ["00000000000000000001.payload"]);
    assert_eq!(log.replay(0).0.len(), 3, "a later version may read it");
}

#[test]
fn an_entry_that_ends_the_server_is_set_aside_and_never_tried_again() {
    let log = Log::new();
    log.write(&[&[b"poison", b"good"]]);
    assert_eq!(log.replay(0).0, [&b"poison"[..], b"good"]);
    let (payloads, recovery) = log.replay(0);
    assert_eq!(payloads, [b"good"]);
    assert_eq!(
        (recovery.replayed_entries, recovery.set_aside_count),
        (1, 1)
    );
    assert_eq!(log.set_aside(), ["00000000000000000001.poison"]);
}

#[test]
fn an_emptied_file_is_told_of_and_thousands_of_files_come_back() {
    let log = Log::new();
    let payloads: Vec<Vec<u8>> = (0..1_000_u32).map(|n| n.to_le_bytes().to_vec()).collect();
    let groups: Vec<[&[u8]; 1]> = payloads.iter().map(|it| [it.as_slice()]).collect();
    let groups: Vec<&[&[u8]]> = groups.iter().map(<[&[u8]; 1]>::as_slice).collect();
    log.write(&groups);
    fs::write(file_path(&log.dir(), 1), b"").unwrap();
    fs::write(file_path(&log.dir(), 1_001), b"").unwrap();
    let (found, recovery) = log.replay(0);
    assert_eq!(found, payloads[1..]);
    assert_eq!(
        (recovery.next_sequence, recovery.set_aside_count),
        (1_001, 1)
    );
    assert_eq!(log.set_aside(), ["00000000000000000001.missing"]);
    assert_eq!(log.replay(0).0.len(), 999);
}

#[test]
fn a_file_that_cannot_be_read_is_set_aside_and_the_others_come_back() {
    let log = Log::new();
    log.write(&[&[b"1", b"2"], &[b"3"], &[b"4"]]);
    for sequence in [1, 4] {
        let path = file_path(&log.dir(), sequence);
        fs::remove_file(&path).unwrap();
        // Reading it fails, even for those who may read everything.
        fs::create_dir(&path).unwrap();
    }
    let possible = fs::metadata(file_path(&log.dir(), 4)).unwrap().len() / 28;

    let (payloads, recovery) = log.replay(0);

    assert_eq!(payloads, [b"3"]);
    assert_eq!(recovery.set_aside_count, 2);
    assert_eq!(recovery.next_sequence, 4 + possible + 1);
    assert_eq!(
        log.set_aside(),
        ["00000000000000000001.wal", "00000000000000000004.wal"]
    );
    assert_eq!(log.replay(0).0, [b"3"], "nothing is set aside twice");
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
