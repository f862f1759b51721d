//! Finds the rows of a split that satisfy a filter: index first, rows only where they must be seen.

use std::cell::{OnceCell, RefCell};
use std::ops::{ControlFlow, Range, RangeInclusive};

use model::{BatchError, UnixNanos};

use super::attribute_scan;
use super::reader::{Split, SplitFiles};
use crate::bodies::{Bodies, BodiesError, BodyQuery, PatternMiner, SplitQuery};
use crate::columns::time_columns;
use crate::error::ReadError;
use crate::filter::{self, Filter, Matcher, Predicate, Rows, Test, TextMatch};
use crate::patterns::{self, PatternCount};
use crate::row_set::{RowSet, rows_of_words};
use crate::snapshot::{Columns, Match, Step, TimeOrder};
use crate::text_index::reader::TextIndex;
use crate::text_index::{query, term};

/// Rows that are counted together; whole words of a set of rows.
const PORTION_ROWS: u32 = 64 * 1024;
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

/// See [`crate::Source::count`].
pub(crate) fn count(split: &Split, wanted: &Filter) -> Result<u64, ReadError> {
    if !wanted.may_match(&split.time_range()) {
        return Ok(0);
    }
    let files = split.files()?;
    if let (Some(bodies), Some(query)) = (&files.bodies, only_bodies(split, wanted)) {
        return split.guard(|| {
            let count = bodies.count(&query, 0..split.row_count());
            count.map_err(|error| split.body_error(error))
        });
    }
    let mut count = 0;
    visit_portions(split, wanted, &mut |_, rows| {
        count += rows.len() as u64;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(count)
}

/// See [`crate::Source::patterns`].
pub(crate) fn patterns(
    split: &Split,
    wanted: &Filter,
    miner: &mut PatternMiner,
    visit: &mut dyn FnMut(&[PatternCount]) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    visit_portions(split, wanted, &mut |files, rows| {
        let Some(bodies) = &files.bodies else {
            return Ok(ControlFlow::Break(()));
        };
        let time = |row: u32| UnixNanos(files.index.time(row));
        let counts = split.guard(|| {
            let counts = patterns::of_rows(bodies, rows, &time, miner);
            counts.map_err(|error| split.body_error(error))
        })?;
        Ok(visit(&counts))
    })
}

/// Takes rows that satisfy a filter, ascending.
type VisitRows<'a> = dyn FnMut(&SplitFiles, &[u32]) -> Result<ControlFlow<()>, ReadError> + 'a;

/// Visits the rows that satisfy the filter in portions, until told to stop.
fn visit_portions(
    split: &Split,
    wanted: &Filter,
    visit: &mut VisitRows<'_>,
) -> Result<(), ReadError> {
    if !wanted.may_match(&split.time_range()) {
        return Ok(());
    }
    let files = split.files()?;
    let all = RowSet::full(split.row_count());
    let candidates = split.guard(|| Candidates::new(split, &files, wanted, all))?;
    let mut start = 0;
    while start < split.row_count() {
        let end = start.saturating_add(PORTION_ROWS).min(split.row_count());
        let rows = candidates.rows_in(split, &files, start..end)?;
        if !rows.is_empty() && visit(&files, &rows)?.is_break() {
            return Ok(());
        }
        start = end;
    }
    Ok(())
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
    bodies: Vec<BodyTest>,
    unsure: Vec<Unsure<'a>>,
}

/// A predicate on bodies, and what was found of it last.
struct BodyTest {
    query: BodyQuery,
    negated: bool,
    prepared: OnceCell<SplitQuery>,
    /// Rows that were searched, and those among them that match.
    known: RefCell<Option<(Range<u32>, RowSet)>>,
}

impl BodyTest {
    fn new(query: BodyQuery, negated: bool) -> Self {
        Self {
            query,
            negated,
            prepared: OnceCell::new(),
            known: RefCell::new(None),
        }
    }

    /// Shows `look` a set that says of the rows in the range, and perhaps of others, which match.
    fn search(
        &self,
        bodies: &Bodies,
        range: &Range<u32>,
        look: &mut dyn FnMut(&RowSet),
    ) -> Result<(), BodiesError> {
        let mut known = self.known.borrow_mut();
        if let Some((searched, found)) = &*known
            && searched.start <= range.start
            && range.end <= searched.end
        {
            look(found);
            return Ok(());
        }
        let query = self.prepared.get_or_init(|| bodies.prepare(&self.query));
        let searched = bodies.searched_with(range);
        let found = bodies.search_prepared(query, searched.clone(), usize::MAX)?;
        look(&found.rows);
        *known = Some((searched, found.rows));
        Ok(())
    }
}

/// The rows that pass all tests, each looked at.
fn keep_by_reading(
    tests: &[BodyTest],
    bodies: &Bodies,
    rows: Vec<u32>,
) -> Result<Vec<u32>, BodiesError> {
    let texts = bodies.texts(&rows)?;
    let passes = |text: Option<&str>| {
        let holds = |test: &BodyTest| text.is_some_and(|text| test.query.matches(text));
        tests.iter().all(|test| holds(test) != test.negated)
    };
    let passing = rows.into_iter().zip(&texts);
    Ok(passing
        .filter(|(_, text)| passes(*text))
        .map(|(row, _)| row)
        .collect())
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
        let passes = |row: &u32| self.fast_fields_match(&files.index, *row);
        let rows: Vec<u32> = match (&files.bodies, self.bodies.as_slice()) {
            (Some(bodies), [_, ..]) => split.guard(|| {
                let rows = self.rows_with_bodies(bodies, &range);
                let rows = rows.map_err(|error| split.body_error(error))?;
                Ok(rows.into_iter().filter(passes).collect())
            })?,
            _ => self.rows.iter_in(range).filter(passes).collect(),
        };
        if self.unsure.is_empty() {
            return Ok(rows);
        }
        let mut found = Vec::new();
        for chunk in rows.chunks(VERIFIED_ROWS) {
            found.extend(self.verify(split, files, chunk.to_vec())?);
        }
        Ok(found)
    }

    /// The rows in a range that the index leaves and whose bodies pass.
    fn rows_with_bodies(
        &self,
        bodies: &Bodies,
        range: &Range<u32>,
    ) -> Result<Vec<u32>, BodiesError> {
        let few: Vec<u32> = self
            .rows
            .iter_in(range.clone())
            .take(READ_ROWS + 1)
            .collect();
        if few.len() <= READ_ROWS {
            return keep_by_reading(&self.bodies, bodies, few);
        }
        let mut words = self.rows.words_of(range).to_vec();
        for test in &self.bodies {
            test.search(bodies, range, &mut |found| {
                for (word, found) in words.iter_mut().zip(found.words_of(range)) {
                    *word &= if test.negated { !found } else { *found };
                }
            })?;
        }
        Ok(rows_of_words(&words, range.clone()).collect())
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
