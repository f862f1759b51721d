//! Any list of appends, seals, merges, expiries and crashes leaves what a plain list would hold.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::{Signal, UnixNanos};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::sample::Index;
use serde_json::json;
use tempfile::TempDir;

use crate::filter::{Filter, Test, TextMatch};
use crate::split::id::SplitId;
use crate::testing::{
    ManualClock, cases, copy_files, found, logs, merge_unpublished, names_in, spans, texts,
};
use crate::{Append, Storage, StorageConfig};

/// Where the clock begins. Splits carry the millisecond in their names.
const BEGIN: u64 = 1_000_000_000;
/// Time between two events.
const STEP: u64 = 1_000_000;

/// What happens to a storage.
#[derive(Debug, Clone)]
enum Event {
    /// A request with this many records is acknowledged.
    Append { signal: Signal, records: u8 },
    /// The hot buffer becomes a split.
    Seal,
    /// All splits become one.
    Compact,
    /// So much time passes that this one of the splits expires.
    Expire { split: Index },
    /// The process dies and starts again.
    Crash,
    /// It dies between publishing a split and trimming the WAL.
    CrashBeforeTrim,
    /// It dies with a split written, or half written, and not published.
    CrashBeforePublish { is_renamed: bool },
    /// It dies with a merged split written and not published.
    CrashBeforeReplace,
    /// It dies with a merged split published and its inputs not removed.
    CrashBeforeRemove,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => (any::<bool>(), 1..4_u8).prop_map(|(is_logs, records)| {
            let signal = if is_logs { Signal::Logs } else { Signal::Traces };
            Event::Append { signal, records }
        }),
        4 => Just(Event::Seal),
        2 => Just(Event::Compact),
        1 => any::<Index>().prop_map(|split| Event::Expire { split }),
        1 => Just(Event::Crash),
        1 => Just(Event::CrashBeforeTrim),
        1 => any::<bool>().prop_map(|is_renamed| Event::CrashBeforePublish { is_renamed }),
        1 => Just(Event::CrashBeforeReplace),
        1 => Just(Event::CrashBeforeRemove),
    ];
    vec(event, 1..24)
}

/// Services that records come from, in turn.
const SERVICES: [&str; 3] = ["cart", "order", "payment"];

/// A record that was acknowledged.
#[derive(Debug, Clone)]
struct Expected {
    signal: Signal,
    service: &'static str,
    /// All of it.
    text: String,
    /// When its split was sealed, or the newest of those that were merged with it.
    sealed: Option<u64>,
}

/// A storage, and a plain list of what it should hold.
struct History {
    dir: TempDir,
    clock: Arc<ManualClock>,
    now: u64,
    /// None only while the process is dead.
    storage: Option<Storage>,
    expected: Vec<Expected>,
    appended: usize,
}

impl History {
    fn begin() -> Self {
        let dir = TempDir::new().unwrap();
        let clock = ManualClock::at(BEGIN);
        let mut history = Self {
            dir,
            clock,
            now: BEGIN,
            storage: None,
            expected: Vec::new(),
            appended: 0,
        };
        history.start();
        history
    }

    fn start(&mut self) {
        let mut config = StorageConfig::in_dir(self.dir.path());
        // Only what the history says is sealed.
        config.seal_age = Duration::MAX;
        let clock = Arc::<ManualClock>::clone(&self.clock);
        self.storage = Some(Storage::open(config, clock).unwrap());
    }

    fn die(&mut self) {
        self.storage = None;
    }

    fn storage(&self) -> &Storage {
        self.storage.as_ref().unwrap()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    async fn apply(&mut self, event: &Event) {
        match event {
            Event::Append { signal, records } => self.append(*signal, *records).await,
            Event::Seal => self.seal().await,
            Event::Compact => self.compact().await,
            Event::Expire { split } => {
                let sealed: Vec<u64> = self.expected.iter().filter_map(|it| it.sealed).collect();
                if !sealed.is_empty() {
                    self.now = self.now.max(split.get(&sealed) + age());
                }
            }
            Event::Crash => self.die(),
            Event::CrashBeforeTrim => {
                let saved = TempDir::new().unwrap();
                copy_files(&self.path("wal"), saved.path());
                self.seal().await;
                self.die();
                copy_files(saved.path(), &self.path("wal"));
            }
            Event::CrashBeforePublish { is_renamed } => {
                self.die();
                leave_unpublished(self.dir.path(), *is_renamed);
            }
            Event::CrashBeforeReplace => {
                if self.storage().status().traces.split_count > 1 {
                    merge_unpublished(self.storage(), Signal::Traces, &|| false).unwrap();
                }
                self.die();
            }
            Event::CrashBeforeRemove => {
                let saved = TempDir::new().unwrap();
                copy_files(&self.path("splits"), saved.path());
                self.compact().await;
                self.die();
                copy_files(saved.path(), &self.path("splits"));
            }
        }
        self.let_time_pass().await;
    }

    async fn append(&mut self, signal: Signal, count: u8) {
        let service = SERVICES[self.appended % SERVICES.len()];
        let names: Vec<String> = (0..count)
            .map(|number| format!("record-{:04}", self.appended + usize::from(number)))
            .collect();
        let append = match signal {
            Signal::Traces => span_request(service, &names),
            Signal::Logs => log_request(service, &names),
        };
        let texts = texts(signal, &append.batch);
        self.storage().append(append).await.unwrap();
        self.appended += names.len();
        self.expected.extend(texts.into_iter().map(|text| Expected {
            signal,
            service,
            text,
            sealed: None,
        }));
    }

    async fn seal(&mut self) {
        self.storage().seal().await.unwrap();
        for record in &mut self.expected {
            record.sealed.get_or_insert(self.now);
        }
    }

    async fn compact(&mut self) {
        self.storage().merge_all().await.unwrap();
        let status = self.storage().status();
        for (signal, on_disk) in [(Signal::Traces, status.traces), (Signal::Logs, status.logs)] {
            assert!(on_disk.split_count <= 1);
            let of_signal = |it: &&mut Expected| it.signal == signal && it.sealed.is_some();
            let newest = self
                .expected
                .iter_mut()
                .filter(of_signal)
                .map(|it| it.sealed)
                .max();
            for record in self.expected.iter_mut().filter(of_signal) {
                record.sealed = newest.flatten();
            }
        }
    }

    /// Retention runs whenever it wants to; here it runs after each event too.
    async fn let_time_pass(&mut self) {
        self.now += STEP;
        self.clock.set(self.now);
        if self.storage.is_none() {
            self.start();
        }
        self.storage().expire().await;
        let now = self.now;
        self.expected
            .retain(|span| span.sealed.is_none_or(|sealed| sealed + age() > now));
    }

    fn check(&self, context: &str) {
        let storage = self.storage();
        let snapshot = storage.snapshot();
        for signal in Signal::ALL {
            for service in [None, Some("cart"), Some("payment")] {
                let is_asked_for = |it: &&Expected| {
                    it.signal == signal && service.is_none_or(|service| it.service == service)
                };
                let expected = self.expected.iter().filter(is_asked_for);
                let mut expected: Vec<&str> = expected.map(|it| it.text.as_str()).collect();
                expected.sort_unstable();
                let service = service.map(|it| Test::Service(TextMatch::Exact(it.to_owned())));
                let filter = service
                    .into_iter()
                    .fold(Filter::everything(), |filter, test| filter.and(test));
                assert_eq!(found(&snapshot, signal, &filter), expected, "{context}");
            }
        }
        let status = storage.status();
        assert_eq!(status.set_aside, [], "{context}");
        let directories = names_in(&self.path("splits")).len();
        assert_eq!(directories as u64, status.split_count, "{context}");
        assert_eq!(names_in(&self.path("compaction")).len(), 0, "{context}");
    }
}

fn span_request(service: &str, names: &[String]) -> Append {
    let rows: Vec<_> = names
        .iter()
        .map(|name| (1, 1, name.as_str(), 10, 20))
        .collect();
    spans(service, &rows)
}

fn log_request(service: &str, names: &[String]) -> Append {
    let records: Vec<_> = names
        .iter()
        .map(|name| json!({"timeUnixNano": "10", "body": {"stringValue": format!("{name} done")}}))
        .collect();
    logs(&json!({"resourceLogs": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": service}},
        ]},
        "scopeLogs": [{"logRecords": records}],
    }]}))
}

fn age() -> u64 {
    let age = StorageConfig::in_dir("unused").retention_age();
    u64::try_from(age.as_nanos()).unwrap()
}

/// Leaves behind what a crash before the publish would: a directory that the catalog does not know.
fn leave_unpublished(dir: &Path, is_renamed: bool) {
    let splits = dir.join("splits");
    let Some(published) = fs::read_dir(&splits).unwrap().next() else {
        return;
    };
    let id = SplitId::new(UnixNanos(7));
    let name = if is_renamed {
        id.to_string()
    } else {
        format!("tmp-{id}")
    };
    copy_files(&published.unwrap().path(), &splits.join(name));
}

async fn check_history(events: &[Event]) {
    let mut history = History::begin();
    for (number, event) in events.iter().enumerate() {
        history.apply(event).await;
        history.check(&format!("after event {number}, {event:?}, of {events:?}"));
    }
    history.storage().shutdown().await;
    history.die();
    history.start();
    history.check("after the last start");
    assert_eq!(history.storage().status().hot_row_count, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(24)))]

    #[test]
    fn any_history_of_appends_seals_merges_expiries_and_crashes_loses_and_repeats_nothing(
        events in events(),
    ) {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap()
            .block_on(check_history(&events));
    }
}
