//! What the recorded process does, and what it tells of it in its file of marks.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::Signal;
use serde_json::json;
use tokio::task::JoinSet;

use crate::filter::Filter;
use crate::testing::{ManualClock, found, logs, texts, traces};
use crate::{Append, Storage, StorageConfig};

/// Tells a child process which part it plays, and where.
pub(super) const PART: &str = "SPANDREL_TEST_CRASH_PART";
pub(super) const DATA_DIR: &str = "SPANDREL_TEST_CRASH_DATA_DIR";
pub(super) const MARKS: &str = "SPANDREL_TEST_CRASH_MARKS";

/// When it all begins, in nanoseconds.
const BEGIN: u64 = 1_000_000_000_000;
/// Time between two steps, so that splits have names in their order.
const STEP: u64 = 1_000_000_000;

/// The parts a process can play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Begins with nothing, seals, merges and expires, and is killed.
    First,
    /// Recovers from that, goes on and ends well.
    Second,
    /// Recovers from whatever there is, and is killed at once.
    Recovery,
}

impl Part {
    const ALL: [Self; 3] = [Self::First, Self::Second, Self::Recovery];

    pub(super) fn name(self) -> String {
        format!("{self:?}")
    }
}

pub(super) fn config(dir: &Path) -> StorageConfig {
    let mut config = StorageConfig::in_dir(dir);
    // Only what the workload asks for is sealed.
    config.seal_age = Duration::MAX;
    // Many files.
    config.wal_file_bytes = 4096;
    config
}

/// The request of this name: some spans or log records, some of them large.
pub(super) fn request(name: &str) -> Append {
    let seed = crc32fast::hash(name.as_bytes());
    let rows = seed % 3 + 1;
    let text = |row: u32| {
        let length = if (seed + row).is_multiple_of(5) {
            1500
        } else {
            40
        };
        let letter = |at: u32| char::from(b'a' + ((seed >> (at % 24)) + at * row) as u8 % 26);
        (0..length).map(letter).collect::<String>()
    };
    if name.starts_with("traces") {
        let span = |row: u32| {
            json!({
                "traceId": format!("{:032x}", seed % 4 + 1), "spanId": format!("{:016x}", row + 1),
                "name": format!("{name}/{row}"), "kind": 2,
                "startTimeUnixNano": (u64::from(seed) + 10).to_string(),
                "endTimeUnixNano": (u64::from(seed) + 20).to_string(),
                "attributes": [{"key": "text", "value": {"stringValue": text(row)}}],
            })
        };
        let spans: Vec<_> = (0..rows).map(span).collect();
        return traces(&json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}));
    }
    let record = |row: u32| {
        json!({
            "timeUnixNano": (u64::from(seed) + 10).to_string(), "severityNumber": 9,
            "body": {"stringValue": format!("{name}/{row} wrote {}", text(row))},
        })
    };
    let records: Vec<_> = (0..rows).map(record).collect();
    logs(&json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}))
}

/// All rows that are stored, as texts, sorted.
pub(super) fn stored_rows(storage: &Storage) -> Vec<String> {
    let snapshot = storage.snapshot();
    let rows = |signal| found(&snapshot, signal, &Filter::everything());
    let mut stored: Vec<String> = Signal::ALL.into_iter().flat_map(rows).collect();
    stored.sort();
    stored
}

/// What is known of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It may be there.
    Sent,
    /// It was acknowledged, or seen after a start.
    There,
    /// It may be gone.
    Leaving,
    /// It was deleted.
    Gone,
}

/// What is promised of each request, and the time.
#[derive(Debug, Clone)]
pub(super) struct Promise {
    pub(super) states: BTreeMap<String, State>,
    pub(super) now: u64,
}

impl Promise {
    pub(super) fn new() -> Self {
        Self {
            states: BTreeMap::new(),
            now: BEGIN,
        }
    }

    /// Reads a mark.
    pub(super) fn hear(&mut self, mark: &str) {
        for line in mark.lines() {
            let (word, rest) = line.split_once(' ').unwrap();
            let state = match word {
                "now" => {
                    self.now = rest.parse().unwrap();
                    continue;
                }
                "sent" => State::Sent,
                "there" => State::There,
                "leaving" => State::Leaving,
                "gone" => State::Gone,
                _ => panic!("{line}"),
            };
            for name in rest.split_whitespace() {
                self.states.insert(name.to_owned(), state);
            }
        }
    }

    /// Marks from which the same promise is read.
    pub(super) fn to_marks(&self) -> String {
        let mut lines = vec![format!("now {}\n", self.now)];
        for (name, state) in &self.states {
            let word = format!("{state:?}").to_lowercase();
            lines.push(format!("{word} {name}\n"));
        }
        lines.concat()
    }

    /// The requests that are stored; panics with what is wrong unless each is there as a whole or
    /// not at all, what was promised is there, and nothing else is.
    pub(super) fn check(&self, stored: &[String], context: &str) -> Vec<String> {
        assert!(stored.is_sorted_by(|a, b| a < b), "{context}: a row twice");
        let mut there = Vec::new();
        let mut row_count = 0;
        for (name, state) in &self.states {
            let append = request(name);
            let rows = texts(append.signal, &append.batch);
            let is_stored = |row: &&String| stored.binary_search(row).is_ok();
            let count = rows.iter().filter(is_stored).count();
            let is_whole = count == rows.len();
            let is_right = match state {
                State::There => is_whole,
                State::Gone => count == 0,
                State::Sent | State::Leaving => is_whole || count == 0,
            };
            assert!(is_right, "{context}: {count} rows of {name}, {state:?}");
            row_count += count;
            if is_whole {
                there.push(name.clone());
            }
        }
        assert_eq!(row_count, stored.len(), "{context}: rows that nobody sent");
        there
    }
}

/// Plays its part when a test has started it for that, and does nothing otherwise.
#[test]
#[ignore = "a part of the crash tests, which start it as a process of its own"]
fn process() {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let Some(dir) = variable(DATA_DIR) else {
        return;
    };
    let part = variable(PART).unwrap();
    let part = Part::ALL
        .into_iter()
        .find(|it| Path::new(&it.name()) == part);
    let marks = variable(MARKS).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(play(part.unwrap(), &dir, &marks));
}

async fn play(part: Part, dir: &Path, marks: &Path) {
    let mut player = Player::open(part, dir, marks);
    match part {
        Part::First => player.first().await,
        Part::Second => player.second().await,
        Part::Recovery => player.recovery().await,
    }
    if part != Part::Second {
        // No flush, no goodbye.
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::KILL).unwrap();
    }
    player.storage.shutdown().await;
}

struct Player {
    storage: Storage,
    clock: Arc<ManualClock>,
    promise: Promise,
    marks: Arc<File>,
    part: Part,
}

impl Player {
    fn open(part: Part, dir: &Path, marks: &Path) -> Self {
        let heard = std::fs::read_to_string(marks).unwrap();
        let mut promise = Promise::new();
        promise.hear(&heard);
        let mut marks = OpenOptions::new().append(true).open(marks).unwrap();
        promise.now += STEP;
        let clock = ManualClock::at(promise.now);
        mark(&mut marks, &format!("now {}", promise.now));
        let storage = Storage::open(config(dir), Arc::<ManualClock>::clone(&clock)).unwrap();
        let there = promise.check(&stored_rows(&storage), "after the start");
        // What has been seen once stays.
        let mut player = Self {
            storage,
            clock,
            promise,
            marks: Arc::new(marks),
            part,
        };
        player.tell(State::There, &there);
        player
    }

    fn tell(&mut self, state: State, names: &[String]) {
        let word = format!("{state:?}").to_lowercase();
        let line = format!("{word} {}", names.join(" "));
        mark(&mut &*self.marks, &line);
        self.promise.hear(&line);
    }

    fn step(&mut self, nanos: u64) {
        self.promise.now += nanos;
        mark(&mut &*self.marks, &format!("now {}", self.promise.now));
        self.clock.set(self.promise.now);
    }

    /// Sends requests all at once, so that groups of them share a sync.
    async fn append(&mut self, count: usize) {
        let first = self.promise.states.len();
        let name = |number: usize| {
            let signal = ["traces", "logs"][number % 2];
            format!("{signal}-{}-{number}", self.part.name())
        };
        let names: Vec<String> = (first..first + count).map(name).collect();
        self.tell(State::Sent, &names);
        let mut senders = JoinSet::new();
        for name in names.clone() {
            let (storage, marks) = (self.storage.clone(), Arc::clone(&self.marks));
            senders.spawn(async move {
                storage.append(request(&name)).await.unwrap();
                mark(&mut &*marks, &format!("there {name}"));
            });
        }
        senders.join_all().await;
        for name in names {
            self.promise.states.insert(name, State::There);
        }
    }

    async fn seal(&mut self) {
        self.step(STEP);
        self.storage.seal().await.unwrap();
    }

    async fn first(&mut self) {
        self.append(1).await;
        self.append(4).await;
        self.seal().await;
        self.append(3).await;
        self.seal().await;
        self.storage.merge_all().await.unwrap();
        let sealed: Vec<String> = self.promise.states.keys().cloned().collect();
        self.append(2).await;
        self.tell(State::Leaving, &sealed);
        self.step(u64::try_from(config(Path::new("")).retention_age().as_nanos()).unwrap());
        self.storage.expire().await;
        self.tell(State::Gone, &sealed);
        self.append(5).await;
        self.seal().await;
        self.append(6).await;
        self.append(1).await;
    }

    async fn second(&mut self) {
        self.append(2).await;
        self.seal().await;
        self.append(2).await;
        self.storage.merge_all().await.unwrap();
        self.append(1).await;
    }

    async fn recovery(&mut self) {
        self.append(2).await;
        self.seal().await;
        self.storage.merge_all().await.unwrap();
        self.append(1).await;
    }
}

/// One system call for each mark.
fn mark(marks: &mut impl std::io::Write, line: &str) {
    marks.write_all(format!("{line}\n").as_bytes()).unwrap();
}
