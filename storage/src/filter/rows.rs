//! The one row-wise definition of what matches: answers for the hot buffer, verifies for splits.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::RangeInclusive;

use arrow_array::cast::AsArray;
use arrow_array::{Array, Int32Array, ListArray, RecordBatch, StringArray, StructArray};
use model::schema::column;
use model::{
    Attribute, AttributesColumn, BatchError, LogReader, Signal, SpanId, SpanReader, TimeRange,
    TraceId, UnixNanos,
};

use super::{Filter, Predicate, Test, TextMatch};
use crate::bodies::BodyQuery;
use crate::columns::{DurationColumn, IdColumn, TextDictionary, TimeColumn, typed};

/// Whole rows of a batch that has every column.
#[derive(Debug)]
pub(crate) enum Rows {
    Spans(Box<SpanReader>),
    Logs(Box<LogReader>),
}

impl Rows {
    pub(crate) fn new(signal: Signal, batch: &RecordBatch) -> Result<Self, BatchError> {
        Ok(match signal {
            Signal::Traces => Self::Spans(Box::new(SpanReader::new(batch)?)),
            Signal::Logs => Self::Logs(Box::new(LogReader::new(batch)?)),
        })
    }

    /// The attributes of the records themselves.
    pub(crate) fn attributes(&self) -> &AttributesColumn {
        match self {
            Self::Spans(reader) => reader.attributes(),
            Self::Logs(reader) => reader.attributes(),
        }
    }

    /// Visits key and text of the attributes of the record, its events and its links.
    pub(crate) fn visit_own_attributes(&self, row: usize, visit: &mut dyn FnMut(&str, &str)) {
        match self {
            Self::Spans(reader) => reader.visit_own_attributes(row, visit),
            Self::Logs(reader) => reader.visit_own_attributes(row, visit),
        }
    }

    /// A number that rows with the same resource and scope share.
    fn envelope_key(&self, row: usize) -> (usize, usize) {
        match self {
            Self::Spans(reader) => reader.envelope_key(row),
            Self::Logs(reader) => reader.envelope_key(row),
        }
    }

    /// Visits key and text of the attributes of the row's resource.
    pub(crate) fn visit_resource_attributes(
        &self,
        row: usize,
        visit: &mut dyn FnMut(&str, &str),
    ) -> Result<(), BatchError> {
        let resource = match self {
            Self::Spans(reader) => reader.resource(row)?,
            Self::Logs(reader) => reader.resource(row)?,
        };
        visit_texts(&resource.attributes, visit);
        Ok(())
    }

    /// Visits key and text of the attributes of the row's scope.
    pub(crate) fn visit_scope_attributes(
        &self,
        row: usize,
        visit: &mut dyn FnMut(&str, &str),
    ) -> Result<(), BatchError> {
        let scope = match self {
            Self::Spans(reader) => reader.scope(row)?,
            Self::Logs(reader) => reader.scope(row)?,
        };
        visit_texts(&scope.attributes, visit);
        Ok(())
    }
}

fn visit_texts(attributes: &[Attribute], visit: &mut dyn FnMut(&str, &str)) {
    for attribute in attributes {
        visit(&attribute.key, &attribute.text());
    }
}

/// A filter bound to the columns of one batch.
pub(crate) struct Matcher<'a> {
    time_range: TimeRange,
    times: TimeColumn<'a>,
    tests: Vec<(bool, Check<'a>)>,
}

impl<'a> Matcher<'a> {
    /// Binds the filter to a batch that has every column.
    pub(crate) fn new(
        signal: Signal,
        batch: &'a RecordBatch,
        rows: &'a Rows,
        filter: &'a Filter,
    ) -> Result<Self, BatchError> {
        Self::of_predicates(signal, batch, Some(rows), filter.time, filter.all.iter())
    }

    /// Binds some predicates. The batch needs the time columns and those of [`columns_of`] for each
    /// test; `rows` is needed for attribute tests only and then covers the same batch.
    pub(crate) fn of_predicates(
        signal: Signal,
        batch: &'a RecordBatch,
        rows: Option<&'a Rows>,
        time_range: TimeRange,
        predicates: impl Iterator<Item = &'a Predicate>,
    ) -> Result<Self, BatchError> {
        // Regular expressions look at what the others leave.
        let mut predicates: Vec<&Predicate> = predicates.collect();
        predicates.sort_by_key(|predicate| matches!(predicate.test, Test::BodyRegex(_)));
        let bind = |predicate: &'a Predicate| {
            Ok((
                predicate.negated,
                Check::new(signal, batch, rows, &predicate.test)?,
            ))
        };
        Ok(Self {
            time_range,
            times: TimeColumn::new(signal, batch)?,
            tests: predicates
                .into_iter()
                .map(bind)
                .collect::<Result<_, BatchError>>()?,
        })
    }

    /// Whether the row satisfies everything.
    pub(crate) fn matches(&self, row: usize) -> Result<bool, BatchError> {
        if !self.time_range.contains(self.times.value(row)) {
            return Ok(false);
        }
        for (negated, check) in &self.tests {
            if check.holds(row)? == *negated {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Bytes of bodies that were looked through since this was asked last.
    pub(crate) fn take_body_bytes(&self) -> u64 {
        let tests = self.tests.iter();
        tests.map(|(_, check)| check.take_body_bytes()).sum()
    }

    /// The moment the row is filed under.
    pub(crate) fn time(&self, row: usize) -> UnixNanos {
        self.times.value(row)
    }
}

/// The columns a test reads beside the time columns; `None` when it needs whole rows.
pub(crate) fn columns_of(signal: Signal, test: &Test) -> Option<&'static [&'static str]> {
    let columns: &'static [&'static str] = match (test, signal) {
        (Test::Service(_), _) => &[column::SERVICE_NAME],
        (Test::Name(_) | Test::NameContains(_), Signal::Traces) => &[column::NAME],
        (Test::Kind(_), Signal::Traces) => &[column::KIND],
        (Test::StatusCode(_), Signal::Traces) => &[column::STATUS_CODE],
        (Test::DurationNano(_), Signal::Traces) => &[column::DURATION_NANO],
        (Test::TraceId(_), _) => &[column::TRACE_ID],
        (Test::SpanId(_), _) => &[column::TRACE_ID, column::SPAN_ID],
        (Test::SeverityNumber(_), Signal::Logs) => &[column::SEVERITY_NUMBER],
        (Test::Attribute { .. }, _) => return None,
        (Test::Body(_) | Test::BodyRegex(_), Signal::Logs) => &[column::BODY],
        (Test::EventName(_), Signal::Traces) => &[column::EVENTS],
        (Test::EventName(_), Signal::Logs) => &[column::EVENT_NAME],
        _ => &[],
    };
    Some(columns)
}

/// One test bound to its columns.
enum Check<'a> {
    Never,
    Dictionary {
        texts: TextDictionary<'a>,
        holds: Vec<bool>,
    },
    Text {
        values: &'a StringArray,
        wanted: &'a TextMatch,
    },
    Contains {
        values: &'a StringArray,
        needle: String,
    },
    Body {
        values: &'a StringArray,
        query: Option<BodyQuery>,
        looked_through: Cell<u64>,
    },
    Number {
        values: &'a Int32Array,
        range: RangeInclusive<i32>,
    },
    Duration {
        durations: DurationColumn<'a>,
        range: &'a RangeInclusive<u64>,
    },
    Trace {
        ids: IdColumn<'a>,
        wanted: TraceId,
    },
    Span {
        trace_ids: IdColumn<'a>,
        span_ids: IdColumn<'a>,
        wanted: SpanId,
    },
    ListedText {
        list: &'a ListArray,
        values: &'a StringArray,
        wanted: &'a TextMatch,
    },
    Attribute(AttributeCheck<'a>),
}

impl<'a> Check<'a> {
    fn new(
        signal: Signal,
        batch: &'a RecordBatch,
        rows: Option<&'a Rows>,
        test: &'a Test,
    ) -> Result<Self, BatchError> {
        let is_traces = signal == Signal::Traces;
        let missing_rows = || BatchError::MissingColumn {
            column: column::ATTRIBUTES.to_owned(),
        };
        Ok(match test {
            Test::Service(wanted) => Self::dictionary(batch, column::SERVICE_NAME, wanted)?,
            Test::Name(wanted) if is_traces => Self::Text {
                values: typed(batch, column::NAME)?,
                wanted,
            },
            Test::NameContains(text) if is_traces => Self::Contains {
                values: typed(batch, column::NAME)?,
                needle: text.to_lowercase(),
            },
            Test::Kind(kind) if is_traces => Self::number(batch, column::KIND, *kind..=*kind)?,
            Test::StatusCode(code) if is_traces => {
                Self::number(batch, column::STATUS_CODE, *code..=*code)?
            }
            Test::DurationNano(range) if is_traces => Self::Duration {
                durations: DurationColumn::new(batch)?,
                range,
            },
            Test::TraceId(wanted) => Self::Trace {
                ids: IdColumn::new(batch, column::TRACE_ID)?,
                wanted: *wanted,
            },
            Test::SpanId(wanted) => Self::Span {
                trace_ids: IdColumn::new(batch, column::TRACE_ID)?,
                span_ids: IdColumn::new(batch, column::SPAN_ID)?,
                wanted: *wanted,
            },
            Test::SeverityNumber(range) if !is_traces => {
                Self::number(batch, column::SEVERITY_NUMBER, range.clone())?
            }
            Test::Attribute { key, value } => Self::Attribute(AttributeCheck {
                rows: rows.ok_or_else(missing_rows)?,
                key,
                wanted: value,
                envelopes: RefCell::default(),
            }),
            Test::Body(_) | Test::BodyRegex(_) if !is_traces => Self::Body {
                values: typed(batch, column::BODY)?,
                query: test.body_query(),
                looked_through: Cell::new(0),
            },
            Test::EventName(wanted) if is_traces => Self::listed_name(batch, wanted)?,
            Test::EventName(wanted) => Self::Text {
                values: typed(batch, column::EVENT_NAME)?,
                wanted,
            },
            _ => Self::Never,
        })
    }

    fn dictionary(
        batch: &'a RecordBatch,
        name: &str,
        wanted: &TextMatch,
    ) -> Result<Self, BatchError> {
        let texts = TextDictionary::new(batch, name)?;
        let holds = texts.texts().map(|text| wanted.matches(text)).collect();
        Ok(Self::Dictionary { texts, holds })
    }

    fn number(
        batch: &'a RecordBatch,
        name: &str,
        range: RangeInclusive<i32>,
    ) -> Result<Self, BatchError> {
        Ok(Self::Number {
            values: typed(batch, name)?,
            range,
        })
    }

    fn listed_name(batch: &'a RecordBatch, wanted: &'a TextMatch) -> Result<Self, BatchError> {
        let wrong = || BatchError::WrongType {
            column: column::EVENTS.to_owned(),
        };
        let list: &ListArray = typed(batch, column::EVENTS)?;
        let items: &StructArray = list.values().as_struct_opt().ok_or_else(wrong)?;
        let names = items.column_by_name(column::NAME).ok_or_else(wrong)?;
        let values = names.as_string_opt::<i32>().ok_or_else(wrong)?;
        Ok(Self::ListedText {
            list,
            values,
            wanted,
        })
    }

    fn take_body_bytes(&self) -> u64 {
        match self {
            Self::Body { looked_through, .. } => looked_through.take(),
            _ => 0,
        }
    }

    fn holds(&self, row: usize) -> Result<bool, BatchError> {
        Ok(match self {
            Self::Never => false,
            Self::Dictionary { texts, holds } => holds[texts.key(row)],
            Self::Text { values, wanted } => wanted.matches(text_at(values, row)),
            Self::Contains { values, needle } => {
                values.is_valid(row) && text_at(values, row).to_lowercase().contains(needle)
            }
            Self::Body {
                values,
                query,
                looked_through,
            } => {
                let body = text_at(values, row);
                looked_through.set(looked_through.get() + body.len() as u64);
                let matches = |query: &BodyQuery| query.matches(body);
                values.is_valid(row) && query.as_ref().is_some_and(matches)
            }
            Self::Number { values, range } => range.contains(&if values.is_null(row) {
                0
            } else {
                values.value(row)
            }),
            Self::Duration { durations, range } => range.contains(&durations.value(row)),
            Self::Trace { ids, wanted } => ids.value(row) == wanted.as_bytes(),
            Self::Span {
                trace_ids,
                span_ids,
                wanted,
            } => {
                span_ids.value(row) == wanted.as_bytes()
                    && TraceId::from_slice(trace_ids.value(row)).is_ok()
            }
            Self::ListedText {
                list,
                values,
                wanted,
            } => {
                let offsets = list.value_offsets();
                let at = |index: usize| usize::try_from(offsets[index]).unwrap_or(0);
                (at(row)..at(row + 1)).any(|item| wanted.matches(text_at(values, item)))
            }
            Self::Attribute(check) => check.holds(row)?,
        })
    }
}

/// An attribute test over whole rows. Rows share few resources and scopes: what is known of one
/// is remembered.
struct AttributeCheck<'a> {
    rows: &'a Rows,
    key: &'a str,
    wanted: &'a TextMatch,
    envelopes: RefCell<HashMap<(usize, usize), bool>>,
}

impl AttributeCheck<'_> {
    fn holds(&self, row: usize) -> Result<bool, BatchError> {
        let envelope = self.rows.envelope_key(row);
        let known = self.envelopes.borrow().get(&envelope).copied();
        let of_envelope = match known {
            Some(holds) => holds,
            None => {
                let holds = self.envelope_holds(row)?;
                self.envelopes.borrow_mut().insert(envelope, holds);
                holds
            }
        };
        if of_envelope {
            return Ok(true);
        }
        let mut holds = false;
        self.rows
            .visit_own_attributes(row, &mut |key, text| holds = holds || self.is_it(key, text));
        Ok(holds)
    }

    fn envelope_holds(&self, row: usize) -> Result<bool, BatchError> {
        let mut holds = false;
        let mut visit = |key: &str, text: &str| holds = holds || self.is_it(key, text);
        self.rows.visit_resource_attributes(row, &mut visit)?;
        self.rows.visit_scope_attributes(row, &mut visit)?;
        Ok(holds)
    }

    fn is_it(&self, key: &str, text: &str) -> bool {
        key == self.key && self.wanted.matches(text)
    }
}

/// The text of a row; a missing one reads as empty.
fn text_at(values: &StringArray, row: usize) -> &str {
    if values.is_null(row) {
        ""
    } else {
        values.value(row)
    }
}
