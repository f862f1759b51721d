//! Writes and syncs that fail, in any order with good ones.

use std::io::Read as _;
use std::os::fd::OwnedFd;

use model::Signal;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_oneof, proptest};
use tempfile::TempDir;

use super::super::format::Entry;
use super::super::replay;
use super::*;
use crate::testing::cases;

/// What happens to a log.
#[derive(Debug, Clone)]
enum Event {
    /// A group of so many entries is written and acknowledged.
    Append { entries: u8 },
    /// The disk takes so many bytes of a group, and no more.
    Refuse { taken_bytes: u16 },
    /// A file is full.
    Rotate,
    /// A new file cannot be made: something that cannot be removed is in its place.
    RefuseRotation,
    /// The process dies and starts again, after a seal of so many percent of the entries.
    Restart { sealed_percent: u64 },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        5 => (1..4_u8).prop_map(|entries| Event::Append { entries }),
        3 => (0..300_u16).prop_map(|taken_bytes| Event::Refuse { taken_bytes }),
        2 => Just(Event::Rotate),
        1 => Just(Event::RefuseRotation),
        1 => (0..101_u64).prop_map(|sealed_percent| Event::Restart { sealed_percent }),
    ];
    vec(event, 1..30)
}

/// A log, and a plain list of what it should hold.
struct History {
    root: TempDir,
    writer: WalWriter,
    acknowledged: Vec<(u64, Vec<u8>)>,
    low_water: u64,
    next_payload: u32,
}

impl History {
    fn begin() -> Self {
        let root = TempDir::new().unwrap();
        for name in ["wal", "set-aside"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let writer = WalWriter::open(&root.path().join("wal"), 1, 1 << 20);
        Self {
            root,
            writer,
            acknowledged: Vec::new(),
            low_water: 0,
            next_payload: 0,
        }
    }

    fn payload(&mut self) -> Vec<u8> {
        self.next_payload += 1;
        let length = usize::try_from(self.next_payload * 37 % 90).unwrap();
        format!("{}-{}", self.next_payload, "x".repeat(length)).into_bytes()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Append { entries } => self.append(*entries),
            Event::Refuse { taken_bytes } => self.refuse(*taken_bytes),
            Event::Rotate => self.writer.rotate().unwrap(),
            Event::RefuseRotation => self.refuse_rotation(),
            Event::Restart { sealed_percent } => self.restart(*sealed_percent),
        }
    }

    fn append(&mut self, count: u8) {
        let payloads: Vec<Vec<u8>> = (0..count).map(|_| self.payload()).collect();
        let entries = payloads.iter().map(|it| (Signal::Logs, it.as_slice()));
        let first = self.writer.append_group(entries).unwrap();
        self.acknowledged.extend((first..).zip(payloads));
    }

    fn refuse(&mut self, taken_bytes: u16) {
        // A handle that cannot write stands for a full disk; what it took is put there by hand.
        let path = file_path(&self.writer.dir, self.writer.file_first_sequence);
        let mut torn = Vec::new();
        let payload = self.payload();
        let next = self.writer.next_sequence;
        for sequence in [next, next + 1] {
            format::encode_entry(&mut torn, sequence, Signal::Logs, &payload);
        }
        torn.truncate(usize::from(taken_bytes));
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&torn).unwrap();
        self.writer.file = Some(File::open(&path).unwrap());
        let refused = self.writer.append_group([(Signal::Logs, &payload[..])]);
        assert!(matches!(refused, Err(WalFailure::Refused(_))));
    }

    fn refuse_rotation(&mut self) {
        if self.writer.file_first_sequence == self.writer.next_sequence {
            return;
        }
        let path = file_path(&self.writer.dir, self.writer.next_sequence);
        fs::write(&path, "in the way").unwrap();
        self.writer.rotate().unwrap_err();
        // Who goes on now would lose entries, so the writer does not.
        let refused = self.writer.append_group([(Signal::Logs, &b"lost"[..])]);
        assert!(matches!(refused, Err(WalFailure::Poisoned(_))));
        self.restart(0);
    }

    fn restart(&mut self, sealed_percent: u64) {
        let newest = self.writer.last_sequence();
        let sealed = newest * sealed_percent / 100;
        self.low_water = self.low_water.max(sealed);
        let recovery = self.recover();
        let dir = self.root.path().join("wal");
        self.writer = WalWriter::open(&dir, recovery.next_sequence, 1 << 20);
    }

    /// What comes back is what was acknowledged and is not sealed, in its order.
    fn recover(&self) -> replay::Recovery {
        let (dir, aside) = (
            self.root.path().join("wal"),
            self.root.path().join("set-aside"),
        );
        let mut replayed = Vec::new();
        let mut apply = |entry: Entry| {
            replayed.push((entry.sequence, entry.payload.to_vec()));
            replay::Applied::Visible
        };
        let recovery = replay::replay(&dir, at(&aside), self.low_water, &mut apply).unwrap();
        let mut expected = self.acknowledged.clone();
        expected.retain(|(sequence, _)| *sequence > self.low_water);
        assert_eq!(replayed, expected);
        assert_eq!(recovery.set_aside_count, 0);
        recovery
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(100)))]

    #[test]
    fn everything_acknowledged_after_refused_writes_and_rotations_is_there_and_nothing_else(
        events in events(),
    ) {
        let mut history = History::begin();
        for event in &events {
            history.apply(event);
        }
        history.recover();
    }
}

#[test]
fn a_failed_sync_is_never_repeated_and_the_writer_takes_nothing_more() {
    let dir = TempDir::new().unwrap();
    let mut writer = WalWriter::open(dir.path(), 1, 1 << 20);
    writer
        .append_group([(Signal::Logs, &b"first"[..])])
        .unwrap();
    // A pipe takes what is written and cannot be synced.
    let (mut reader, pipe) = io::pipe().unwrap();
    writer.file = Some(File::from(OwnedFd::from(pipe)));
    for _ in 0..3 {
        let failed = writer.append_group([(Signal::Logs, &b"lost"[..])]);
        assert!(matches!(failed, Err(WalFailure::Poisoned(_))));
        writer.rotate().unwrap();
    }
    drop(writer);
    let mut written = Vec::new();
    reader.read_to_end(&mut written).unwrap();
    // One attempt: after it nothing was written that a second sync could have covered.
    assert_eq!(written.len(), format::ENTRY_HEADER_BYTES + b"lost".len());
    let names = files::list_dir(dir.path()).unwrap();
    assert_eq!(names, [file_path(dir.path(), 1)]);
}

#[test]
fn a_file_that_a_failed_rotation_left_does_not_make_its_elder_look_sealed() {
    let root = TempDir::new().unwrap();
    for name in ["wal", "set-aside"] {
        fs::create_dir(root.path().join(name)).unwrap();
    }
    let dir = root.path().join("wal");
    let mut writer = WalWriter::open(&dir, 1, 1 << 20);
    for payload in ["first", "second"] {
        writer
            .append_group([(Signal::Logs, payload.as_bytes())])
            .unwrap();
    }
    // A power loss brought back what had been removed: a file from when only one was written.
    fs::write(file_path(&dir, 2), format::encode_file_header(2)).unwrap();
    let mut replayed = Vec::new();
    let mut apply = |entry: Entry| {
        replayed.push(entry.payload);
        replay::Applied::Visible
    };
    let aside = root.path().join("set-aside");
    let recovery = replay::replay(&dir, at(&aside), 1, &mut apply).unwrap();
    assert_eq!(replayed, ["second"]);
    assert_eq!(recovery.next_sequence, 3);
}

fn at(dir: &Path) -> replay::Aside<'_> {
    replay::Aside {
        dir,
        now: model::UnixNanos(1),
    }
}
