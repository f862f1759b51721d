use proptest::collection::vec;
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::limits::tests::generous_budget;

/// A record as far as the search sees it: its time and what it says.
type Row = (u64, u8);

/// A source that holds its rows in memory.
#[derive(Debug, Clone)]
struct Fake {
    rows: Vec<Row>,
}

impl LogSource for Fake {
    type Record = ();

    fn time_range(&self) -> TimeRange {
        let times = || self.rows.iter().map(|(time, _)| UnixNanos(*time));
        TimeRange::enclosing(times().min().unwrap(), times().max().unwrap())
    }

    fn find(
        &self,
        filter: &Filter,
        order: TimeOrder,
        budget: &mut Budget,
        visit: &mut dyn FnMut(Step, &mut Budget) -> ControlFlow<()>,
    ) {
        let rows = self.rows.iter().zip(0..);
        let mut rows: Vec<(u64, u32)> = rows
            .map(|((time, _), row)| (*time, row))
            .filter(|(time, _)| filter.time.contains(UnixNanos(*time)))
            .collect();
        match order {
            TimeOrder::Any => {}
            TimeOrder::NewestFirst => rows.sort_by_key(|(time, _)| u64::MAX - time),
            TimeOrder::OldestFirst => rows.sort_by_key(|(time, _)| *time),
        }
        for (place, (time, row)) in rows.iter().enumerate() {
            let found = Match {
                row: *row,
                time: UnixNanos(*time),
                duration_nano: 0,
                group: Match::NO_GROUP,
            };
            if visit(Step::Match(found), budget).is_break() {
                return;
            }
            if order != TimeOrder::Any
                && let Some((next, _)) = rows.get(place + 1)
                && visit(Step::Rest(UnixNanos(*next)), budget).is_break()
            {
                return;
            }
        }
    }

    fn read(&self, rows: &[u32], _: &mut Budget) -> Result<Vec<(ContentHash, ())>, QueryError> {
        assert!(
            rows.is_sorted(),
            "storage takes rows in ascending order only"
        );
        let hash = |row: &u32| ContentHash(self.rows[*row as usize].1.into());
        Ok(rows.iter().map(|row| (hash(row), ())).collect())
    }
}

fn content(place: &LogPlace) -> (u64, u128) {
    (place.time.0, place.hash.0)
}

/// The definition: every record in the range, in the order of time and then of content.
fn naive(rows: &[Row], search: &LogSearch) -> Vec<(u64, u128)> {
    let mut rows: Vec<Row> = rows
        .iter()
        .copied()
        .filter(|(time, _)| search.filter.time.contains(UnixNanos(*time)))
        .collect();
    rows.sort_by_key(|(time, content)| (search.order.rank(*time), *content));
    rows.into_iter()
        .map(|(time, content)| (time, content.into()))
        .collect()
}

/// Deals the rows out to sources, as `owners` says.
fn deal(rows: &[Row], owners: &[u8]) -> Vec<Fake> {
    let mut sources: Vec<Fake> = (0..5).map(|_| Fake { rows: Vec::new() }).collect();
    for (row, owner) in rows.iter().zip(owners.iter().cycle()) {
        sources[usize::from(*owner)].rows.push(*row);
    }
    sources.retain(|source| !source.rows.is_empty());
    sources
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Between any two pages all rows are dealt out anew, as a seal or a compaction would.
    #[test]
    fn pages_together_are_the_definition_while_rows_move_between_sources(
        rows in vec((0..12u64, 0..3u8), 1..60),
        owners in vec(vec(0..5u8, 1..8), 1..8),
        order in prop_oneof![Just(LogOrder::Newest), Just(LogOrder::Oldest)],
        limit in 1..9usize,
        time in (0..12u64, 1..13u64),
    ) {
        let time = TimeRange::new(UnixNanos(time.0), UnixNanos(time.0 + time.1)).unwrap();
        let filter = Filter { time, all: Vec::new() };
        let mut search = LogSearch { filter, order, limit, after: None };
        let mut found = Vec::new();
        for owners in owners.iter().cycle() {
            let mut shuffled = rows.clone();
            shuffled.rotate_left(found.len() % rows.len());
            let sources = deal(&shuffled, owners);
            let mut budget = generous_budget(CancellationToken::new());
            let (page, has_more) = find_in(&sources, &search, &mut budget).unwrap();
            found.extend(page.iter().map(|placed| content(&placed.place)));
            if !has_more {
                break;
            }
            prop_assert_eq!(page.len(), limit);
            search.after = page.last().map(|placed| placed.place);
        }
        prop_assert_eq!(found, naive(&rows, &search));
    }
}

#[test]
fn many_records_of_one_moment_are_paged_through() {
    let rows: Vec<Row> = (0..5000)
        .map(|number| (7, u8::try_from(number % 251).unwrap()))
        .collect();
    let sources = deal(&rows, &[0, 1, 2]);
    let filter = Filter::everything();
    let mut search = LogSearch {
        filter,
        order: LogOrder::Newest,
        limit: 900,
        after: None,
    };
    let mut found = Vec::new();
    loop {
        let mut budget = generous_budget(CancellationToken::new());
        let (page, has_more) = find_in(&sources, &search, &mut budget).unwrap();
        found.extend(page.iter().map(|placed| content(&placed.place)));
        search.after = page.last().map(|placed| placed.place);
        if !has_more {
            break;
        }
    }
    assert_eq!(found, naive(&rows, &search));
}
