//! Finds the rows of a split that satisfy a filter: index first, rows only where they must be seen.

use std::ops::{ControlFlow, Range, RangeInclusive};

use model::{BatchError, UnixNanos};

use super::attribute_scan;
use super::body_rows::{BodyTests, Others};
use super::reader::{Split, SplitFiles};
use crate::bodies::{BodyQuery, PatternMiner, Watch};
use crate::columns::time_columns;
use crate::error::ReadError;
use crate::filter::{self, Filter, Matcher, Predicate, Rows, Test, TextMatch};
use crate::patterns::{self, VisitPatterns};
use crate::row_set::RowSet;
use crate::snapshot::{Columns, Match, Step, TimeOrder};
use crate::text_index::reader::TextIndex;
use crate::text_index::{query, term};

/// Rows that are counted together.
const PORTION_ROWS: u32 = 64 * 1024;
/// Candidate rows whose columns are read together.
const VERIFIED_ROWS: usize = 4096;

/// See [`crate::Source::find_in_order`].
pub(crate) fn find(
    split: &Split,
    wanted: &Filter,
    order: TimeOrder,
    visit: &mut dyn FnMut(Step) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    if !wanted.may_match(&split.time_range()) {
        return Ok(());
    }
    let files = split.files()?;
    let all = RowSet::full(split.row_count());
    let candidates = split.guard(|| Candidates::new(split, &files, wanted, all))?;
    let index = &files.index;
    let as_match = |row: u32| Match {
        row,
        time: UnixNanos(index.time(row)),
        duration_nano: index.duration_nano(row),
        group: index.trace_ordinal(row),
    };
    let blocks = files.time_blocks.in_order(order, &wanted.time);
    for (place, block) in blocks.iter().enumerate() {
        let mut watch = |body_bytes| visit(Step::Scanned { body_bytes });
        // Also where there is nothing to find, a search can be stopped.
        if watch(0).is_break() {
            return Ok(());
        }
        let rows = candidates.rows_in(split, &files, block.rows.clone(), &mut watch)?;
        let Some(rows) = rows else {
            return Ok(());
        };
        for row in rows {
            if visit(Step::Match(as_match(row))).is_break() {
                return Ok(());
            }
        }
        let next = blocks.get(place + 1).and_then(|next| next.bound(order));
        if let Some(bound) = next
            && visit(Step::Rest(bound)).is_break()
        {
            return Ok(());
        }
    }
    Ok(())
}

/// See [`crate::Source::find_among`].
pub(crate) fn find_among(
    split: &Split,
    wanted: &Filter,
    rows: &[u32],
) -> Result<Vec<u32>, ReadError> {
    let files = split.files()?;
    let mut among = RowSet::empty(split.row_count());
    rows.iter().for_each(|row| among.insert(*row));
    let candidates = split.guard(|| Candidates::new(split, &files, wanted, among))?;
    let mut watch = |_| ControlFlow::Continue(());
    let found = candidates.rows_in(split, &files, 0..split.row_count(), &mut watch)?;
    Ok(found.unwrap_or_default())
}

/// See [`crate::Source::count`].
pub(crate) fn count(
    split: &Split,
    wanted: &Filter,
    watch: &mut Watch<'_>,
) -> Result<u64, ReadError> {
    if !wanted.may_match(&split.time_range()) {
        return Ok(0);
    }
    let files = split.files()?;
    if let (Some(bodies), Some(query)) = (&files.bodies, only_bodies(split, wanted)) {
        return split.guard(|| {
            let count = bodies.count(&query, 0..split.row_count(), watch);
            count.map_err(|error| split.body_error(error))
        });
    }
    let all = RowSet::full(split.row_count());
    let candidates = split.guard(|| Candidates::new(split, &files, wanted, all))?;
    let mut count = 0;
    for portion in portions(split.row_count()) {
        let Some(rows) = candidates.rows_in(split, &files, portion, watch)? else {
            break;
        };
        count += rows.len() as u64;
        if watch(0).is_break() {
            break;
        }
    }
    Ok(count)
}

/// See [`crate::Source::patterns`].
pub(crate) fn patterns(
    split: &Split,
    wanted: &Filter,
    miner: &mut PatternMiner,
    visit: &mut VisitPatterns<'_>,
) -> Result<(), ReadError> {
    if !wanted.may_match(&split.time_range()) {
        return Ok(());
    }
    let files = split.files()?;
    let Some(bodies) = &files.bodies else {
        return Ok(());
    };
    let time = |row: u32| UnixNanos(files.index.time(row));
    let all = RowSet::full(split.row_count());
    let candidates = split.guard(|| Candidates::new(split, &files, wanted, all))?;
    for portion in portions(split.row_count()) {
        let mut watch = |body_bytes| visit(&[], body_bytes);
        let Some(rows) = candidates.rows_in(split, &files, portion, &mut watch)? else {
            break;
        };
        let counts = split.guard(|| {
            let counts = patterns::of_rows(bodies, &rows, &time, miner);
            counts.map_err(|error| split.body_error(error))
        })?;
        if visit(&counts, 0).is_break() {
            break;
        }
    }
    Ok(())
}

/// The rows of a split, so many at a time.
fn portions(row_count: u32) -> impl Iterator<Item = Range<u32>> {
    let starts = (0..row_count).step_by(PORTION_ROWS as usize);
    starts.map(move |start| start..start.saturating_add(PORTION_ROWS).min(row_count))
}

/// The one query that says all, if the filter asks for nothing but bodies.
fn only_bodies(split: &Split, wanted: &Filter) -> Option<BodyQuery> {
    let range = split.time_range();
    let is_whole = wanted.time.contains(range.start)
        && (range.end <= wanted.time.end || wanted.time.end == UnixNanos::MAX);
    if !is_whole || wanted.all.is_empty() || wanted.all.iter().any(|it| it.negated) {
        return None;
    }
    let queries = wanted.all.iter().map(|it| it.test.body_query());
    Some(BodyQuery::every(queries.collect::<Option<_>>()?))
}

/// What the index leaves of the rows, and what has still to be looked at.
struct Candidates<'a> {
    wanted: &'a Filter,
    rows: RowSet,
    durations: Vec<(bool, &'a RangeInclusive<u64>)>,
    severities: Vec<(bool, &'a RangeInclusive<i32>)>,
    bodies: BodyTests,
    unsure: Vec<Unsure<'a>>,
}

/// A predicate that the index does not decide for every row.
struct Unsure<'a> {
    predicate: &'a Predicate,
    /// Rows that pass its test.
    sure: RowSet,
    /// Rows that may pass its test.
    maybe: RowSet,
}

impl<'a> Candidates<'a> {
    fn new(
        split: &Split,
        files: &SplitFiles,
        wanted: &'a Filter,
        rows: RowSet,
    ) -> Result<Self, ReadError> {
        let mut candidates = Self {
            wanted,
            rows,
            durations: Vec::new(),
            severities: Vec::new(),
            bodies: BodyTests::default(),
            unsure: Vec::new(),
        };
        for predicate in &wanted.all {
            match (&predicate.test, split.signal()) {
                (Test::DurationNano(range), model::Signal::Traces) => {
                    candidates.durations.push((predicate.negated, range));
                }
                (Test::SeverityNumber(range), model::Signal::Logs) => {
                    candidates.severities.push((predicate.negated, range));
                }
                (test, model::Signal::Logs) if let Some(query) = test.body_query() => {
                    candidates.bodies.push(query, predicate.negated);
                }
                _ => candidates.ask_index(split, files, predicate)?,
            }
        }
        Ok(candidates)
    }

    fn ask_index(
        &mut self,
        split: &Split,
        files: &SplitFiles,
        predicate: &'a Predicate,
    ) -> Result<(), ReadError> {
        let answer = query::answer(&files.index, &predicate.test);
        let mut answer = answer.map_err(|error| split.index_error(error))?;
        answer.maybe.subtract(&answer.sure);
        if predicate.negated {
            self.rows.subtract(&answer.sure);
        } else {
            let mut possible = answer.sure.clone();
            possible.unite(&answer.maybe);
            self.rows.intersect(&possible);
        }
        if !answer.maybe.is_empty() {
            self.unsure.push(Unsure {
                predicate,
                sure: answer.sure,
                maybe: answer.maybe,
            });
        }
        Ok(())
    }

    fn fast_fields_match(&self, index: &TextIndex, row: u32) -> bool {
        let duration_matches = |(negated, range): &(bool, &RangeInclusive<u64>)| {
            range.contains(&index.duration_nano(row)) != *negated
        };
        let severity_matches = |(negated, range): &(bool, &RangeInclusive<i32>)| {
            let severity = index.severity(row).unwrap_or_default();
            (i64::from(*range.start())..=i64::from(*range.end())).contains(&severity) != *negated
        };
        self.durations.iter().all(duration_matches)
            && self.severities.iter().all(severity_matches)
            && self.wanted.time.contains(UnixNanos(index.time(row)))
    }

    /// The rows in a range that satisfy the filter, ascending; `None` when it was told to stop.
    fn rows_in(
        &self,
        split: &Split,
        files: &SplitFiles,
        range: Range<u32>,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Vec<u32>>, ReadError> {
        let passes = |row: u32| self.fast_fields_match(&files.index, row);
        let rows: Vec<u32> = match &files.bodies {
            Some(bodies) if !self.bodies.is_empty() => {
                let others = Others {
                    rows: &self.rows,
                    passes: &passes,
                };
                let rows = split.guard(|| {
                    let rows = self.bodies.rows_in(bodies, &range, &others, watch);
                    rows.map_err(|error| split.body_error(error))
                })?;
                let Some(rows) = rows else {
                    return Ok(None);
                };
                rows
            }
            _ => self
                .rows
                .iter_in(range)
                .filter(|row| passes(*row))
                .collect(),
        };
        if self.unsure.is_empty() {
            return Ok(Some(rows));
        }
        let mut found = Vec::new();
        for chunk in rows.chunks(VERIFIED_ROWS) {
            if watch(0).is_break() {
                return Ok(None);
            }
            found.extend(self.verify(split, files, chunk.to_vec())?);
        }
        Ok(Some(found))
    }

    /// Which of the rows satisfy the predicates that are not decided, by looking at the values.
    fn verify(
        &self,
        split: &Split,
        files: &SplitFiles,
        mut rows: Vec<u32>,
    ) -> Result<Vec<u32>, ReadError> {
        for unsure in &self.unsure {
            let (open, decided): (Vec<u32>, Vec<u32>) =
                rows.iter().partition(|row| unsure.maybe.contains(**row));
            let holds = unsure.look(split, files, &open)?;
            let negated = unsure.predicate.negated;
            let passes = open
                .iter()
                .zip(holds)
                .filter(|(_, holds)| *holds != negated);
            let decided = decided
                .into_iter()
                .filter(|row| unsure.sure.contains(*row) != negated);
            rows = decided.chain(passes.map(|(row, _)| *row)).collect();
            rows.sort_unstable();
        }
        Ok(rows)
    }
}

impl Unsure<'_> {
    /// Whether each of the rows passes the test.
    fn look(
        &self,
        split: &Split,
        files: &SplitFiles,
        rows: &[u32],
    ) -> Result<Vec<bool>, ReadError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        match &self.predicate.test {
            // A cut term of a resource or scope may be meant: only whole rows tell.
            Test::Attribute { key, value } if !is_ambiguous(key, value) => split.guard(|| {
                let places = files.index.filtered_places(key);
                attribute_scan::matches(&files.columns, rows, (key, value), places)
                    .map_err(|error| split.column_error(error))
            }),
            test => look_at_rows(split, rows, test),
        }
    }
}

/// Whether terms of other values may be mistaken for those looked for.
fn is_ambiguous(key: &str, value: &TextMatch) -> bool {
    match value {
        TextMatch::Exact(value) => term::is_ambiguous(&term::attribute(key, value)),
        TextMatch::Prefix(prefix) => !term::term_prefix(&term::attribute(key, prefix)).1,
        TextMatch::Any => !term::term_prefix(&term::attribute(key, "")).1,
    }
}

fn look_at_rows(split: &Split, rows: &[u32], test: &Test) -> Result<Vec<bool>, ReadError> {
    let signal = split.signal();
    let names = filter::columns_of(signal, test).map(|more| {
        let times = time_columns(signal).iter().copied();
        times.chain(more.iter().copied()).collect::<Vec<_>>()
    });
    let batch = split.read(rows, names.as_deref().map_or(Columns::All, Columns::Named))?;
    let whole = names
        .is_none()
        .then(|| Rows::new(signal, &batch))
        .transpose()?;
    let predicate = Predicate {
        negated: false,
        test: test.clone(),
    };
    let matcher = Matcher::of_predicates(
        signal,
        &batch,
        whole.as_ref(),
        model::TimeRange::ALL,
        std::iter::once(&predicate),
    )?;
    let holds = (0..rows.len()).map(|place| matcher.matches(place));
    Ok(holds.collect::<Result<Vec<bool>, BatchError>>()?)
}
