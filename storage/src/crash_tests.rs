//! A power loss at any moment, also during recovery, loses nothing that was acknowledged.
//!
//! A process plays a small workload on a real directory while strace writes down its system calls:
//! those of our own code and those of SQLite, tantivy and the Parquet writer. From these a disk is
//! replayed that knows what was synced. At each sync it makes directories as a power loss might have
//! left them, and the storage is opened on them (docs/adr/0012-crash-tests.md).

mod disk;
mod trace;
mod workload;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use self::disk::{Dice, Disk, Image, Loss, write_image};
use self::trace::Event;
use self::workload::{Part, Promise, State, config, request, stored_rows};
use crate::Storage;
use crate::testing::{ManualClock, temporary_dir};

/// How many power losses are simulated; many thousands for a long run.
const CRASHES: &str = "SPANDREL_TEST_CRASHES";
const CRASHES_DEFAULT: usize = 300;
/// Of so many crashes one is followed by others during recovery; it is of another kind each time.
const CRASHES_PER_RECOVERY: usize = 75;
/// Which one of them; the first is a mere kill while everything is new.
const CRASH_WITH_RECOVERY: usize = 2;
/// How many crashes are simulated in each recovery.
const CRASHES_IN_RECOVERY: usize = 40;

const LOSSES: [Loss; 8] = [
    Loss::All,
    Loss::Some { kept_percent: 50 },
    Loss::Nothing,
    Loss::Some { kept_percent: 90 },
    Loss::Bytes,
    Loss::Some { kept_percent: 10 },
    Loss::Names,
    Loss::Some { kept_percent: 50 },
];

fn crash_count() -> usize {
    let count = std::env::var_os(CRASHES);
    count.map_or(CRASHES_DEFAULT, |text| {
        text.to_str().unwrap().parse().unwrap()
    })
}

/// Whether processes can be traced here; says so when they cannot.
fn can_trace() -> bool {
    let traced = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "true"])
        .status();
    let can_trace = traced.as_ref().is_ok_and(std::process::ExitStatus::success);
    if !can_trace {
        #[expect(clippy::print_stderr, reason = "who runs the tests has to know")]
        {
            eprintln!("SKIPPED: no crash was simulated, since strace cannot run here: {traced:?}");
        }
    }
    can_trace
}

/// A place with a data directory and a file of marks.
struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Self {
        let root = temporary_dir();
        fs::create_dir(root.path().join("data")).unwrap();
        fs::write(root.path().join("marks"), "").unwrap();
        Self { root }
    }

    fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn marks(&self) -> PathBuf {
        self.root.path().join("marks")
    }

    /// Runs the part in a process of its own; returns what it did to the data directory.
    fn record(&self, part: Part) -> Vec<Event> {
        let log = self.root.path().join("strace");
        let output = Command::new("strace")
            .args(["-f", "-qq", "-y", "-xx", "-a", "1", "-s", "67108864", "-e"])
            .arg(format!("trace={}", trace::CALLS))
            .arg("-o")
            .arg(&log)
            .arg(std::env::current_exe().unwrap())
            .args(["crash_tests::workload::process", "--exact", "--ignored"])
            .env(workload::PART, part.name())
            .env(workload::DATA_DIR, self.data())
            .env(workload::MARKS, self.marks())
            .output()
            .unwrap();
        let is_good = output.status.success() == (part == Part::Second);
        assert!(is_good, "{part:?} failed: {output:?}");
        let log = fs::read_to_string(log).unwrap();
        trace::read(&log, &self.data(), &self.marks())
    }

    fn promise(&self) -> Promise {
        let mut promise = Promise::new();
        promise.hear(&fs::read_to_string(self.marks()).unwrap());
        promise
    }
}

/// A moment at which the power fails, and what is left then.
struct Crash {
    image: Image,
    loss: Loss,
    /// What is synced and what is not, if the system goes on after the process has died.
    disk: Option<Disk>,
    promise: Promise,
    number: usize,
    description: String,
}

impl Crash {
    /// Starts on what is left, looks, goes on, and starts again.
    fn recover(&self, runtime: &tokio::runtime::Runtime) {
        let dir = temporary_dir();
        write_image(&self.image, dir.path());
        let context = &self.description;
        let open = |promise: &Promise| {
            let storage = Storage::open(config(dir.path()), ManualClock::at(promise.now))
                .unwrap_or_else(|error| panic!("{context}: {error:?}"));
            let status = storage.status();
            assert_eq!(status.unreadable_split_count, 0, "{context}");
            if [Loss::All, Loss::Nothing].contains(&self.loss) {
                assert_eq!(status.set_aside, [], "{context}");
            }
            storage
        };
        let mut promise = self.promise.clone();
        let storage = open(&promise);
        let there = promise.check(&stored_rows(&storage), context);
        let probes = ["traces-probe", "logs-probe"].map(str::to_owned);
        runtime.block_on(async {
            for name in &probes {
                storage.append(request(name)).await.unwrap();
            }
            if self.number.is_multiple_of(4) {
                storage.seal().await.unwrap();
                storage.merge_all().await.unwrap();
            }
        });
        // What has been seen stays, and nothing else comes.
        for (name, state) in &mut promise.states {
            *state = if there.contains(name) {
                State::There
            } else {
                State::Gone
            };
        }
        let states = probes.map(|name| (name, State::There));
        promise.states.extend(states);
        promise.check(&stored_rows(&storage), context);
        drop(storage);
        promise.check(&stored_rows(&open(&promise)), context);
    }
}

/// Plays events on a disk and lets the power fail so many times, spread over all syncs.
fn crash_at_syncs(
    disk: &mut Disk,
    promise: &mut Promise,
    events: &[Event],
    crashes: usize,
    visit: &mut dyn FnMut(Crash),
) {
    let sync_count = events.iter().filter(|it| is_sync(it)).count();
    let mut syncs = 0;
    let mut number = 0;
    for (position, event) in events.iter().enumerate() {
        // Before the sync and after it, as many as are due by then.
        for is_after in [false, true] {
            if is_after {
                disk.apply(event);
                if let Event::Mark(mark) = event {
                    promise.hear(mark);
                }
            }
            if !is_sync(event) {
                continue;
            }
            syncs += 1;
            while number < syncs * crashes / (2 * sync_count) {
                let loss = LOSSES[number % LOSSES.len()];
                let side = ["before", "after"][usize::from(is_after)];
                let description =
                    format!("crash {number} {side} event {position}, {event:?}, {loss:?}");
                visit(Crash {
                    image: disk.image(loss, &mut Dice(number as u64)),
                    loss,
                    disk: (loss == Loss::Nothing).then(|| disk.clone()),
                    promise: promise.clone(),
                    number,
                    description,
                });
                number += 1;
            }
        }
    }
}

fn is_sync(event: &Event) -> bool {
    matches!(event, Event::Sync { .. })
}

/// A crash during the recovery from this one.
fn crash_again(crash: &Crash, runtime: &tokio::runtime::Runtime) -> usize {
    let place = Place::new();
    write_image(&crash.image, &place.data());
    fs::write(place.marks(), crash.promise.to_marks()).unwrap();
    let mut promise = place.promise();
    let mut disk = match &crash.disk {
        Some(disk) => disk.clone().moved_to(&place.data()),
        None => Disk::load(&place.data(), &place.data()),
    };
    let events = place.record(Part::Recovery);
    disk.begin_process();
    let mut count = 0;
    let mut visit = |mut again: Crash| {
        again.description = format!("{}; then {}", crash.description, again.description);
        again.recover(runtime);
        count += 1;
    };
    crash_at_syncs(
        &mut disk,
        &mut promise,
        &events,
        CRASHES_IN_RECOVERY,
        &mut visit,
    );
    count
}

/// The simulated disk, with everything kept, holds what the real one does.
fn assert_simulated_well(disk: &Disk, place: &Place) {
    let whole = disk.image(Loss::Nothing, &mut Dice(0));
    let real = Disk::load(&place.data(), &place.data());
    let real = real.image(Loss::All, &mut Dice(0));
    // SQLite writes its shared memory without system calls; it means nothing after a crash.
    let is_compared = |path: &&PathBuf| !path.to_string_lossy().ends_with("-shm");
    let paths = |image: &Image| -> Vec<PathBuf> { image.keys().cloned().collect() };
    assert_eq!(paths(&whole), paths(&real));
    for path in real.keys().filter(is_compared) {
        assert_eq!(whole[path], real[path], "{}", path.display());
    }
}

#[test]
fn whatever_was_acknowledged_is_there_once_after_a_power_loss_at_any_sync_also_in_recovery() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let crashes = crash_count();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    let mut disk = Disk::load(&place.data(), &place.data());
    let mut promise = Promise::new();
    let (mut count, mut count_in_recovery) = (0, 0);
    for part in [Part::First, Part::Second] {
        let events = place.record(part);
        disk.begin_process();
        let mut visit = |crash: Crash| {
            crash.recover(&runtime);
            count += 1;
            if crash.number % CRASHES_PER_RECOVERY == CRASH_WITH_RECOVERY {
                count_in_recovery += crash_again(&crash, &runtime);
            }
        };
        let share = crashes / 2;
        crash_at_syncs(&mut disk, &mut promise, &events, share, &mut visit);
        assert_simulated_well(&disk, &place);
    }
    assert!(count + 2 > crashes, "{count} crashes");
    assert_eq!(promise.states.len(), place.promise().states.len());
    let in_all = count + count_in_recovery;
    #[expect(clippy::print_stdout, reason = "long runs are reported")]
    {
        println!("{in_all} crashes, {count_in_recovery} of them in recovery: nothing lost");
    }
}
