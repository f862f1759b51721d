//! Counts log records: all of them, and by what their bodies have in common.

use std::collections::HashMap;

use model::Signal;
use storage::bodies::{MiningLimits, PatternMiner};
use storage::filter::Filter;
use storage::{PatternCount, Snapshot};

use super::{continue_if, note_unreadable, readable};
use crate::limits::Budget;

/// Bodies without a template, of the hot buffer for example, that are looked at for an answer.
const TEXTS_MAX: usize = 200_000;
/// Bytes of all of them, where queries may hold enough memory.
const TEXT_BYTES_MAX: usize = 64 << 20;
/// The share of that memory, as a divisor, that they may take. What is made of them takes as much again.
const TEXT_SHARE: usize = 8;

/// The records that have a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPattern {
    /// The text, with `<num>`, `<hex>` or `<*>` in place of what differs.
    pub text: String,
    /// How many there are, and when.
    pub records: PatternCount,
}

/// Patterns of log records. The counts add up to that of all records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPatterns {
    /// The most frequent first.
    pub patterns: Vec<LogPattern>,
    /// Records of patterns that are not among them.
    pub beyond_limit: u64,
    /// Records without a body, without a pattern, or beyond what is looked at.
    pub without_pattern: u64,
}

/// How many log records satisfy the filter.
pub fn count_logs(snapshot: &Snapshot, filter: &Filter, budget: &mut Budget) -> u64 {
    note_unreadable(snapshot, Signal::Logs, filter.time, budget);
    let mut count = 0;
    for source in snapshot.sources(Signal::Logs) {
        if !source.time_range().overlaps(&filter.time) {
            continue;
        }
        if !budget.may_continue() {
            break;
        }
        budget.count_source(source);
        let counted = source.count(filter, &mut |bytes| continue_if(budget.scan_bodies(bytes)));
        count += readable(counted, source, budget).unwrap_or_default();
    }
    count
}

/// The patterns of the log records that satisfy the filter, at most `limit` of them.
pub fn log_patterns(
    snapshot: &Snapshot,
    filter: &Filter,
    limit: usize,
    budget: &mut Budget,
) -> LogPatterns {
    note_unreadable(snapshot, Signal::Logs, filter.time, budget);
    let mined = MiningLimits {
        texts_max: TEXTS_MAX,
        text_bytes_max: TEXT_BYTES_MAX.min(budget.memory_bytes_max() / TEXT_SHARE),
    };
    if !budget.hold(2 * mined.text_bytes_max) {
        return LogPatterns::default();
    }
    let mut miner = PatternMiner::new(mined);
    let mut counts: Vec<PatternCount> = Vec::new();
    let mut held_bytes = 0;
    for source in snapshot.sources(Signal::Logs) {
        if !source.time_range().overlaps(&filter.time) {
            continue;
        }
        if !budget.may_continue() {
            break;
        }
        budget.count_source(source);
        let found = source.patterns(filter, &mut miner, &mut |found, body_bytes| {
            counts.extend_from_slice(found);
            budget.hold_list::<[PatternCount; 2]>(&mut held_bytes, counts.len());
            continue_if(budget.scan_bodies(body_bytes))
        });
        readable(found, source, budget);
    }
    if miner.is_full() {
        let (texts_max, text_bytes_max) = (mined.texts_max, mined.text_bytes_max);
        budget.mark_incomplete(format!(
            "more than {texts_max} bodies without a template, or {text_bytes_max} bytes of them: patterns were not \
             looked for in the rest"
        ));
    }
    sum_up(miner, &counts, limit)
}

fn sum_up(miner: PatternMiner, counts: &[PatternCount], limit: usize) -> LogPatterns {
    let found = miner.finish();
    let mut by_place: HashMap<usize, PatternCount> = HashMap::new();
    let mut answer = LogPatterns::default();
    for count in counts {
        match count.key {
            None => answer.without_pattern += count.count,
            Some(key) => {
                let sum = by_place.entry(found.place(key));
                sum.and_modify(|sum| sum.add(count)).or_insert(*count);
            }
        }
    }
    let text = |place: usize| found.list().get(place).map(|it| it.text.clone());
    let mut patterns: Vec<LogPattern> = by_place
        .into_iter()
        .map(|(place, records)| LogPattern {
            text: text(place).unwrap_or_default(),
            records,
        })
        .collect();
    patterns.sort_by(|a, b| {
        let counts = b.records.count.cmp(&a.records.count);
        counts.then_with(|| a.text.cmp(&b.text))
    });
    let beyond = patterns.split_off(limit.min(patterns.len()));
    answer.beyond_limit = beyond.iter().map(|pattern| pattern.records.count).sum();
    answer.patterns = patterns;
    answer
}
