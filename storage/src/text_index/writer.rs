//! Builds the index of a split, row by row.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, Int32Array, RecordBatch, StringArray};
use model::schema::column;
use model::{BatchError, Signal, TraceId};
use tantivy::directory::MmapDirectory;
use tantivy::store::Compressor;
use tantivy::{Index, IndexSettings, SingleSegmentIndexWriter, TantivyDocument, TantivyError};

use super::term;
use super::{Fields, SignalFields, index_schema};
use crate::columns::{DurationColumn, IdColumn, TextDictionary, TimeColumn, typed};
use crate::error::SealError;
use crate::filter::Rows;
use crate::hot::NO_GROUP;

/// How large the hash table of terms is at the beginning; it grows with the terms.
const INITIAL_MEMORY_BYTES: usize = 32 << 20;

/// Takes the rows of a split in their order.
pub(crate) struct IndexWriter {
    signal: Signal,
    fields: Fields,
    writer: SingleSegmentIndexWriter,
    row_count: u32,
    traces: TraceOrdinals,
    /// Resource text to number.
    resources: HashMap<Box<str>, u64>,
    /// Scope text to the terms of its attributes.
    scopes: HashMap<Box<str>, Arc<[String]>>,
}

impl IndexWriter {
    /// Begins the index in an empty directory.
    pub(crate) fn create(dir: &Path, signal: Signal) -> Result<Self, SealError> {
        let (schema, fields) = index_schema(signal);
        let directory = MmapDirectory::open(dir)
            .map_err(TantivyError::from)
            .map_err(boxed)?;
        let settings = IndexSettings {
            docstore_compression: Compressor::None,
            docstore_compress_dedicated_thread: false,
            ..IndexSettings::default()
        };
        let writer = Index::builder()
            .schema(schema)
            .settings(settings)
            .single_segment_index_writer(directory, INITIAL_MEMORY_BYTES)
            .map_err(boxed)?;
        Ok(Self {
            signal,
            fields,
            writer,
            row_count: 0,
            traces: TraceOrdinals::default(),
            resources: HashMap::new(),
            scopes: HashMap::new(),
        })
    }

    /// Adds the next rows.
    pub(crate) fn add_rows(&mut self, batch: &RecordBatch) -> Result<(), SealError> {
        let columns = IndexedColumns::new(self.signal, batch)?;
        // What a dictionary key of this batch stands for, so that a text is hashed once per batch.
        let mut resources: HashMap<usize, u64> = HashMap::new();
        let mut scopes: HashMap<usize, Arc<[String]>> = HashMap::new();
        for row in 0..batch.num_rows() {
            let mut document = self.common_fields(&columns, row);
            self.signal_fields(&columns, row, &mut document);
            let key = columns.resources.key(row);
            let resource = match resources.get(&key) {
                Some(known) => *known,
                None => self.resource(&columns, row, &mut document)?,
            };
            resources.insert(key, resource);
            document.add_u64(self.fields.resource, resource);
            let key = columns.scopes.key(row);
            let scope = match scopes.get(&key) {
                Some(known) => Arc::clone(known),
                None => self.scope(&columns, row)?,
            };
            self.attribute_terms(&columns, row, &scope, &mut document);
            scopes.insert(key, scope);
            self.writer.add_document(document).map_err(boxed)?;
            self.row_count += 1;
        }
        Ok(())
    }

    /// Writes the index and returns how many rows it has.
    pub(crate) fn finish(self) -> Result<u32, SealError> {
        let row_count = self.row_count;
        let index = self.writer.finalize().map_err(boxed)?;
        let segments = index.searchable_segment_metas().map_err(boxed)?;
        assert_eq!(segments.len(), 1, "a split has one segment");
        let max_doc: u32 = segments.iter().map(tantivy::SegmentMeta::max_doc).sum();
        assert_eq!(max_doc, row_count, "document numbers are row numbers");
        Ok(row_count)
    }

    fn common_fields(&mut self, columns: &IndexedColumns<'_>, row: usize) -> TantivyDocument {
        let mut document = TantivyDocument::default();
        let trace_id = TraceId::from_slice(columns.trace_ids.value(row)).ok();
        if let Some(id) = trace_id {
            document.add_bytes(self.fields.trace_id, id.as_bytes());
        }
        document.add_u64(
            self.fields.trace_ordinal,
            u64::from(self.traces.ordinal(trace_id)),
        );
        document.add_u64(self.fields.time, columns.times.value(row).0);
        document.add_text(self.fields.service, term::term(columns.services.text(row)));
        document
    }

    fn signal_fields(
        &self,
        columns: &IndexedColumns<'_>,
        row: usize,
        document: &mut TantivyDocument,
    ) {
        match (&self.fields.of_signal, &columns.of_signal) {
            (
                SignalFields::Traces {
                    name,
                    operation,
                    kind,
                    status,
                    duration,
                },
                SignalColumns::Traces {
                    names,
                    kinds,
                    statuses,
                    durations,
                },
            ) => {
                let (span_name, span_kind) = (names.value(row), kinds.value(row));
                document.add_text(*name, term::term(span_name));
                let text = term::operation(columns.services.text(row), span_kind, span_name);
                document.add_text(*operation, term::term(&text));
                document.add_i64(*kind, i64::from(span_kind));
                let code = if statuses.is_null(row) {
                    0
                } else {
                    statuses.value(row)
                };
                document.add_i64(*status, i64::from(code));
                document.add_u64(*duration, durations.value(row));
            }
            (
                SignalFields::Logs {
                    severity,
                    event_name,
                },
                SignalColumns::Logs {
                    severities,
                    event_names,
                },
            ) => {
                document.add_i64(*severity, i64::from(severities.value(row)));
                document.add_text(*event_name, term::term(event_names.value(row)));
            }
            _ => debug_assert!(false, "fields and columns are of one signal"),
        }
    }

    fn attribute_terms(
        &self,
        columns: &IndexedColumns<'_>,
        row: usize,
        scope: &[String],
        document: &mut TantivyDocument,
    ) {
        let field = self.fields.attribute;
        columns.rows.visit_own_attributes(row, &mut |key, value| {
            document.add_text(field, term::term(&term::attribute(key, value)));
        });
        for text in scope {
            document.add_text(field, term::term(text));
        }
    }

    /// The number of the row's resource. Its attributes become terms of the first row that has it.
    fn resource(
        &mut self,
        columns: &IndexedColumns<'_>,
        row: usize,
        document: &mut TantivyDocument,
    ) -> Result<u64, BatchError> {
        let text = columns.resources.text(row);
        if let Some(number) = self.resources.get(text) {
            return Ok(*number);
        }
        let field = self.fields.resource_attribute;
        columns
            .rows
            .visit_resource_attributes(row, &mut |key, value| {
                document.add_text(field, term::term(&term::attribute(key, value)));
            })?;
        let number = self.resources.len() as u64;
        self.resources.insert(text.into(), number);
        Ok(number)
    }

    fn scope(
        &mut self,
        columns: &IndexedColumns<'_>,
        row: usize,
    ) -> Result<Arc<[String]>, BatchError> {
        let text = columns.scopes.text(row);
        if let Some(terms) = self.scopes.get(text) {
            return Ok(Arc::clone(terms));
        }
        let mut terms = Vec::new();
        let mut visit = |key: &str, value: &str| terms.push(term::attribute(key, value));
        columns.rows.visit_scope_attributes(row, &mut visit)?;
        let terms: Arc<[String]> = terms.into();
        self.scopes.insert(text.into(), Arc::clone(&terms));
        Ok(terms)
    }
}

fn boxed(error: TantivyError) -> Box<TantivyError> {
    Box::new(error)
}

/// Numbers traces in the order in which they appear.
#[derive(Default)]
struct TraceOrdinals {
    ordinals: HashMap<TraceId, u32>,
}

impl TraceOrdinals {
    fn ordinal(&mut self, id: Option<TraceId>) -> u32 {
        let Some(id) = id else { return NO_GROUP };
        let next = u32::try_from(self.ordinals.len()).unwrap_or(NO_GROUP);
        *self.ordinals.entry(id).or_insert(next)
    }
}

/// The columns that become terms and fast fields.
struct IndexedColumns<'a> {
    rows: Rows,
    trace_ids: IdColumn<'a>,
    times: TimeColumn<'a>,
    services: TextDictionary<'a>,
    resources: TextDictionary<'a>,
    scopes: TextDictionary<'a>,
    of_signal: SignalColumns<'a>,
}

enum SignalColumns<'a> {
    Traces {
        names: &'a StringArray,
        kinds: &'a Int32Array,
        statuses: &'a Int32Array,
        durations: DurationColumn<'a>,
    },
    Logs {
        severities: &'a Int32Array,
        event_names: &'a StringArray,
    },
}

impl<'a> IndexedColumns<'a> {
    fn new(signal: Signal, batch: &'a RecordBatch) -> Result<Self, BatchError> {
        let of_signal = match signal {
            Signal::Traces => SignalColumns::Traces {
                names: typed(batch, column::NAME)?,
                kinds: typed(batch, column::KIND)?,
                statuses: typed(batch, column::STATUS_CODE)?,
                durations: DurationColumn::new(batch)?,
            },
            Signal::Logs => SignalColumns::Logs {
                severities: typed(batch, column::SEVERITY_NUMBER)?,
                event_names: typed(batch, column::EVENT_NAME)?,
            },
        };
        Ok(Self {
            rows: Rows::new(signal, batch)?,
            trace_ids: IdColumn::new(batch, column::TRACE_ID)?,
            times: TimeColumn::new(signal, batch)?,
            services: TextDictionary::new(batch, column::SERVICE_NAME)?,
            resources: TextDictionary::new(batch, column::RESOURCE)?,
            scopes: TextDictionary::new(batch, column::SCOPE)?,
            of_signal,
        })
    }
}
