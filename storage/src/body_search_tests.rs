//! Searches in bodies answer alike wherever the bodies are, and can be stopped.

use std::ops::ControlFlow;

use model::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::bodies::{BodyRegex, LetterCase, MiningLimits, Needle, PatternMiner};
use crate::filter::{Filter, Test};
use crate::snapshot::{Source, Step, TimeOrder};
use crate::testing::{found, logs, open};
use crate::{Snapshot, Storage};

/// More than are looked at one by one.
const RECORDS: u64 = 400;

/// Bodies that become templates.
fn of_a_program(n: u64) -> String {
    match n % 4 {
        0 => format!("request {n} timed out after {} ms", n * 7),
        1 => format!("Payment of order-{n:04x} declined: Card expired"),
        2 => format!("payment of order-{n:04x} accepted, retry in {}s", n % 5),
        _ => format!("cart {} emptied by user {n}", n * n),
    }
}

/// Bodies that stay text.
fn of_nothing_in_common(n: u64) -> String {
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let letters =
            (0..2 + state % 7).map(|at| char::from(b'a' + (state >> (at * 5)) as u8 % 26));
        letters.collect::<String>()
    };
    let words: Vec<String> = (0..8).map(|_| word()).collect();
    if n.is_multiple_of(5) {
        format!("{} Payment {n}", words.join(" "))
    } else {
        words.join("-")
    }
}

async fn store(dir: &TempDir, body: fn(u64) -> String) -> Storage {
    let storage = open(dir.path());
    let records: Vec<_> = (1..=RECORDS)
        .map(|n| {
            json!({"timeUnixNano": n.to_string(), "severityNumber": 1 + n % 20,
                   "body": {"stringValue": body(n)}})
        })
        .collect();
    let request = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]});
    storage.append(logs(&request)).await.unwrap();
    storage
}

fn regex(pattern: &str) -> Test {
    Test::BodyRegex(BodyRegex::new(pattern).unwrap())
}

fn filters() -> Vec<Filter> {
    let (any_case, exact) = (LetterCase::Ignored, LetterCase::Exact);
    let all = Filter::everything;
    vec![
        all().and(Test::Body(Needle::word("payment", any_case))),
        all().and(Test::Body(Needle::word("Payment", exact))),
        all().and(Test::Body(Needle::word_prefix("decl", any_case))),
        all().and(Test::Body(Needle::word_prefix("order-00", exact))),
        all().and(Test::Body(Needle::phrase("ayme", any_case))),
        all().and(Test::Body(Needle::phrase("d: Ca", exact))),
        all().and(regex(r"\d{3}$")),
        all().and(regex(r"after [0-9]+4 ms")),
        all().and(regex(r"[a-z]ab")),
        all().and_not(regex(r"[aeiou]{2}")),
        all()
            .and(regex("e"))
            .and_not(Test::Body(Needle::word("payment", any_case)))
            .and(Test::SeverityNumber(9..=12)),
        all()
            .and_not(regex("[0-9]4"))
            .and_not(regex("[xyz]"))
            .and(Test::Body(Needle::phrase("e", any_case))),
    ]
}

fn count(snapshot: &Snapshot, filter: &Filter) -> u64 {
    let mut watch = |_| ControlFlow::Continue(());
    let sources = snapshot.sources(Signal::Logs).iter();
    sources
        .map(|it| it.count(filter, &mut watch).unwrap())
        .sum()
}

#[tokio::test]
async fn every_search_in_bodies_answers_alike_in_memory_as_templates_and_as_text() {
    for (body, has_templates_expected, expected_counts) in [
        (
            of_a_program as fn(u64) -> String,
            true,
            [200, 100, 100, 128, 200, 100, 75, 20, 0, 196, 40, 48],
        ),
        (
            of_nothing_in_common,
            false,
            [80, 80, 0, 0, 80, 0, 61, 0, 10, 143, 44, 5],
        ),
    ] {
        let dir = TempDir::new().unwrap();
        let storage = store(&dir, body).await;
        let hot = storage.snapshot();
        storage.seal().await.unwrap();
        let sealed = storage.snapshot();
        assert_eq!(has_templates(&sealed), has_templates_expected);
        let mut counts = Vec::new();
        for filter in filters() {
            let expected = found(&hot, Signal::Logs, &filter);
            let actual = found(&sealed, Signal::Logs, &filter);
            assert_eq!(actual, expected, "{filter:?}");
            let expected = expected.len() as u64;
            assert_eq!([&hot, &sealed].map(|it| count(it, &filter)), [expected; 2]);
            counts.push(expected);
        }
        assert_eq!(counts, expected_counts);
    }
}

fn has_templates(snapshot: &Snapshot) -> bool {
    let [source] = snapshot.sources(Signal::Logs) else {
        panic!("one source was stored");
    };
    let files = source.as_split().unwrap().files().unwrap();
    !files.bodies.as_ref().unwrap().templates().is_empty()
}

/// What a search says before it is stopped when it has looked through the first bodies.
fn stopped(source: &Source, filter: &Filter, order: TimeOrder) -> (u64, usize) {
    let (mut scanned, mut steps_after) = (0, 0);
    let mut visit = |step: Step| {
        if scanned > 0 {
            steps_after += 1;
        }
        match step {
            Step::Scanned { body_bytes } if body_bytes > 0 => {
                scanned += body_bytes;
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        }
    };
    source.find_in_order(filter, order, &mut visit).unwrap();
    (scanned, steps_after)
}

#[tokio::test]
async fn a_scan_that_finds_nothing_says_how_far_it_is_and_stops_when_told() {
    let nothing = Filter::everything().and(regex("[a-z]7[a-z]7[a-z]"));
    let dir = TempDir::new().unwrap();
    let storage = store(&dir, of_a_program).await;
    let all_bytes: u64 = (1..=RECORDS).map(|n| of_a_program(n).len() as u64).sum();
    for _ in ["hot", "split"] {
        let snapshot = storage.snapshot();
        let [source] = snapshot.sources(Signal::Logs) else {
            panic!("one source was stored");
        };
        let mut bytes = 0;
        let mut go_on = |body_bytes| {
            bytes += body_bytes;
            ControlFlow::Continue(())
        };
        assert_eq!(source.count(&nothing, &mut go_on).unwrap(), 0);
        assert_eq!(bytes, all_bytes);

        let (scanned, steps_after) = stopped(source, &nothing, TimeOrder::NewestFirst);
        assert!((4096..8192).contains(&scanned), "{scanned} of {all_bytes}");
        assert_eq!(steps_after, 0);

        let mut calls = 0;
        let mut stop = |_| {
            calls += 1;
            ControlFlow::Break(())
        };
        assert_eq!(source.count(&nothing, &mut stop).unwrap(), 0);
        let mut miner = PatternMiner::new(MiningLimits {
            texts_max: 10,
            text_bytes_max: 1 << 20,
        });
        let mut stop = |found: &[crate::PatternCount], _| {
            assert!(found.is_empty());
            ControlFlow::Break(())
        };
        source.patterns(&nothing, &mut miner, &mut stop).unwrap();
        assert_eq!(calls, 1);
        storage.seal().await.unwrap();
    }
}

#[tokio::test]
async fn a_stop_in_a_negated_scan_finds_no_row_that_was_not_looked_at() {
    let dir = TempDir::new().unwrap();
    let storage = store(&dir, of_a_program).await;
    storage.seal().await.unwrap();
    let unwanted = Filter::everything().and_not(regex("[a-z]"));
    let snapshot = storage.snapshot();
    let [source] = snapshot.sources(Signal::Logs) else {
        panic!("one source was stored");
    };
    let mut visit = |step: Step| match step {
        Step::Scanned { body_bytes: 0 } | Step::Rest(_) => ControlFlow::Continue(()),
        Step::Scanned { .. } => ControlFlow::Break(()),
        Step::Match(found) => panic!("row {} has letters", found.row),
    };
    source
        .find_in_order(&unwanted, TimeOrder::Any, &mut visit)
        .unwrap();
}
