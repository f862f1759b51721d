//! Which rows a test selects, as far as the index knows.

use tantivy::Result as TantivyResult;
use tantivy::schema::{Field, Term};

use super::reader::TextIndex;
use super::term;
use super::{Fields, SignalFields};
use crate::filter::{Test, TextMatch};
use crate::row_set::RowSet;

/// What the index knows of a test.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Rows that pass.
    pub(crate) sure: RowSet,
    /// Rows that may pass, beside those that do. No other row does.
    pub(crate) maybe: RowSet,
}

impl Answer {
    fn exactly(rows: RowSet) -> Self {
        Self {
            maybe: RowSet::empty(rows.row_count()),
            sure: rows,
        }
    }

    fn at_most(rows: RowSet) -> Self {
        Self {
            sure: RowSet::empty(rows.row_count()),
            maybe: rows,
        }
    }

    fn exactly_if(is_exact: bool, rows: RowSet) -> Self {
        if is_exact {
            Self::exactly(rows)
        } else {
            Self::at_most(rows)
        }
    }
}

/// Asks the index. Tests of fast fields are not its business: see `split::find`.
pub(crate) fn answer(index: &TextIndex, test: &Test) -> TantivyResult<Answer> {
    let row_count = index.row_count();
    match (test, &index.fields().of_signal) {
        (Test::Service(wanted), _) => service(index, wanted),
        (Test::Attribute { key, value }, _) => attribute(index, key, value),
        (Test::TraceId(id), _) => {
            let mut rows = RowSet::empty(row_count);
            for candidates in index.trace_candidates(*id)? {
                candidates.into_iter().for_each(|row| rows.insert(row));
            }
            Ok(Answer::at_most(rows))
        }
        (Test::Name(wanted), SignalFields::Traces { operation, .. }) => {
            operations(index, *operation, &|_, name, is_cut| match wanted {
                TextMatch::Exact(text) if is_cut => may_go_on(name, text),
                TextMatch::Prefix(text) if is_cut && !name.starts_with(text.as_str()) => {
                    may_go_on(name, text)
                }
                _ => sure_if(wanted.matches(name)),
            })
        }
        (Test::NameContains(wanted), SignalFields::Traces { operation, .. }) => {
            let wanted = wanted.to_lowercase();
            operations(index, *operation, &|_, name, is_cut| match name
                .to_lowercase()
                .contains(&wanted)
            {
                true => Some(true),
                false if is_cut => Some(false),
                false => None,
            })
        }
        (Test::Kind(wanted), SignalFields::Traces { operation, .. }) => {
            operations(index, *operation, &|kind, _, _| sure_if(kind == *wanted))
        }
        (Test::StatusCode(wanted), SignalFields::Traces { status, .. }) => {
            status_code(index, *status, *wanted)
        }
        (Test::EventName(wanted), SignalFields::Logs { event_name, .. }) => {
            text(index, *event_name, wanted)
        }
        (Test::DurationNano(_), SignalFields::Traces { .. })
        | (Test::SeverityNumber(_), SignalFields::Logs { .. })
        | (Test::SpanId(_), _)
        | (Test::EventName(_), SignalFields::Traces { .. })
        | (Test::Body(_) | Test::BodyRegex(_), SignalFields::Logs { .. }) => {
            Ok(Answer::at_most(RowSet::full(row_count)))
        }
        // A question about a field the signal does not have is answered "no".
        (
            Test::Name(_)
            | Test::NameContains(_)
            | Test::Kind(_)
            | Test::StatusCode(_)
            | Test::DurationNano(_),
            SignalFields::Logs { .. },
        )
        | (
            Test::Body(_) | Test::BodyRegex(_) | Test::SeverityNumber(_),
            SignalFields::Traces { .. },
        ) => Ok(Answer::exactly(RowSet::empty(row_count))),
    }
}

fn sure_if(holds: bool) -> Option<bool> {
    holds.then_some(true)
}

/// A cut name may be the beginning of the text looked for.
fn may_go_on(name: &str, text: &str) -> Option<bool> {
    text.starts_with(name).then_some(false)
}

/// The services that match have resources, and those have rows.
fn service(index: &TextIndex, wanted: &TextMatch) -> TantivyResult<Answer> {
    let Fields {
        service, resource, ..
    } = *index.fields();
    let found = text(index, service, wanted)?;
    Ok(Answer {
        sure: index.rows_of_numbers(resource, &found.sure)?,
        maybe: index.rows_of_numbers(resource, &found.maybe)?,
    })
}

/// Every operation is asked whether its rows pass: `Some(true)` for surely, `Some(false)` for perhaps.
/// The name it is shown is short of its end when it is cut.
fn operations(
    index: &TextIndex,
    field: Field,
    test: &dyn Fn(i32, &str, bool) -> Option<bool>,
) -> TantivyResult<Answer> {
    let (sure, maybe) = index.rows_by_verdict(field, &|text| {
        let is_cut = term::is_cut(text);
        match term::parse_operation(term::visible(text)) {
            Some((_, kind, name)) => test(kind, name, is_cut),
            None => Some(false),
        }
    })?;
    Ok(Answer { sure, maybe })
}

/// Code 0 has no term: it is what the other codes leave.
fn status_code(index: &TextIndex, field: Field, wanted: i32) -> TantivyResult<Answer> {
    if wanted != 0 {
        let term = Term::from_field_bytes(field, &wanted.to_be_bytes());
        return Ok(Answer::exactly(index.rows_of_term(&term)?));
    }
    let mut rows = RowSet::full(index.row_count());
    rows.subtract(&index.rows_of_all_terms(field)?);
    Ok(Answer::exactly(rows))
}

fn text(index: &TextIndex, field: Field, wanted: &TextMatch) -> TantivyResult<Answer> {
    match wanted {
        TextMatch::Exact(text) => {
            let term = Term::from_field_text(field, &term::term(text));
            let rows = index.rows_of_term(&term)?;
            Ok(Answer::exactly_if(!term::is_ambiguous(text), rows))
        }
        TextMatch::Prefix(prefix) => {
            let (prefix, is_exact) = term::term_prefix(prefix);
            let rows = index.rows_of_prefix(field, prefix)?;
            Ok(Answer::exactly_if(is_exact, rows))
        }
        TextMatch::Any => Ok(Answer::exactly(index.rows_of_all_terms(field)?)),
    }
}

/// The row's own terms, those of its resource and of its scope, and what only the filters know.
fn attribute(index: &TextIndex, key: &str, value: &TextMatch) -> TantivyResult<Answer> {
    let Fields {
        attribute,
        attribute_run,
        resource,
        resource_attribute,
        scope,
        scope_attribute,
        ..
    } = *index.fields();
    let of_key = term::attribute(key, "");
    let wanted = match value {
        TextMatch::Exact(value) => TextMatch::Exact(term::attribute(key, value)),
        TextMatch::Prefix(prefix) => TextMatch::Prefix(term::attribute(key, prefix)),
        TextMatch::Any => TextMatch::Prefix(of_key),
    };
    let mut answer = text(index, attribute, &wanted)?;
    let of_runs = text(index, attribute_run, &wanted)?;
    answer.sure.unite(&of_runs.sure);
    answer.maybe.unite(&of_runs.maybe);
    for (field, numbers) in [(resource_attribute, resource), (scope_attribute, scope)] {
        let found = text(index, field, &wanted)?;
        answer
            .sure
            .unite(&index.rows_of_numbers(numbers, &found.sure)?);
        answer
            .maybe
            .unite(&index.rows_of_numbers(numbers, &found.maybe)?);
    }
    if index.filtered_places(key) == 0 {
        return Ok(answer);
    }
    let of_key = index.rows_of_filtered_key(key)?;
    match (value, of_key) {
        (TextMatch::Any, Some(rows)) if !term::is_ambiguous(key) => answer.sure.unite(&rows),
        (TextMatch::Exact(value), of_key) => {
            let mut rows = index.rows_of_value(key, value);
            if let Some(of_key) = of_key {
                rows.intersect(&of_key);
            }
            answer.maybe.unite(&rows);
        }
        (TextMatch::Prefix(_) | TextMatch::Any, Some(rows)) => answer.maybe.unite(&rows),
        (TextMatch::Prefix(_) | TextMatch::Any, None) => {
            answer.maybe = RowSet::full(index.row_count());
        }
    }
    Ok(answer)
}
