//! The rows of a stored batch as the index looks at them: what stands behind a dictionary is looked up
//! once for each batch and not once for each row.

use arrow_array::cast::AsArray as _;
use arrow_array::{
    Array as _, BinaryArray, Int32Array, Int64Array, ListArray, MapArray, RecordBatch, StringArray,
};
use model::schema::column;
use model::{Attribute, BatchError, EnvelopeColumns, Signal, TraceId, UnixNanos, ValueType};

use super::attribute_columns::Choice;
use super::envelope_numbers::EnvelopeNumbers;
use super::keys::{KeyNumber, Keys};
use super::logical::{DedicatedValues, Rest};
use super::physical::{ATTRIBUTE_LAYOUT, layout_entry};
use super::stored::{StoredBatch, Texts};
use super::template;
use crate::columns::{DurationColumn, IdColumn, MapTexts, TextDictionary, TimeColumn, typed};
use crate::text_index::attributes::{KnownValue, place};
use crate::text_index::postings::TermNumber;
use crate::text_index::writer::{IndexWriter, IndexedFields, IndexedRow};

/// Numbers of one column that are remembered, as a power of two: few enough to stay in the processor's cache.
const NUMBER_BITS: u32 = 10;

type Map<K, V> = hashbrown::HashMap<K, V, foldhash::fast::FixedState>;

/// What the index knows of the numbers that came last in columns of numbers, by column. Each number has one
/// slot where it is remembered until another one with the same slot comes.
#[derive(Debug, Default)]
pub(super) struct KnownNumbers(Vec<Vec<(i64, KnownValue)>>);

/// One batch, with what is known of its dictionaries.
pub(super) struct StoredRows<'a> {
    trace_ids: IdColumn<'a>,
    times: TimeColumn<'a>,
    services: TextDictionary<'a>,
    resources: TextDictionary<'a>,
    scopes: TextDictionary<'a>,
    envelopes: EnvelopeColumns,
    of_signal: SignalColumns<'a>,
    layouts: Texts<'a, BinaryArray>,
    columns: Vec<Column<'a>>,
    rest: Rest<'a>,
    /// Attributes of events and links.
    lists: Vec<(u8, &'a ListArray, MapTexts<'a>)>,
    envelope_numbers: EnvelopeNumbers,
    text: String,
}

enum SignalColumns<'a> {
    Traces {
        names: Texts<'a, StringArray>,
        kinds: &'a Int32Array,
        statuses: &'a Int32Array,
        durations: DurationColumn<'a>,
        /// By service, kind and name.
        operations: Map<(usize, i32, usize), Option<TermNumber>>,
    },
    Logs {
        severities: &'a Int32Array,
        event_names: Texts<'a, StringArray>,
    },
}

/// The values of one key.
struct Column<'a> {
    key: &'a str,
    number: KeyNumber,
    values: Values<'a>,
}

enum Values<'a> {
    Texts {
        texts: Texts<'a, StringArray>,
        /// By position in the dictionary.
        known: Vec<KnownValue>,
    },
    /// Texts without a dictionary: they come in runs, or each once.
    Runs {
        texts: &'a StringArray,
        last: Option<(&'a str, KnownValue)>,
    },
    Templates {
        templates: Texts<'a, StringArray>,
        values: &'a BinaryArray,
    },
    Numbers(&'a Int64Array),
    Others(DedicatedValues<'a>),
}

impl<'a> StoredRows<'a> {
    /// Looks at a batch that was read for these columns.
    pub(super) fn new(
        signal: Signal,
        batch: &'a StoredBatch,
        choices: &'a [Choice],
        keys: &mut Keys,
    ) -> Result<Self, BatchError> {
        let batch = &batch.columns;
        let resources = TextDictionary::new(batch, column::RESOURCE)?;
        let scopes = TextDictionary::new(batch, column::SCOPE)?;
        let columns = choices.iter().map(|choice| {
            Ok(Column {
                key: &choice.column.key,
                number: keys.number(&choice.column.key),
                values: Values::new(batch, choice)?,
            })
        });
        Ok(Self {
            trace_ids: IdColumn::new(batch, column::TRACE_ID)?,
            times: TimeColumn::new(signal, batch)?,
            services: TextDictionary::new(batch, column::SERVICE_NAME)?,
            envelopes: EnvelopeColumns::of_batch(batch)?,
            of_signal: SignalColumns::new(signal, batch)?,
            layouts: Texts::new(batch, ATTRIBUTE_LAYOUT)?,
            columns: columns.collect::<Result<_, BatchError>>()?,
            rest: Rest::new(batch).map_err(|_| damaged(column::ATTRIBUTES, 0))?,
            lists: lists(signal, batch)?,
            envelope_numbers: EnvelopeNumbers::new(
                resources.texts().count(),
                scopes.texts().count(),
            ),
            resources,
            scopes,
            text: String::new(),
        })
    }

    /// The moment the row is filed under.
    pub(super) fn time(&self, row: usize) -> UnixNanos {
        self.times.value(row)
    }

    /// Adds the row to the index, with all its attributes.
    pub(super) fn index(
        &mut self,
        row: usize,
        index: &mut IndexWriter,
        keys: &mut Keys,
        numbers: &mut KnownNumbers,
    ) -> Result<(), BatchError> {
        let resource = self.resource_number(row, index)?;
        let scope = self.scope_number(row, index)?;
        index.add_row(IndexedRow {
            trace_id: TraceId::from_slice(self.trace_ids.value(row)).ok(),
            time: self.times.value(row).0,
            resource,
            scope,
            of_signal: self.of_signal.fields(&self.services, row),
        });
        self.index_attributes(row, index, keys, numbers)?;
        for (place, list, texts) in &self.lists {
            let offsets = list.value_offsets();
            let at = |row: usize| offsets.get(row).and_then(|at| usize::try_from(*at).ok());
            let (Some(start), Some(end)) = (at(row), at(row + 1)) else {
                return Err(damaged(column::EVENTS, row));
            };
            for (key, text) in (start..end).flat_map(|item| texts.of_row(item)) {
                index.add_attribute(keys.number(key), (key, text), *place);
            }
        }
        Ok(())
    }

    fn index_attributes(
        &mut self,
        row: usize,
        index: &mut IndexWriter,
        keys: &mut Keys,
        numbers: &mut KnownNumbers,
    ) -> Result<(), BatchError> {
        let wrong = |_| damaged(column::ATTRIBUTES, row);
        let layout = self.layouts.place(row);
        let layout = layout.map_or(&[][..], |place| self.layouts.values.value(place));
        let mut rest = self.rest.range(row).map_err(wrong)?;
        for byte in layout {
            match layout_entry(*byte) {
                Ok(number) => {
                    let column = self.columns.get_mut(number);
                    let column = column.ok_or_else(|| damaged(ATTRIBUTE_LAYOUT, row))?;
                    column
                        .index(row, index, &mut self.text, (number, numbers))
                        .ok_or_else(|| damaged(column.key, row))?;
                }
                Err(_) => {
                    let at = rest.next().ok_or_else(|| damaged(ATTRIBUTE_LAYOUT, row))?;
                    let key = self.rest.keys.value(at);
                    let text = self.rest.value(at).unwrap_or_default();
                    index.add_attribute(keys.number(key), (key, text), place::RECORD);
                }
            }
        }
        match rest.next() {
            None => Ok(()),
            Some(_) => Err(damaged(ATTRIBUTE_LAYOUT, row)),
        }
    }

    fn resource_number(&mut self, row: usize, index: &mut IndexWriter) -> Result<u32, BatchError> {
        self.envelope_numbers.resource(self.resources.key(row), || {
            let (text, service) = (self.resources.text(row), self.services.text(row));
            index.resource(text, service, |visit| {
                visit_texts(&self.envelopes.resource(row)?.attributes, visit);
                Ok(())
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
                visit_texts(&self.envelopes.scope(row)?.attributes, visit);
                Ok(())
            })
        })
    }
}

fn visit_texts(attributes: &[Attribute], visit: &mut dyn FnMut(&str, &str)) {
    for attribute in attributes {
        visit(&attribute.key, &attribute.text());
    }
}

fn damaged(column: &str, row: usize) -> BatchError {
    BatchError::DamagedValue {
        column: column.to_owned(),
        row,
    }
}

fn lists(
    signal: Signal,
    batch: &RecordBatch,
) -> Result<Vec<(u8, &ListArray, MapTexts<'_>)>, BatchError> {
    let columns: &[(u8, &str)] = match signal {
        Signal::Traces => &[(place::EVENT, column::EVENTS), (place::LINK, column::LINKS)],
        Signal::Logs => &[],
    };
    let list = |(place, name): &(u8, &str)| {
        let list: &ListArray = typed(batch, name)?;
        let items = list.values().as_struct_opt();
        let map = items.and_then(|items| items.column_by_name(column::ATTRIBUTES));
        let map: Option<&MapArray> = map.and_then(|map| map.as_map_opt());
        let texts = map.and_then(MapTexts::new);
        let texts = texts.ok_or_else(|| BatchError::WrongType {
            column: (*name).to_owned(),
        })?;
        Ok((*place, list, texts))
    };
    columns.iter().map(list).collect()
}

impl<'a> SignalColumns<'a> {
    fn new(signal: Signal, batch: &'a RecordBatch) -> Result<Self, BatchError> {
        Ok(match signal {
            Signal::Traces => Self::Traces {
                names: Texts::new(batch, column::NAME)?,
                kinds: typed(batch, column::KIND)?,
                statuses: typed(batch, column::STATUS_CODE)?,
                durations: DurationColumn::new(batch)?,
                operations: Map::default(),
            },
            Signal::Logs => Self::Logs {
                severities: typed(batch, column::SEVERITY_NUMBER)?,
                event_names: Texts::new(batch, column::EVENT_NAME)?,
            },
        })
    }

    fn fields<'b>(&'b mut self, services: &TextDictionary<'a>, row: usize) -> IndexedFields<'b> {
        match self {
            Self::Traces {
                names,
                kinds,
                statuses,
                durations,
                operations,
            } => {
                let (kind, name) = (kinds.value(row), names.place(row).unwrap_or_default());
                // Without a dictionary every row would be remembered for itself.
                let row_of_name = if names.keys.is_some() { name } else { 0 };
                let key = (services.key(row), kind, row_of_name);
                if names.keys.is_none() {
                    operations.clear();
                }
                IndexedFields::Span {
                    service: services.text(row),
                    kind,
                    name: names.values.value(name),
                    operation: operations.entry(key).or_default(),
                    status_code: if statuses.is_null(row) {
                        0
                    } else {
                        statuses.value(row)
                    },
                    duration_nano: durations.value(row),
                }
            }
            Self::Logs {
                severities,
                event_names,
            } => IndexedFields::Log {
                severity_number: severities.value(row),
                event_name: event_names
                    .place(row)
                    .map_or("", |place| event_names.values.value(place)),
            },
        }
    }
}

impl<'a> Values<'a> {
    fn new(batch: &'a RecordBatch, choice: &Choice) -> Result<Self, BatchError> {
        let mut names = choice.column.columns().into_iter();
        let name = names.next().unwrap_or_default();
        if let Some(values) = names.next() {
            return Ok(Self::Templates {
                templates: Texts::new(batch, &name)?,
                values: typed(batch, &values)?,
            });
        }
        Ok(match choice.column.value_type {
            ValueType::String => {
                let texts: Texts<'a, StringArray> = Texts::new(batch, &name)?;
                if texts.keys.is_some() {
                    let known = vec![KnownValue::default(); texts.values.len()];
                    Self::Texts { texts, known }
                } else {
                    Self::Runs {
                        texts: texts.values,
                        last: None,
                    }
                }
            }
            ValueType::Int => Self::Numbers(typed(batch, &name)?),
            _ => {
                let values = DedicatedValues::new(&choice.column, batch);
                Self::Others(values.map_err(|_| damaged(&name, 0))?)
            }
        })
    }
}

impl KnownNumbers {
    fn of_column(&mut self, column: usize, number: i64) -> &mut KnownValue {
        if column >= self.0.len() {
            self.0.resize_with(column + 1, Vec::new);
        }
        let slots = &mut self.0[column];
        if slots.is_empty() {
            slots.resize(1 << NUMBER_BITS, (0, KnownValue::default()));
        }
        // Multiplied by 2^64 over the golden ratio, so that neighbours have different slots.
        let mixed = number.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (known_number, known) = &mut slots[(mixed >> (u64::BITS - NUMBER_BITS)) as usize];
        if *known_number != number {
            *known_number = number;
            *known = KnownValue::default();
        }
        known
    }
}

impl Column<'_> {
    /// Adds the value of the row; `None` when it has none.
    fn index(
        &mut self,
        row: usize,
        index: &mut IndexWriter,
        text: &mut String,
        (column, numbers): (usize, &mut KnownNumbers),
    ) -> Option<()> {
        let (key, number) = (self.key, self.number);
        let mut add = |text: &str, known: &mut KnownValue| {
            index.add_known_attribute(number, (key, text), place::RECORD, known);
        };
        match &mut self.values {
            Values::Texts { texts, known } => {
                let place = texts.place(row)?;
                add(texts.values.value(place), known.get_mut(place)?);
            }
            Values::Runs { texts, last } => {
                let value = texts.is_valid(row).then(|| texts.value(row))?;
                let (last, known) = last.get_or_insert_default();
                if *last != value {
                    *known = KnownValue::default();
                    *last = value;
                }
                add(value, known);
            }
            Values::Templates { templates, values } => {
                let template = templates.values.value(templates.place(row)?);
                text.clear();
                template::fill(template, values.value(row), text)?;
                add(text, &mut KnownValue::default());
            }
            Values::Numbers(values) => {
                let value = values.is_valid(row).then(|| values.value(row))?;
                let known = numbers.of_column(column, value);
                if !index.add_attribute_again(number, place::RECORD, known) {
                    text.clear();
                    template::push_signed(text, value);
                    index.add_known_attribute(number, (key, text), place::RECORD, known);
                }
            }
            Values::Others(values) => {
                values.is_valid(row).then_some(())?;
                values.text(row, text).ok()?;
                add(text, &mut KnownValue::default());
            }
        }
        Some(())
    }
}
