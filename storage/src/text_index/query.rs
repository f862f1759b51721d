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
pub(crate) enum Answer {
    /// The rows that pass, and no others.
    Exactly(RowSet),
    /// Every row that passes, and perhaps others.
    AtMost(RowSet),
    /// Nothing: every row has to be looked at.
    Unknown,
}

/// Asks the index.
pub(crate) fn answer(index: &TextIndex, test: &Test) -> TantivyResult<Answer> {
    let Fields {
        service, trace_id, ..
    } = *index.fields();
    match (test, &index.fields().of_signal) {
        (Test::Service(wanted), _) => text(index, service, wanted),
        (Test::TraceId(id), _) => {
            let term = Term::from_field_bytes(trace_id, id.as_bytes());
            Ok(Answer::Exactly(index.rows_of_term(&term)?))
        }
        (Test::Attribute { key, value }, _) => attribute(index, key, value),
        (Test::Name(wanted), SignalFields::Traces { name, .. }) => text(index, *name, wanted),
        (Test::NameContains(wanted), SignalFields::Traces { name, .. }) => {
            contains(index, *name, wanted)
        }
        (Test::Kind(wanted), SignalFields::Traces { kind, .. }) => number(index, *kind, *wanted),
        (Test::StatusCode(wanted), SignalFields::Traces { status, .. }) => {
            number(index, *status, *wanted)
        }
        (Test::DurationNano(range), _) => Ok(Answer::Exactly(index.rows_of_duration(range))),
        (Test::SeverityNumber(range), _) => Ok(Answer::Exactly(index.rows_of_severity(range))),
        (Test::EventName(wanted), SignalFields::Logs { event_name, .. }) => {
            text(index, *event_name, wanted)
        }
        (Test::SpanId(_), _)
        | (Test::EventName(_), SignalFields::Traces { .. })
        | (Test::BodyWords(_) | Test::BodyPhrase(_), SignalFields::Logs { .. }) => {
            Ok(Answer::Unknown)
        }
        // A question about a field the signal does not have is answered "no".
        (
            Test::Name(_) | Test::NameContains(_) | Test::Kind(_) | Test::StatusCode(_),
            SignalFields::Logs { .. },
        )
        | (Test::BodyWords(_) | Test::BodyPhrase(_), SignalFields::Traces { .. }) => {
            Ok(Answer::Exactly(RowSet::empty(index.row_count())))
        }
    }
}

fn number(index: &TextIndex, field: Field, wanted: i32) -> TantivyResult<Answer> {
    let term = Term::from_field_i64(field, i64::from(wanted));
    Ok(Answer::Exactly(index.rows_of_term(&term)?))
}

fn text(index: &TextIndex, field: Field, wanted: &TextMatch) -> TantivyResult<Answer> {
    match wanted {
        TextMatch::Exact(text) => {
            let term = Term::from_field_text(field, &term::term(text));
            let rows = index.rows_of_term(&term)?;
            Ok(exactly_if(!term::is_ambiguous(text), rows))
        }
        TextMatch::Prefix(prefix) => {
            let (prefix, is_exact) = term::term_prefix(prefix);
            let rows = index.rows_of_terms(field, prefix, &mut |_| true)?;
            Ok(exactly_if(is_exact, rows))
        }
        TextMatch::Any => Ok(Answer::Exactly(RowSet::full(index.row_count()))),
    }
}

/// Scans the dictionary, which has each distinct text once. A cut text may go on with what is
/// looked for, so its rows stay candidates.
fn contains(index: &TextIndex, field: Field, wanted: &str) -> TantivyResult<Answer> {
    let wanted = wanted.to_lowercase();
    let mut is_exact = true;
    let rows = index.rows_of_terms(field, "", &mut |text| {
        let is_cut = term::is_cut(text);
        is_exact &= !is_cut;
        is_cut || text.to_lowercase().contains(&wanted)
    })?;
    Ok(exactly_if(is_exact, rows))
}

/// The row's own terms, and those of its resource.
fn attribute(index: &TextIndex, key: &str, value: &TextMatch) -> TantivyResult<Answer> {
    let Fields {
        attribute,
        resource_attribute,
        ..
    } = *index.fields();
    let (whole, prefix) = match value {
        TextMatch::Exact(value) => (Some(term::attribute(key, value)), String::new()),
        TextMatch::Prefix(prefix) => (None, term::attribute(key, prefix)),
        TextMatch::Any => (None, term::attribute(key, "")),
    };
    let (mut rows, of_resource, is_exact) = if let Some(whole) = &whole {
        let term = |field| Term::from_field_text(field, &term::term(whole));
        let rows = index.rows_of_term(&term(attribute))?;
        (
            rows,
            index.rows_of_term(&term(resource_attribute))?,
            !term::is_ambiguous(whole),
        )
    } else {
        let (prefix, is_exact) = term::term_prefix(&prefix);
        let rows = index.rows_of_terms(attribute, prefix, &mut |_| true)?;
        (
            rows,
            index.rows_of_terms(resource_attribute, prefix, &mut |_| true)?,
            is_exact,
        )
    };
    rows.unite(&index.rows_of_resources(&of_resource)?);
    Ok(exactly_if(is_exact, rows))
}

fn exactly_if(is_exact: bool, rows: RowSet) -> Answer {
    if is_exact {
        Answer::Exactly(rows)
    } else {
        Answer::AtMost(rows)
    }
}
