//! Builds the index of a split, row by row.

use std::borrow::Cow;
use std::path::Path;

use model::{Signal, TraceId};
use tantivy::TantivyError;
use tantivy::columnar::{ColumnType, ColumnarWriter};

use super::attributes::{AttributesBuilder, FilteredKey, KnownValue};
use super::postings::{Postings, SortedTerms, TermNumber, TermTable, sorted_terms};
use super::segment::SegmentFiles;
use super::trace_index::{self, TraceIndexBuilder};
use super::trace_starts::{self, TraceStartsBuilder};
use super::{DURATION, SEVERITY, SignalFields, TIME, index_schema, term, value_filter};
use crate::error::SealError;
use crate::files;
use crate::split::keys::KeyNumber;

/// Takes the rows of a split in their order.
pub(crate) struct IndexWriter {
    signal: Signal,
    columns: ColumnarWriter,
    row_count: u32,
    last_trace: Option<TraceId>,
    traces: TraceIndexBuilder,
    trace_starts: TraceStartsBuilder,
    /// Service, kind and name of spans.
    operations: TermTable,
    /// Status codes of spans, event names of log records.
    small: TermTable,
    attributes: AttributesBuilder,
    resources: Envelopes,
    services: TermTable,
    scopes: Envelopes,
    text: String,
}

/// What the index keeps of a row beside its attributes.
pub(crate) struct IndexedRow<'a> {
    /// `None` for log records of no trace.
    pub(crate) trace_id: Option<TraceId>,
    /// The moment the row is filed under.
    pub(crate) time: u64,
    /// See [`IndexWriter::resource`].
    pub(crate) resource: u32,
    /// See [`IndexWriter::scope`].
    pub(crate) scope: Option<u32>,
    pub(crate) of_signal: IndexedFields<'a>,
}

/// What the index keeps of a row of one signal.
pub(crate) enum IndexedFields<'a> {
    Span {
        service: &'a str,
        kind: i32,
        name: &'a str,
        /// Where this service, kind and name are remembered once they came.
        operation: &'a mut Option<TermNumber>,
        status_code: i32,
        duration_nano: u64,
    },
    Log {
        severity_number: i32,
        event_name: &'a str,
    },
}

/// What a reader of the index has to know beside its files.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct IndexMetadata {
    /// Keys of which the values are in filters, by key.
    pub(crate) filtered_keys: Vec<FilteredKey>,
    /// Whether keys that are neither here nor among the terms may be in the filters.
    pub(crate) has_unnumbered_keys: bool,
}

/// Resources or scopes: numbers, with the rows and the attributes of each.
#[derive(Default)]
struct Envelopes {
    numbers: std::collections::HashMap<Box<str>, Option<u32>>,
    rows: Vec<Postings>,
    attributes: TermTable,
}

impl IndexWriter {
    /// Begins an index; nothing is written before [`IndexWriter::finish`].
    pub(crate) fn new(signal: Signal) -> Self {
        let mut columns = ColumnarWriter::default();
        columns.record_column_type(TIME, ColumnType::U64, false);
        match signal {
            Signal::Traces => columns.record_column_type(DURATION, ColumnType::U64, false),
            Signal::Logs => columns.record_column_type(SEVERITY, ColumnType::I64, false),
        }
        Self {
            signal,
            columns,
            row_count: 0,
            last_trace: None,
            traces: TraceIndexBuilder::default(),
            trace_starts: TraceStartsBuilder::default(),
            operations: TermTable::default(),
            small: TermTable::default(),
            attributes: AttributesBuilder::default(),
            resources: Envelopes::default(),
            services: TermTable::default(),
            scopes: Envelopes::default(),
            text: String::new(),
        }
    }

    /// The number of a resource by its text, which is one for one resource. `attributes` is asked for
    /// key and value of each attribute when the resource is new.
    pub(crate) fn resource<E>(
        &mut self,
        text: &str,
        service: &str,
        attributes: impl FnOnce(&mut dyn FnMut(&str, &str)) -> Result<(), E>,
    ) -> Result<u32, E> {
        if let Some(Some(number)) = self.resources.numbers.get(text) {
            return Ok(*number);
        }
        let number = self.resources.insert(text, true, attributes)?;
        let number = number.unwrap_or_default();
        self.services.add(term::term(service).as_bytes(), number);
        Ok(number)
    }

    /// The number of a scope, like that of a resource; `None` for one without attributes.
    pub(crate) fn scope<E>(
        &mut self,
        text: &str,
        attributes: impl FnOnce(&mut dyn FnMut(&str, &str)) -> Result<(), E>,
    ) -> Result<Option<u32>, E> {
        match self.scopes.numbers.get(text) {
            Some(number) => Ok(*number),
            None => self.scopes.insert(text, false, attributes),
        }
    }

    /// Adds the next row, without attributes.
    pub(crate) fn add_row(&mut self, row: IndexedRow<'_>) {
        let number = self.row_count;
        self.row_count += 1;
        if let Some(id) = row.trace_id {
            self.traces.push(id, number);
        }
        let columns = &mut self.columns;
        columns.record_numerical(number, TIME, row.time);
        self.resources.add(row.resource, number);
        if let Some(scope) = row.scope {
            self.scopes.add(scope, number);
        }
        match row.of_signal {
            IndexedFields::Span {
                service,
                kind,
                name,
                operation,
                status_code,
                duration_nano,
            } => {
                columns.record_numerical(number, DURATION, duration_nano);
                let begins_trace = self.last_trace != row.trace_id;
                self.trace_starts.push(number, begins_trace);
                if let Some(known) = *operation {
                    self.operations.add_known(known, number);
                } else {
                    term::write_operation(&mut self.text, service, kind, name);
                    let text = term::term(&self.text);
                    *operation = Some(self.operations.add(text.as_bytes(), number));
                }
                if status_code != 0 {
                    self.small.add(&status_code.to_be_bytes(), number);
                }
            }
            IndexedFields::Log {
                severity_number,
                event_name,
            } => {
                columns.record_numerical(number, SEVERITY, i64::from(severity_number));
                self.small.add(term::term(event_name).as_bytes(), number);
            }
        }
        self.last_trace = row.trace_id;
    }

    /// Adds an attribute of the row added last, its events or its links.
    pub(crate) fn add_attribute(&mut self, number: KeyNumber, attribute: (&str, &str), place: u8) {
        self.add_known_attribute(number, attribute, place, &mut KnownValue::default());
    }

    /// The same for a value that may have come before.
    pub(crate) fn add_known_attribute(
        &mut self,
        number: KeyNumber,
        attribute: (&str, &str),
        place: u8,
        known: &mut KnownValue,
    ) {
        let row = self.row_count.saturating_sub(1);
        self.attributes.add(number, row, attribute, place, known);
    }

    /// The same for a value that came before; false when nothing was added and its text is needed.
    pub(crate) fn add_attribute_again(
        &mut self,
        number: KeyNumber,
        place: u8,
        known: &KnownValue,
    ) -> bool {
        let row = self.row_count.saturating_sub(1);
        self.attributes.add_again(number, row, place, known)
    }

    /// Writes the index into an empty directory; returns how many rows it has and what its readers
    /// have to know. The caller makes the files durable.
    pub(crate) fn finish(mut self, dir: &Path) -> Result<(u32, IndexMetadata), SealError> {
        let (schema, fields) = index_schema(self.signal);
        let row_count = self.row_count;
        let mut segment = SegmentFiles::create(dir, &schema, row_count).map_err(boxed)?;
        segment.write_columns(self.columns).map_err(boxed)?;
        files::write(&dir.join(trace_index::FILE), &self.traces.finish())?;
        drop(self.traces);
        self.attributes.judge();
        let filtered = self.attributes.filtered_keys();
        let metadata = IndexMetadata {
            filtered_keys: filtered.iter().map(|(key, _)| key.clone()).collect(),
            has_unnumbered_keys: self.attributes.has_unnumbered_keys(),
        };
        let filtered = filtered
            .into_iter()
            .map(|(key, rows)| (term::term(&key.key).as_bytes().to_vec(), rows));
        let (of_rows, of_runs) = by_runs(self.attributes.terms());
        let mut terms = vec![
            (fields.attribute, of_rows),
            (fields.attribute_run, of_runs),
            (fields.filtered_key, sorted_terms(filtered)),
            (fields.resource, self.resources.number_terms()),
            (
                fields.resource_attribute,
                table_terms(&self.resources.attributes),
            ),
            (fields.service, table_terms(&self.services)),
            (fields.scope, self.scopes.number_terms()),
            (fields.scope_attribute, table_terms(&self.scopes.attributes)),
        ];
        match fields.of_signal {
            SignalFields::Traces { operation, status } => {
                terms.push((operation, table_terms(&self.operations)));
                terms.push((status, table_terms(&self.small)));
                files::write(&dir.join(trace_starts::FILE), &self.trace_starts.finish())?;
            }
            SignalFields::Logs { event_name } => {
                terms.push((event_name, table_terms(&self.small)));
            }
        }
        segment.finish(&terms).map_err(boxed)?;
        drop(terms);
        let filters = self.attributes.finish_filters(row_count);
        files::write(&dir.join(value_filter::FILE), &filters)?;
        Ok((row_count, metadata))
    }
}

impl Envelopes {
    fn insert<E>(
        &mut self,
        text: &str,
        always: bool,
        attributes: impl FnOnce(&mut dyn FnMut(&str, &str)) -> Result<(), E>,
    ) -> Result<Option<u32>, E> {
        let number = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let mut is_empty = true;
        let table = &mut self.attributes;
        attributes(&mut |key, value| {
            is_empty = false;
            let text = term::attribute(key, value);
            table.add(term::term(&text).as_bytes(), number);
        })?;
        let number = (always || !is_empty).then_some(number);
        if number.is_some() {
            self.rows.push(Postings::default());
        }
        self.numbers.insert(text.into(), number);
        Ok(number)
    }

    fn add(&mut self, number: u32, row: u32) {
        if let Some(rows) = self.rows.get_mut(number as usize) {
            rows.push(row);
        }
    }

    fn number_terms(&self) -> SortedTerms<'_> {
        let numbers = (0_u32..).map(|number| number.to_be_bytes().to_vec());
        sorted_terms(numbers.zip(&self.rows))
    }
}

/// The terms that keep their rows, and those that have the boundaries of runs instead.
fn by_runs(terms: SortedTerms<'_>) -> (SortedTerms<'_>, SortedTerms<'_>) {
    let (mut of_rows, mut of_runs) = (SortedTerms::new(), SortedTerms::new());
    for (term, rows) in terms {
        match rows.boundaries() {
            Some(boundaries) => of_runs.push((term, Cow::Owned(boundaries))),
            None => of_rows.push((term, rows)),
        }
    }
    (of_rows, of_runs)
}

fn table_terms(table: &TermTable) -> SortedTerms<'_> {
    sorted_terms(table.iter().map(|(text, rows)| (text.to_vec(), rows)))
}

fn boxed(error: TantivyError) -> Box<TantivyError> {
    Box::new(error)
}
