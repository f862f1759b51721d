//! Finds the rows of a split that satisfy a filter: index first, rows only where they must be seen.

use std::ops::ControlFlow;

use model::BatchError;

use super::reader::{Split, SplitFiles};
use crate::columns::time_columns;
use crate::error::ReadError;
use crate::filter::{self, Filter, Matcher, Predicate, Rows};
use crate::row_set::RowSet;
use crate::snapshot::{Columns, Match};
use crate::text_index::query::{self, Answer};

/// Candidate rows whose columns are read together.
const VERIFIED_ROWS: usize = 4096;

/// See [`crate::Source::find`].
pub(crate) fn find(
    split: &Split,
    wanted: &Filter,
    visit: &mut dyn FnMut(Match) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    if !wanted.may_match(&split.time_range()) {
        return Ok(());
    }
    let files = split.files()?;
    let (rows, unsure) = split.guard(|| candidates(split, &files, wanted))?;
    let index = &files.index;
    let in_time = |row: &u32| wanted.time.contains(model::UnixNanos(index.time(*row)));
    let mut rows = rows.iter().filter(in_time);
    let as_match = |row: u32| Match {
        row,
        time: model::UnixNanos(index.time(row)),
        duration_nano: index.duration_nano(row),
        group: index.trace_ordinal(row),
    };
    if unsure.is_empty() {
        for row in rows {
            if visit(as_match(row)).is_break() {
                break;
            }
        }
        return Ok(());
    }
    loop {
        let chunk: Vec<u32> = rows.by_ref().take(VERIFIED_ROWS).collect();
        if chunk.is_empty() {
            return Ok(());
        }
        for row in verify(split, &chunk, wanted, &unsure)? {
            if visit(as_match(row)).is_break() {
                return Ok(());
            }
        }
    }
}

/// The rows that the index cannot rule out, and the predicates that it leaves open.
fn candidates<'a>(
    split: &Split,
    files: &SplitFiles,
    wanted: &'a Filter,
) -> Result<(RowSet, Vec<&'a Predicate>), ReadError> {
    let mut rows = RowSet::full(split.row_count());
    let mut unsure = Vec::new();
    for predicate in &wanted.all {
        let answer = query::answer(&files.index, &predicate.test)
            .map_err(|error| split.index_error(error))?;
        match (answer, predicate.negated) {
            (Answer::Exactly(found), false) => rows.intersect(&found),
            (Answer::Exactly(found), true) => rows.subtract(&found),
            (Answer::AtMost(found), false) => {
                rows.intersect(&found);
                unsure.push(predicate);
            }
            (Answer::AtMost(_), true) | (Answer::Unknown, _) => unsure.push(predicate),
        }
    }
    Ok((rows, unsure))
}

/// Which of the rows satisfy the predicates, by looking at the values.
fn verify(
    split: &Split,
    rows: &[u32],
    wanted: &Filter,
    predicates: &[&Predicate],
) -> Result<Vec<u32>, ReadError> {
    let signal = split.signal();
    let mut names = Some(time_columns(signal).to_vec());
    for predicate in predicates {
        match (filter::columns_of(signal, &predicate.test), &mut names) {
            (Some(more), Some(names)) => names.extend(
                more.iter()
                    .filter(|n| !names.contains(n))
                    .collect::<Vec<_>>(),
            ),
            _ => names = None,
        }
    }
    let columns = names.as_deref().map_or(Columns::All, Columns::Named);
    let batch = split.read(rows, columns)?;
    let whole = names
        .is_none()
        .then(|| Rows::new(signal, &batch))
        .transpose()?;
    let matcher = Matcher::of_predicates(
        signal,
        &batch,
        whole.as_ref(),
        wanted.time,
        predicates.iter().copied(),
    )?;
    let verified = rows
        .iter()
        .enumerate()
        .map(|(position, row)| Ok::<_, BatchError>(matcher.matches(position)?.then_some(*row)));
    let verified = verified.collect::<Result<Vec<_>, _>>()?;
    Ok(verified.into_iter().flatten().collect())
}
