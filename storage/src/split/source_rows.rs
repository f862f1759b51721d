//! The rows of a batch as the writer of a split looks at them.

use arrow_array::{Array, Int32Array, RecordBatch, StringArray};
use model::schema::column;
use model::{BatchError, Signal, TraceId, UnixNanos};

use super::attribute_columns::Entry;
use super::envelope_numbers::EnvelopeNumbers;
use super::keys::{KeyNumber, Keys};
use crate::columns::{DurationColumn, IdColumn, TextDictionary, TimeColumn, typed};
use crate::filter::Rows;
use crate::text_index::attributes::{KnownValue, place};
use crate::text_index::postings::TermNumber;
use crate::text_index::writer::{IndexWriter, IndexedFields, IndexedRow};

/// One batch, with what is known of its dictionaries.
pub(crate) struct SourceRows<'a> {
    rows: Rows,
    trace_ids: IdColumn<'a>,
    times: TimeColumn<'a>,
    services: TextDictionary<'a>,
    resources: TextDictionary<'a>,
    scopes: TextDictionary<'a>,
    /// Numbers of keys by position among the keys of the batch.
    key_numbers: Vec<KeyNumber>,
    /// What the index knows of values, by position among the values of the batch.
    known_values: Vec<KnownValue>,
    of_signal: SignalColumns<'a>,
    envelope_numbers: EnvelopeNumbers,
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

impl<'a> SourceRows<'a> {
    /// Looks at a batch of the signal's schema.
    pub(crate) fn new(
        signal: Signal,
        batch: &'a RecordBatch,
        keys: &mut Keys,
    ) -> Result<Self, BatchError> {
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
        let rows = Rows::new(signal, batch)?;
        let attributes = rows.attributes();
        let known = attributes.keys();
        let resources = TextDictionary::new(batch, column::RESOURCE)?;
        let scopes = TextDictionary::new(batch, column::SCOPE)?;
        Ok(Self {
            key_numbers: (0..known.len())
                .map(|at| keys.number(known.value(at)))
                .collect(),
            known_values: vec![KnownValue::default(); attributes.values().len()],
            rows,
            trace_ids: IdColumn::new(batch, column::TRACE_ID)?,
            times: TimeColumn::new(signal, batch)?,
            services: TextDictionary::new(batch, column::SERVICE_NAME)?,
            envelope_numbers: EnvelopeNumbers::new(
                resources.texts().count(),
                scopes.texts().count(),
            ),
            resources,
            scopes,
            of_signal,
        })
    }

    /// The attributes of the record itself, in their order.
    pub(crate) fn attributes(&self, row: usize) -> impl Iterator<Item = Entry<'_>> {
        let attributes = self.rows.attributes();
        let types = attributes.types(row);
        attributes
            .entries(row)
            .zip(types)
            .map(|(entry, type_code)| {
                let key = attributes.key_id(entry);
                Entry {
                    number: self.key_numbers[key],
                    key: attributes.keys().value(key),
                    type_code: *type_code,
                    text: attributes.value(entry).unwrap_or_default(),
                }
            })
    }

    /// The moment the row is filed under.
    pub(crate) fn time(&self, row: usize) -> UnixNanos {
        self.times.value(row)
    }

    /// Adds the row to the index, with all its attributes.
    pub(crate) fn index(
        &mut self,
        row: usize,
        index: &mut IndexWriter,
        keys: &mut Keys,
    ) -> Result<(), BatchError> {
        let resource = self.resource_number(row, index)?;
        let scope = self.scope_number(row, index)?;
        index.add_row(IndexedRow {
            trace_id: TraceId::from_slice(self.trace_ids.value(row)).ok(),
            time: self.times.value(row).0,
            resource,
            scope,
            of_signal: self.fields(row, &mut None),
        });
        let attributes = self.rows.attributes();
        for entry in attributes.entries(row) {
            let key = attributes.key_id(entry);
            let number = self.key_numbers[key];
            let key = attributes.keys().value(key);
            let text = attributes.value(entry).unwrap_or_default();
            let id = attributes.value_id(entry);
            let known = id.and_then(|id| self.known_values.get_mut(id));
            let mut unknown = KnownValue::default();
            let known = known.unwrap_or(&mut unknown);
            index.add_known_attribute(number, (key, text), place::RECORD, known);
        }
        if let Rows::Spans(spans) = &self.rows {
            spans.visit_event_attributes(row, &mut |key, text| {
                index.add_attribute(keys.number(key), (key, text), place::EVENT);
            });
            spans.visit_link_attributes(row, &mut |key, text| {
                index.add_attribute(keys.number(key), (key, text), place::LINK);
            });
        }
        Ok(())
    }

    fn fields<'b>(
        &'b self,
        row: usize,
        operation: &'b mut Option<TermNumber>,
    ) -> IndexedFields<'b> {
        match &self.of_signal {
            SignalColumns::Traces {
                names,
                kinds,
                statuses,
                durations,
            } => IndexedFields::Span {
                service: self.services.text(row),
                kind: kinds.value(row),
                name: names.value(row),
                operation,
                status_code: if statuses.is_null(row) {
                    0
                } else {
                    statuses.value(row)
                },
                duration_nano: durations.value(row),
            },
            SignalColumns::Logs {
                severities,
                event_names,
            } => IndexedFields::Log {
                severity_number: severities.value(row),
                event_name: event_names.value(row),
            },
        }
    }

    fn resource_number(&mut self, row: usize, index: &mut IndexWriter) -> Result<u32, BatchError> {
        self.envelope_numbers.resource(self.resources.key(row), || {
            let (text, service) = (self.resources.text(row), self.services.text(row));
            index.resource(text, service, |visit| {
                self.rows.visit_resource_attributes(row, visit)
            })
        })
    }

    fn scope_number(
        &mut self,
        row: usize,
        index: &mut IndexWriter,
    ) -> Result<Option<u32>, BatchError> {
        self.envelope_numbers.scope(self.scopes.key(row), || {
            index.scope(self.scopes.text(row), |visit| {
                self.rows.visit_scope_attributes(row, visit)
            })
        })
    }
}
