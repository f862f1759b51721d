use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use storage::Match;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::limits::tests::generous_budget;

/// A span as far as the search sees it.
#[derive(Debug, Clone, Copy)]
struct Row {
    trace: u8,
    start: u64,
    duration: u64,
    is_match: bool,
}

/// A source that holds its rows in memory and counts how often it is searched.
#[derive(Debug)]
struct Fake {
    rows: Vec<Row>,
    searched: std::cell::Cell<usize>,
}

impl Fake {
    fn new(rows: Vec<Row>) -> Self {
        Self {
            rows,
            searched: std::cell::Cell::new(0),
        }
    }
}

fn trace_id(trace: u8) -> TraceId {
    TraceId::from_slice(&[trace + 1; 16]).unwrap()
}

impl TraceSource for Fake {
    fn time_range(&self) -> TimeRange {
        let starts = || self.rows.iter().map(|row| UnixNanos(row.start));
        TimeRange::enclosing(starts().min().unwrap(), starts().max().unwrap())
    }

    fn find(
        &self,
        filter: &Filter,
        order: TimeOrder,
        budget: &mut Budget,
        visit: &mut dyn FnMut(Step, &mut Budget) -> ControlFlow<()>,
    ) {
        self.searched.set(self.searched.get() + 1);
        let rows = self.rows.iter().enumerate();
        let rows = rows.filter(|(_, row)| row.is_match);
        let mut rows: Vec<_> = rows
            .filter(|(_, row)| filter.time.contains(UnixNanos(row.start)))
            .collect();
        if order == TimeOrder::NewestFirst {
            rows.sort_by_key(|(_, row)| Reverse(row.start));
        }
        for (place, (index, row)) in rows.iter().enumerate() {
            let found = Match {
                row: u32::try_from(*index).unwrap(),
                time: UnixNanos(row.start),
                duration_nano: row.duration,
                group: u32::from(row.trace),
            };
            if visit(Step::Match(found), budget).is_break() {
                return;
            }
            if order == TimeOrder::NewestFirst
                && let Some((_, next)) = rows.get(place + 1)
                && visit(Step::Rest(UnixNanos(next.start)), budget).is_break()
            {
                return;
            }
        }
    }

    fn trace_ids(&self, rows: &[u32], _: &mut Budget) -> Vec<Option<TraceId>> {
        assert!(
            rows.is_sorted(),
            "storage takes rows in ascending order only"
        );
        rows.iter()
            .map(|row| Some(trace_id(self.rows[*row as usize].trace)))
            .collect()
    }
}

fn budget() -> Budget {
    generous_budget(CancellationToken::new())
}

/// Every page, one after the other.
fn all_pages(sources: &[Fake], mut search: TraceSearch) -> Vec<TracePlace> {
    let mut found = Vec::new();
    loop {
        let page = find_in(sources, &search, &mut budget());
        assert!(page.traces.len() <= search.limit);
        found.extend_from_slice(&page.traces);
        if !page.has_more {
            return found;
        }
        assert_eq!(
            page.traces.len(),
            search.limit,
            "only the last page may be short"
        );
        search.after = page.traces.last().copied();
    }
}

/// The definition: the best key of each trace over all matching spans, in order.
fn naive(sources: &[Fake], search: &TraceSearch) -> Vec<TracePlace> {
    let mut keys: BTreeMap<TraceId, u64> = BTreeMap::new();
    let rows = sources.iter().flat_map(|source| &source.rows);
    for row in rows.filter(|row| row.is_match) {
        if search.filter.time.contains(UnixNanos(row.start)) {
            let key = search.order.key(UnixNanos(row.start), row.duration);
            let best = keys.entry(trace_id(row.trace)).or_insert(key);
            *best = key.max(*best);
        }
    }
    let mut places: Vec<_> = keys
        .into_iter()
        .map(|(trace_id, key)| TracePlace { key, trace_id })
        .collect();
    places.sort_by(|a, b| b.key.cmp(&a.key).then(a.trace_id.cmp(&b.trace_id)));
    places
}

fn search(order: TraceOrder, limit: usize, time: TimeRange) -> TraceSearch {
    TraceSearch {
        filter: Filter {
            time,
            all: Vec::new(),
        },
        order,
        limit,
        after: None,
    }
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    // Few different values, so that traces meet in several sources and keys are often equal.
    let row = (0..12u8, 0..24u64, 0..6u64, any::<bool>());
    let row = row.prop_map(|(trace, start, duration, is_match)| Row {
        trace,
        start,
        duration,
        is_match,
    });
    vec(row, 1..16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn pages_together_are_the_definition_without_loss_or_duplicate(
        sources in vec(rows(), 0..6),
        order in prop_oneof![Just(TraceOrder::Newest), Just(TraceOrder::Slowest)],
        limit in 1..6usize,
        time in (0..24u64, 1..25u64),
    ) {
        let sources: Vec<Fake> = sources.into_iter().map(Fake::new).collect();
        let time = TimeRange::new(UnixNanos(time.0), UnixNanos(time.0 + time.1)).unwrap();
        let search = search(order, limit, time);
        prop_assert_eq!(all_pages(&sources, search.clone()), naive(&sources, &search));
    }
}

#[test]
fn a_newest_search_does_not_look_at_sources_that_are_too_old() {
    let row = |trace, start| Row {
        trace,
        start,
        duration: 1,
        is_match: true,
    };
    let sources = [
        Fake::new(vec![row(0, 5)]),
        Fake::new(vec![row(1, 30), row(2, 31), row(3, 29)]),
    ];
    let page = find_in(
        &sources,
        &search(TraceOrder::Newest, 2, TimeRange::ALL),
        &mut budget(),
    );
    assert_eq!(
        page.traces,
        [
            TracePlace {
                key: 31,
                trace_id: trace_id(2)
            },
            TracePlace {
                key: 30,
                trace_id: trace_id(1)
            }
        ]
    );
    assert!(page.has_more);
    assert_eq!(sources.map(|source| source.searched.get()), [0, 1]);
}

#[test]
fn more_traces_than_are_looked_up_at_once_stay_in_order() {
    let row = |trace: u8| Row {
        trace,
        start: 7,
        duration: u64::from(trace % 3),
        is_match: true,
    };
    let sources = [
        Fake::new((0..=254).rev().map(row).collect()),
        Fake::new(vec![row(9), row(4)]),
    ];
    for order in [TraceOrder::Newest, TraceOrder::Slowest] {
        let search = search(order, 100, TimeRange::ALL);
        assert_eq!(
            all_pages(&sources, search.clone()),
            naive(&sources, &search)
        );
    }
}
