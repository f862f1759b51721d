//! Finds log records: exactly the first K in order of time.
//!
//! Records of one moment are told apart by a hash of their content, not by where they are stored: a
//! record keeps its place when the batch it stood in becomes a split between two pages. Records that are
//! equal in everything are counted, since one cannot be told from the other and need not be.

use std::ops::ControlFlow;

use model::{LogReader, LogRecord, Signal, TimeRange, UnixNanos};
use storage::filter::Filter;
use storage::{Columns, Match, Snapshot, Source, Step, TimeOrder};

use super::identity::ContentHash;
use super::portion::{self, Portion, batch_bytes};
use super::{continue_if, note_unreadable, readable};
use crate::error::QueryError;
use crate::limits::Budget;

/// A record is in memory twice: as it was read, and as it is put into the answer.
const COPIES: usize = 2;

/// Records kept before those that cannot make the page are dropped for the first time.
const TIDY_ROWS_MIN: usize = 512;

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogOrder {
    /// The latest record.
    Newest,
    /// The earliest record.
    Oldest,
}

/// Which record: its time, its content, and which of several equal ones, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogPlace {
    /// The moment it is filed under.
    pub time: UnixNanos,
    /// Hash of everything it says.
    pub hash: ContentHash,
    /// How many equal records come before it in either order.
    pub copy: u32,
}

/// A search for log records.
#[derive(Debug, Clone)]
pub struct LogSearch {
    /// What a record must satisfy.
    pub filter: Filter,
    /// What comes first.
    pub order: LogOrder,
    /// Most records in the answer.
    pub limit: usize,
    /// The last record of the page before.
    pub after: Option<LogPlace>,
}

/// A page of log records.
#[derive(Debug)]
pub struct LogPage {
    /// In order.
    pub records: Vec<(LogPlace, LogRecord)>,
    /// Whether there are more after them.
    pub has_more: bool,
}

/// Finds a page of log records in the snapshot.
///
/// # Errors
/// When what was read does not have the columns it should have.
pub fn find_logs(
    snapshot: &Snapshot,
    search: &LogSearch,
    budget: &mut Budget,
) -> Result<LogPage, QueryError> {
    note_unreadable(snapshot, Signal::Logs, search.filter.time, budget);
    let sources: Vec<&Source> = snapshot.sources(Signal::Logs).iter().collect();
    let (mut page, has_more) = find_in(&sources, search, budget)?;
    for (index, source) in sources.iter().enumerate() {
        let is_missing = |placed: &&mut Placed<LogRecord>| {
            placed.found.source == index && placed.record.is_none()
        };
        let mut missing: Vec<_> = page.iter_mut().filter(is_missing).collect();
        if missing.is_empty() {
            continue;
        }
        missing.sort_unstable_by_key(|placed| placed.found.row);
        let rows: Vec<u32> = missing.iter().map(|placed| placed.found.row).collect();
        let read = source.read(&rows, budget)?;
        for (placed, (_, record)) in missing.into_iter().zip(read) {
            placed.record = Some(record);
        }
    }
    let with_record = |placed: Placed<LogRecord>| Some((placed.place, placed.record?));
    Ok(LogPage {
        records: page.into_iter().filter_map(with_record).collect(),
        has_more,
    })
}

/// What the search needs of a source; the tests have one of their own.
trait LogSource {
    type Record;
    fn time_range(&self) -> TimeRange;
    fn find(
        &self,
        filter: &Filter,
        order: TimeOrder,
        budget: &mut Budget,
        visit: &mut dyn FnMut(Step, &mut Budget) -> ControlFlow<()>,
    );
    /// The rows, which ascend, with the hashes of their contents. Empty when they could not be read.
    fn read(
        &self,
        rows: &[u32],
        budget: &mut Budget,
    ) -> Result<Vec<(ContentHash, Self::Record)>, QueryError>;
}

impl LogSource for &Source {
    type Record = LogRecord;

    fn time_range(&self) -> TimeRange {
        Source::time_range(self)
    }

    fn find(
        &self,
        filter: &Filter,
        order: TimeOrder,
        budget: &mut Budget,
        visit: &mut dyn FnMut(Step, &mut Budget) -> ControlFlow<()>,
    ) {
        budget.count_source(self);
        let found = Source::find_in_order(self, filter, order, &mut |step| visit(step, budget));
        readable(found, self, budget);
    }

    fn read(
        &self,
        rows: &[u32],
        budget: &mut Budget,
    ) -> Result<Vec<(ContentHash, LogRecord)>, QueryError> {
        let Some(batch) = readable(Source::read(self, rows, Columns::All), self, budget) else {
            return Ok(Vec::new());
        };
        if !budget.hold(batch_bytes(&batch).saturating_mul(COPIES)) {
            return Ok(Vec::new());
        }
        let reader = LogReader::new(&batch)?;
        let read = |row| {
            let record = reader.log_record(row)?;
            Ok((ContentHash::of_log_record(&record), record))
        };
        (0..reader.row_count()).map(read).collect()
    }
}

/// A matching record: where it is, and when it was. `time_rank` is smaller for what comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    time_rank: u64,
    source: usize,
    row: u32,
}

/// Candidates in order, and whether there are more after them.
type PlacedPage<R> = (Vec<Placed<R>>, bool);

/// A candidate that knows its place.
#[derive(Debug)]
struct Placed<R> {
    place: LogPlace,
    found: Found,
    /// What it says, when that was worth keeping after it was hashed.
    record: Option<R>,
}

impl LogOrder {
    /// A number that is smaller for the time that comes first; its own inverse.
    fn rank(self, time: u64) -> u64 {
        match self {
            Self::Newest => u64::MAX - time,
            Self::Oldest => time,
        }
    }

    /// The order in which a source is searched for what comes first.
    fn time_order(self) -> TimeOrder {
        match self {
            Self::Newest => TimeOrder::NewestFirst,
            Self::Oldest => TimeOrder::OldestFirst,
        }
    }

    /// The rank of the first moment a source with this range may hold.
    fn first_rank(self, range: TimeRange) -> u64 {
        match self {
            Self::Newest if range.end == UnixNanos::MAX => self.rank(u64::MAX),
            Self::Newest => self.rank(range.end.0.saturating_sub(1)),
            Self::Oldest => self.rank(range.start.0),
        }
    }

    /// Narrows the range to what comes at or after this moment in the order.
    fn from(self, range: TimeRange, time: UnixNanos) -> Option<TimeRange> {
        match self {
            Self::Newest => {
                let end = UnixNanos(time.0.saturating_add(1)).min(range.end);
                TimeRange::new(range.start, end)
            }
            Self::Oldest => TimeRange::new(range.start.max(time), range.end),
        }
    }
}

/// The page.
fn find_in<S: LogSource>(
    sources: &[S],
    search: &LogSearch,
    budget: &mut Budget,
) -> Result<PlacedPage<S::Record>, QueryError> {
    let mut filter = search.filter.clone();
    if let Some(after) = search.after {
        match search.order.from(filter.time, after.time) {
            Some(time) => filter.time = time,
            None => return Ok((Vec::new(), false)),
        }
    }
    let mut in_order: Vec<(usize, &S)> = sources.iter().enumerate().collect();
    in_order.retain(|(_, source)| source.time_range().overlaps(&filter.time));
    in_order.sort_by_key(|(_, source)| search.order.first_rank(source.time_range()));

    let mut first = First::new(search);
    for (index, source) in in_order {
        if first.is_settled_before(source.time_range()) || !budget.may_continue() {
            break;
        }
        let time_order = search.order.time_order();
        source.find(&filter, time_order, budget, &mut |step, budget| {
            let found = match step {
                Step::Match(found) => found,
                Step::Scanned { body_bytes } => return continue_if(budget.scan_bodies(body_bytes)),
                Step::Rest(moment) => {
                    let rest = TimeRange::enclosing(moment, moment);
                    return continue_if(!first.is_settled_before(rest));
                }
            };
            if !budget.visit_row() {
                return ControlFlow::Break(());
            }
            first.offer(found, index);
            let count = first.len();
            continue_if(budget.hold_list::<Found>(&mut first.held_bytes, count))
        });
    }
    let candidates = first.finish();
    let mut page = places(sources, candidates, search, budget)?;
    if let Some(after) = search.after {
        page.retain(|placed| rank(&placed.place, search.order) > rank(&after, search.order));
    }
    let has_more = page.len() > search.limit;
    page.truncate(search.limit);
    Ok((page, has_more))
}

/// Records of one moment stand in the order of their hashes whichever way time runs.
fn rank(place: &LogPlace, order: LogOrder) -> (u64, ContentHash, u32) {
    (order.rank(place.time.0), place.hash, place.copy)
}

/// Gives each candidate its place and brings them in order.
fn places<S: LogSource>(
    sources: &[S],
    mut candidates: Vec<Found>,
    search: &LogSearch,
    budget: &mut Budget,
) -> Result<Vec<Placed<S::Record>>, QueryError> {
    let is_kept = candidates.len() <= search.limit.saturating_add(portion::ROWS_MAX);
    if !budget.hold_list::<Placed<S::Record>>(&mut 0, candidates.len()) {
        return Ok(Vec::new());
    }
    let mut placed = Vec::with_capacity(candidates.len());
    let mut portion = Portion::new();
    candidates.sort_unstable_by_key(|found| (found.source, found.row));
    for of_source in candidates.chunk_by(|a, b| a.source == b.source) {
        let mut rest = of_source;
        while let Some(chunk) = portion.next(&mut rest) {
            let Some(source) = chunk.first().and_then(|found| sources.get(found.source)) else {
                continue;
            };
            let rows: Vec<u32> = chunk.iter().map(|found| found.row).collect();
            let held_before = budget.held_bytes();
            let read = source.read(&rows, budget)?;
            portion.learn(rows.len(), (budget.held_bytes() - held_before) / COPIES);
            if budget.check_memory().is_err() {
                return Ok(Vec::new());
            }
            for (found, (hash, record)) in chunk.iter().zip(read) {
                let time = UnixNanos(search.order.rank(found.time_rank));
                let place = LogPlace {
                    time,
                    hash,
                    copy: 0,
                };
                placed.push(Placed {
                    place,
                    found: *found,
                    record: is_kept.then_some(record),
                });
            }
            if !is_kept {
                budget.give_back_to(held_before);
            }
        }
    }
    placed.sort_unstable_by_key(|placed| (rank(&placed.place, search.order), placed.found));
    let mut last: Option<LogPlace> = None;
    for placed in &mut placed {
        let is_copy =
            |last: &LogPlace| last.time == placed.place.time && last.hash == placed.place.hash;
        placed.place.copy = last.filter(is_copy).map_or(0, |last| last.copy + 1);
        last = Some(placed.place);
    }
    Ok(placed)
}

/// The first records by time, with everything that shares the moment of the last of them, and with
/// everything that shares the moment of the cursor: only their contents tell which of those come first.
struct First {
    wanted: usize,
    order: LogOrder,
    cursor_rank: Option<u64>,
    at_cursor: Vec<Found>,
    beyond: Vec<Found>,
    tidy_at: usize,
    /// What the lists take, in the account of the query.
    held_bytes: usize,
}

impl First {
    fn new(search: &LogSearch) -> Self {
        Self {
            // One more than asked for, so that it is known whether there are more.
            wanted: search.limit.saturating_add(1),
            order: search.order,
            cursor_rank: search.after.map(|after| search.order.rank(after.time.0)),
            at_cursor: Vec::new(),
            beyond: Vec::new(),
            tidy_at: search.limit.max(TIDY_ROWS_MIN).saturating_mul(2),
            held_bytes: 0,
        }
    }

    fn len(&self) -> usize {
        self.at_cursor.len() + self.beyond.len()
    }

    fn offer(&mut self, found: Match, source: usize) {
        let time_rank = self.order.rank(found.time.0);
        let found = Found {
            time_rank,
            source,
            row: found.row,
        };
        if self.cursor_rank == Some(time_rank) {
            self.at_cursor.push(found);
            return;
        }
        self.beyond.push(found);
        if self.beyond.len() >= self.tidy_at {
            self.drop_hopeless();
            // Ties may keep the list long; waiting until it has doubled keeps the work linear.
            self.tidy_at = self
                .beyond
                .len()
                .max(self.wanted)
                .max(TIDY_ROWS_MIN)
                .saturating_mul(2);
        }
    }

    fn drop_hopeless(&mut self) {
        if let Some(last) = self.last_rank() {
            self.beyond.retain(|found| found.time_rank <= last);
        }
    }

    /// The rank of the last record that surely belongs to the page, once enough are known.
    fn last_rank(&mut self) -> Option<u64> {
        if self.beyond.len() < self.wanted {
            return None;
        }
        let (_, last, _) = self.beyond.select_nth_unstable(self.wanted - 1);
        Some(last.time_rank)
    }

    fn is_settled_before(&mut self, range: TimeRange) -> bool {
        let first = self.order.first_rank(range);
        self.last_rank().is_some_and(|last| first > last)
    }

    fn finish(mut self) -> Vec<Found> {
        self.drop_hopeless();
        self.at_cursor.append(&mut self.beyond);
        self.at_cursor
    }
}

#[cfg(test)]
mod tests;
