//! Finds the rows of a split that satisfy a filter: index first, rows only where they must be seen.

use std::cell::RefCell;
use std::ops::{ControlFlow, Range, RangeInclusive};

use model::{BatchError, UnixNanos};

use super::attribute_scan;
use super::reader::{Split, SplitFiles};
use crate::bodies::{Bodies, BodiesError, BodyQuery};
use crate::columns::time_columns;
use crate::error::ReadError;
use crate::filter::{self, Filter, Matcher, Predicate, Rows, Test, TextMatch};
use crate::row_set::RowSet;
use crate::snapshot::{Columns, Match, Step, TimeOrder};
use crate::text_index::reader::TextIndex;
use crate::text_index::{query, term};

/// So few rows are looked at one by one; more are searched with all that lie around them.
const READ_ROWS: usize = 64;
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
        for row in candidates.rows_in(split, &files, block.rows.clone())? {
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
    candidates.rows_in(split, &files, 0..split.row_count())
}

/// What the index leaves of the rows, and what has still to be looked at.
struct Candidates<'a> {
    wanted: &'a Filter,
    rows: RowSet,
    durations: Vec<(bool, &'a RangeInclusive<u64>)>,
    severities: Vec<(bool, &'a RangeInclusive<i32>)>,
    bodies: Vec<BodyTest>,
    unsure: Vec<Unsure<'a>>,
}

/// A predicate on bodies, and what was found of it last.
struct BodyTest {
    query: BodyQuery,
    negated: bool,
    /// Rows that were searched, and those among them that match.
    known: RefCell<Option<(Range<u32>, RowSet)>>,
}

impl BodyTest {
    fn new(query: BodyQuery, negated: bool) -> Self {
        Self {
            query,
            negated,
            known: RefCell::new(None),
        }
    }

    /// Keeps of the rows, which lie in the range, those that pass.
    fn keep(
        &self,
        bodies: &Bodies,
        mut rows: Vec<u32>,
        range: &Range<u32>,
    ) -> Result<Vec<u32>, BodiesError> {
        if rows.len() <= READ_ROWS {
            let texts = bodies.texts(&rows)?;
            let mut texts = texts.iter();
            rows.retain(|_| {
                let text = texts.next().flatten();
                text.is_some_and(|text| self.query.matches(text)) != self.negated
            });
            return Ok(rows);
        }
        let mut known = self.known.borrow_mut();
        let found = match &mut *known {
            Some((searched, found))
                if searched.start <= range.start && range.end <= searched.end =>
            {
                found
            }
            _ => {
                let searched = bodies.searched_with(range);
                let found = bodies.search(&self.query, searched.clone(), usize::MAX)?;
                &mut known.insert((searched, found.rows)).1
            }
        };
        rows.retain(|row| found.contains(*row) != self.negated);
        Ok(rows)
    }
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
            bodies: Vec::new(),
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
                    candidates
                        .bodies
                        .push(BodyTest::new(query, predicate.negated));
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

    /// The rows in a range that satisfy the filter, ascending.
    fn rows_in(
        &self,
        split: &Split,
        files: &SplitFiles,
        range: Range<u32>,
    ) -> Result<Vec<u32>, ReadError> {
        let rows = self.rows.iter_in(range.clone());
        let mut rows: Vec<u32> = rows
            .filter(|row| self.fast_fields_match(&files.index, *row))
            .collect();
        if let Some(bodies) = &files.bodies {
            for test in &self.bodies {
                let kept = split.guard(|| {
                    let kept = test.keep(bodies, rows, &range);
                    kept.map_err(|error| split.body_error(error))
                });
                rows = kept?;
            }
        }
        if self.unsure.is_empty() {
            return Ok(rows);
        }
        let mut found = Vec::new();
        for chunk in rows.chunks(VERIFIED_ROWS) {
            found.extend(self.verify(split, files, chunk.to_vec())?);
        }
        Ok(found)
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
