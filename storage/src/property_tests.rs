//! Promises that hold for any telemetry, any filter and any order of events.

use std::collections::BTreeSet;

use arrow_array::RecordBatch;
use bytes::Bytes;
use model::otlp::{self, testing};
use model::{Signal, SpanId, TimeRange, TraceId, UnixNanos};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, proptest};
use proptest::sample::Index;
use tempfile::TempDir;

use crate::bodies::{BodyRegex, LetterCase, MiningLimits, Needle, PatternMiner};
use crate::columns::{DurationColumn, IdColumn, TextDictionary, TimeColumn, typed};
use crate::filter::{Filter, Predicate, Rows, Test, TextMatch};
use crate::snapshot::{Snapshot, Source};
use crate::testing::{cases, found, open};
use crate::{Append, Storage};

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap()
        .block_on(future)
}

fn append_all(storage: &Storage, signal: Signal, payloads: &[Vec<u8>]) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    for payload in payloads {
        let batch = otlp::replay(signal, payload).unwrap();
        let payload = Bytes::from(payload.clone());
        wait(storage.append(Append {
            signal,
            payload,
            batch: batch.clone(),
        }))
        .unwrap();
        batches.push(batch);
    }
    batches.retain(|batch| batch.num_rows() > 0);
    batches
}

/// Choices from which a predicate is made that has something to do with the data.
type Choice = (u8, Index, Index, bool, u8);

fn choices() -> impl Strategy<Value = Vec<Vec<Choice>>> {
    let choice = (
        0..17_u8,
        any::<Index>(),
        any::<Index>(),
        any::<bool>(),
        0..4_u8,
    );
    vec(vec(choice, 1..3), 12)
}

/// Everything in a row that a test can ask for.
struct Sample {
    texts: Vec<String>,
    attributes: Vec<(String, String)>,
    time: u64,
    duration_nano: u64,
    number: i32,
    trace_id: Option<TraceId>,
    span_id: Option<SpanId>,
}

fn sample(signal: Signal, batch: &RecordBatch, row: usize) -> Sample {
    let rows = Rows::new(signal, batch).unwrap();
    let mut attributes = Vec::new();
    let mut visit = |key: &str, text: &str| attributes.push((key.to_owned(), text.to_owned()));
    rows.visit_own_attributes(row, &mut visit);
    rows.visit_resource_attributes(row, &mut visit).unwrap();
    rows.visit_scope_attributes(row, &mut visit).unwrap();
    let mut texts = vec![
        TextDictionary::new(batch, "service_name")
            .unwrap()
            .text(row)
            .to_owned(),
    ];
    for name in ["name", "event_name", "body"] {
        if let Ok(array) = typed::<arrow_array::StringArray>(batch, name) {
            texts.push(array.value(row).to_owned());
        }
    }
    let numbers = ["kind", "severity_number"];
    let number = numbers
        .iter()
        .find_map(|name| typed::<arrow_array::Int32Array>(batch, name).ok());
    Sample {
        texts,
        attributes,
        time: TimeColumn::new(signal, batch).unwrap().value(row).0,
        duration_nano: DurationColumn::new(batch).map_or(0, |durations| durations.value(row)),
        number: number.unwrap().value(row),
        trace_id: TraceId::from_slice(IdColumn::new(batch, "trace_id").unwrap().value(row)).ok(),
        span_id: SpanId::from_slice(IdColumn::new(batch, "span_id").unwrap().value(row)).ok(),
    }
}

fn text_match(text: &str, how: u8) -> TextMatch {
    match how {
        0 => TextMatch::Any,
        1 => TextMatch::Prefix(text.chars().take(2).collect()),
        _ => TextMatch::Exact(text.to_owned()),
    }
}

/// The text, as a word or a part of one, with letter case or without.
fn needle(text: &str, index: &Index, how: u8) -> Needle {
    let letter_case = if how.is_multiple_of(2) {
        LetterCase::Ignored
    } else {
        LetterCase::Exact
    };
    let text = if how < 2 {
        text.to_uppercase()
    } else {
        text.to_owned()
    };
    match index.index(3) {
        0 => Needle::word(&text, letter_case),
        1 => Needle::word_prefix(&text, letter_case),
        _ => Needle::phrase(&text, letter_case),
    }
}

/// A regular expression that has something to do with the text.
fn regex(text: &str, how: u8) -> BodyRegex {
    let text = regex::escape(text);
    let pattern = match how {
        0 => format!("(?i){text}"),
        1 => format!("^.{text}"),
        2 => format!("{text}.*[a-z]"),
        _ => format!("{text}|[0-9]{{2}}"),
    };
    BodyRegex::new(&pattern).unwrap()
}

fn make_test(sample: &Sample, choice: &Choice) -> Test {
    let (kind, index, _, _, how) = choice;
    let text = index.get(&sample.texts);
    let middle: String = text.chars().skip(1).take(3).collect();
    let no_attribute = [("absent".to_owned(), String::new())];
    let attributes = if sample.attributes.is_empty() {
        &no_attribute[..]
    } else {
        &sample.attributes
    };
    let (key, value) = index.get(attributes);
    match kind {
        0 => Test::Service(text_match(text, *how)),
        1 => Test::Name(text_match(text, *how)),
        2 => Test::NameContains(middle),
        3 => Test::Kind(sample.number),
        4 => Test::StatusCode(i32::from(*how)),
        5 => Test::DurationNano(sample.duration_nano..=u64::MAX),
        6 => Test::DurationNano(0..=sample.duration_nano / 2),
        7 => sample.trace_id.map_or(Test::Kind(0), Test::TraceId),
        8 => sample.span_id.map_or(Test::Kind(1), Test::SpanId),
        9 => Test::SeverityNumber(sample.number.saturating_sub(1)..=sample.number),
        10 => Test::Body(needle(text, index, *how)),
        11 => Test::Body(needle(&middle, index, *how)),
        13 => Test::BodyRegex(regex(&middle, *how)),
        12 => Test::EventName(text_match(text, *how)),
        _ => Test::Attribute {
            key: key.clone(),
            value: text_match(value, *how),
        },
    }
}

fn make_filter(signal: Signal, batches: &[RecordBatch], choices: &[Choice]) -> Filter {
    let mut filter = Filter::everything();
    for choice in choices {
        let (_, index, row, negated, how) = choice;
        let batch = index.get(batches);
        let sample = sample(signal, batch, row.index(batch.num_rows()));
        filter.all.push(Predicate {
            negated: *negated,
            test: make_test(&sample, choice),
        });
        if *how == 3 {
            let start = UnixNanos(sample.time);
            filter.time = TimeRange {
                start,
                ..TimeRange::ALL
            };
        }
    }
    filter
}

/// What the snapshot says of services, operations and traces.
fn summary(snapshot: &Snapshot, signal: Signal) -> BTreeSet<String> {
    let mut summary = BTreeSet::new();
    let sources = snapshot.sources(signal);
    let mut services = std::collections::BTreeMap::new();
    for (service, count) in sources.iter().flat_map(|s| s.service_counts().unwrap()) {
        *services.entry(service).or_insert(0) += count;
    }
    for (service, count) in services {
        let mut operations = std::collections::BTreeMap::new();
        for operation in sources
            .iter()
            .flat_map(|s| s.operation_counts(&service).unwrap())
        {
            *operations
                .entry((operation.name, operation.kind))
                .or_insert(0) += operation.span_count;
        }
        summary.insert(format!("{service:?} {count} {operations:?}"));
    }
    summary
}

fn all_traces(source: &Source) -> Vec<Option<TraceId>> {
    source
        .trace_ids(&(0..source.row_count()).collect::<Vec<_>>())
        .unwrap()
}

fn check_groups(snapshot: &Snapshot, signal: Signal) {
    for source in snapshot.sources(signal) {
        let traces = all_traces(source);
        let mut of_group = std::collections::HashMap::new();
        let mut visit = |found: crate::Match| {
            let trace = traces[found.row as usize];
            let is_grouped = found.group != crate::Match::NO_GROUP;
            assert_eq!(is_grouped, signal == Signal::Traces);
            if is_grouped {
                assert_eq!(*of_group.entry(found.group).or_insert(trace), trace);
            }
            if let Some(id) = trace {
                assert!(source.rows_of_trace(id).unwrap().contains(&found.row));
            }
            std::ops::ControlFlow::Continue(())
        };
        source.find(&Filter::everything(), &mut visit).unwrap();
        let distinct: BTreeSet<TraceId> = traces.iter().flatten().copied().collect();
        if signal == Signal::Traces {
            assert_eq!(of_group.len(), distinct.len());
        }
    }
}

/// Rows are counted as they are found, and the counts of patterns add up to that of all records.
fn check_counts(snapshot: &Snapshot, signal: Signal, filter: &Filter, expected: u64) {
    let sources = snapshot.sources(signal);
    let mut go_on = |_| std::ops::ControlFlow::Continue(());
    let mut count = |source: &Source| source.count(filter, &mut go_on).unwrap();
    assert_eq!(
        sources.iter().map(&mut count).sum::<u64>(),
        expected,
        "{filter:?}"
    );
    if signal == Signal::Traces {
        return;
    }
    let limits = MiningLimits {
        texts_max: 3,
        text_bytes_max: 1 << 20,
    };
    let mut miner = PatternMiner::new(limits);
    let mut counts = Vec::new();
    for source in sources {
        let mut visit = |found: &[crate::PatternCount], _| {
            counts.extend_from_slice(found);
            std::ops::ControlFlow::Continue(())
        };
        source.patterns(filter, &mut miner, &mut visit).unwrap();
    }
    assert_eq!(counts.iter().map(|it| it.count).sum::<u64>(), expected);
    let patterns = miner.finish();
    let of_patterns: u64 = patterns.list().iter().map(|it| it.count).sum();
    let with_pattern = counts.iter().filter(|it| it.key.is_some());
    assert_eq!(with_pattern.map(|it| it.count).sum::<u64>(), of_patterns);
}

fn check_hot_against_split(signal: Signal, payloads: &[Vec<u8>], choices: &[Vec<Choice>]) {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    let batches = append_all(&storage, signal, payloads);
    if batches.is_empty() {
        return;
    }
    let mut filters: Vec<Filter> = choices
        .iter()
        .map(|choices| make_filter(signal, &batches, choices))
        .collect();
    filters.push(Filter::everything());
    let hot = storage.snapshot();
    wait(storage.seal()).unwrap();
    let sealed = storage.snapshot();
    assert!(sealed.sources(signal).iter().all(|source| !source.is_hot()));
    for filter in &filters {
        let (expected, actual) = (found(&hot, signal, filter), found(&sealed, signal, filter));
        assert_eq!(expected, actual, "{filter:?}");
        for snapshot in [&hot, &sealed] {
            check_counts(snapshot, signal, filter, expected.len() as u64);
        }
    }
    assert_eq!(summary(&hot, signal), summary(&sealed, signal));
    check_groups(&hot, signal);
    check_groups(&sealed, signal);
    let mut rows = batches.iter().map(RecordBatch::num_rows).sum::<usize>() as u64;
    assert_eq!(
        sealed
            .sources(signal)
            .iter()
            .map(|s| u64::from(s.row_count()))
            .sum::<u64>(),
        rows
    );
    rows += storage.status().hot_row_count;
    let status = storage.status();
    assert_eq!(
        (
            status.span_count + status.log_record_count,
            status.hot_bytes
        ),
        (rows, 0)
    );
}

/// Each payload in a split of its own, and then all of them merged into one.
fn check_splits_against_merged(signal: Signal, payloads: &[Vec<u8>], choices: &[Vec<Choice>]) {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    let mut batches = Vec::new();
    for payload in payloads {
        batches.extend(append_all(&storage, signal, std::slice::from_ref(payload)));
        wait(storage.seal()).unwrap();
    }
    if batches.is_empty() {
        return;
    }
    let split = storage.snapshot();
    assert_eq!(split.sources(signal).len(), batches.len());
    wait(storage.merge_all()).unwrap();
    let merged = storage.snapshot();
    assert_eq!(merged.sources(signal).len(), 1);
    for choices in choices {
        let filter = make_filter(signal, &batches, choices);
        let (expected, actual) = (
            found(&split, signal, &filter),
            found(&merged, signal, &filter),
        );
        assert_eq!(expected, actual, "{filter:?}");
    }
    let everything = Filter::everything();
    assert_eq!(
        found(&split, signal, &everything),
        found(&merged, signal, &everything)
    );
    assert_eq!(summary(&split, signal), summary(&merged, signal));
    check_groups(&merged, signal);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(16)))]

    #[test]
    fn spans_read_and_answer_the_same_after_a_merge(
        payloads in vec(testing::any_traces_payload(), 1..6),
        choices in choices(),
    ) {
        check_splits_against_merged(Signal::Traces, &payloads, &choices);
    }

    #[test]
    fn log_records_read_and_answer_the_same_after_a_merge(
        payloads in vec(testing::any_logs_payload(), 1..6),
        choices in choices(),
    ) {
        check_splits_against_merged(Signal::Logs, &payloads, &choices);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(40)))]

    #[test]
    fn spans_read_and_answer_the_same_in_a_split_as_in_the_hot_buffer(
        payloads in vec(testing::any_traces_payload(), 1..5),
        choices in choices(),
    ) {
        check_hot_against_split(Signal::Traces, &payloads, &choices);
    }

    #[test]
    fn log_records_read_and_answer_the_same_in_a_split_as_in_the_hot_buffer(
        payloads in vec(testing::any_logs_payload(), 1..5),
        choices in choices(),
    ) {
        check_hot_against_split(Signal::Logs, &payloads, &choices);
    }
}
