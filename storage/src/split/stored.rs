//! Rows of a split as they stand in its file, in the columns of the file that they are copied to.
//!
//! A file with the same columns for attributes, in whichever order, gives its values as they are: texts
//! stay behind the dictionaries of the file or taken apart. Rows of any other file are put together
//! whole and spread over the columns again, as in a seal.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, BinaryArray, DictionaryArray, RecordBatch, StringArray};
use arrow_schema::{Field, Schema};
use model::schema::column;
use model::{BatchError, Signal};
use parquet::errors::{ParquetError, Result as ParquetResult};

use super::attribute_columns::{AttributeColumns, Choice};
use super::keys::Keys;
use super::logical::parent_ids;
use super::parquet_file::ParquetFile;
use super::physical::{
    ATTRIBUTE_LAYOUT, Dedicated, PARENT_OFFSET, dedicated_byte, layout_entry, physical_schema,
};
use super::source_rows::SourceRows;
use crate::columns::typed;

/// Rows of one split.
#[derive(Debug, Clone)]
pub(crate) struct StoredBatch {
    /// The columns of the file that they are copied to, without `parent_offset` and with every
    /// `parent_span_id`; texts may stand behind dictionaries.
    pub(crate) columns: RecordBatch,
    /// Log records only.
    pub(crate) bodies: Option<StringArray>,
}

impl StoredBatch {
    /// Bytes of memory that it holds.
    pub(crate) fn memory_bytes(&self) -> usize {
        let bodies = self.bodies.as_ref();
        let bodies = bodies.map_or(0, |bodies| bodies.get_array_memory_size());
        self.columns.get_array_memory_size() + bodies
    }
}

/// The number in `choices` of each column of a file, if they are the same columns.
pub(super) fn same_columns(file: &[Dedicated], choices: &[Choice]) -> Option<Vec<usize>> {
    if file.len() != choices.len() {
        return None;
    }
    let number = |column: &Dedicated| choices.iter().position(|choice| choice.column == *column);
    file.iter().map(number).collect()
}

/// Reads rows, which ascend and exist, of a file that has the columns with these numbers in `choices`: a batch
/// for each row group that has some of them.
pub(super) fn read(
    file: &ParquetFile,
    signal: Signal,
    rows: &[u32],
    choices: &[Choice],
    numbers: &[usize],
) -> ParquetResult<Vec<RecordBatch>> {
    let mut rest = rows;
    let mut batches = Vec::new();
    for stored in file.read_stored(rows)? {
        let (rows, after) = rest.split_at(stored.num_rows().min(rest.len()));
        rest = after;
        let column = |field: &Field| -> ParquetResult<ArrayRef> {
            let array = || stored.column_by_name(field.name()).map(Arc::clone);
            let missing = || ParquetError::General(format!("no column {}", field.name()));
            match field.name().as_str() {
                column::PARENT_SPAN_ID => parent_ids(file, rows, &stored),
                ATTRIBUTE_LAYOUT => renumbered(&array().ok_or_else(missing)?, numbers),
                _ => array().ok_or_else(missing),
            }
        };
        batches.push(assemble(signal, choices, column)?);
    }
    Ok(batches)
}

/// Spreads whole rows over the columns.
pub(super) fn spread(
    signal: Signal,
    batch: &RecordBatch,
    choices: &[Choice],
    keys: &mut Keys,
) -> Result<RecordBatch, BatchError> {
    let source = SourceRows::new(signal, batch, keys)?;
    let mut attributes = AttributeColumns::new(choices);
    for row in 0..batch.num_rows() {
        for entry in source.attributes(row) {
            attributes.push(&entry);
        }
        attributes.end_row();
    }
    let (dedicated, rest, layouts) = attributes.finish();
    let mut dedicated = dedicated.into_iter();
    let mut column = |field: &Field| -> Result<ArrayRef, BatchError> {
        let name = field.name();
        let found = match name.as_str() {
            column::ATTRIBUTES => Some(Arc::clone(&rest)),
            ATTRIBUTE_LAYOUT => Some(Arc::clone(&layouts)),
            _ => match batch.column_by_name(name) {
                Some(array) => Some(Arc::clone(array)),
                None => dedicated.next(),
            },
        };
        found.ok_or_else(|| BatchError::MissingColumn {
            column: name.clone(),
        })
    };
    let wrong = |_| BatchError::WrongType {
        column: column::ATTRIBUTES.to_owned(),
    };
    let named =
        |field: &Field| column(field).map_err(|error| ParquetError::External(Box::new(error)));
    assemble(signal, choices, named).map_err(wrong)
}

/// A batch of the columns that are copied.
fn assemble(
    signal: Signal,
    choices: &[Choice],
    mut column: impl FnMut(&Field) -> ParquetResult<ArrayRef>,
) -> ParquetResult<RecordBatch> {
    let dedicated: Vec<Dedicated> = choices.iter().map(|choice| choice.column.clone()).collect();
    let schema = physical_schema(signal, &dedicated);
    let copied = schema.fields().iter();
    let copied = copied.filter(|field| field.name() != PARENT_OFFSET);
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for field in copied {
        let array = column(field)?;
        let data_type = array.data_type().clone();
        fields.push(field.as_ref().clone().with_data_type(data_type));
        arrays.push(array);
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

/// Layouts in which columns have other numbers: the one that has number `n` gets `numbers[n]`.
fn renumbered(layouts: &ArrayRef, numbers: &[usize]) -> ParquetResult<ArrayRef> {
    if numbers.iter().copied().eq(0..numbers.len()) {
        return Ok(Arc::clone(layouts));
    }
    if let Some(dictionary) = layouts.as_dictionary_opt::<Int32Type>() {
        let texts = renumbered(dictionary.values(), numbers)?;
        let keys = dictionary.keys().clone();
        return Ok(Arc::new(DictionaryArray::try_new(keys, texts)?));
    }
    let wrong = || ParquetError::General("layouts of another type".to_owned());
    let layouts: &BinaryArray = layouts.as_binary_opt().ok_or_else(wrong)?;
    let byte = |byte: &u8| match layout_entry(*byte) {
        Ok(number) => numbers.get(number).map_or(*byte, |to| dedicated_byte(*to)),
        Err(type_code) => type_code,
    };
    let bytes: Vec<u8> = layouts.value_data().iter().map(byte).collect();
    let (offsets, nulls) = (layouts.offsets().clone(), layouts.nulls().cloned());
    Ok(Arc::new(BinaryArray::try_new(
        offsets,
        bytes.into(),
        nulls,
    )?))
}

/// A column of short texts or bytes, behind a dictionary or not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Texts<'a, A> {
    /// Positions among `values`; without them, values are in the order of rows.
    pub(super) keys: Option<&'a arrow_array::Int32Array>,
    pub(super) values: &'a A,
}

impl<'a, A: Array + 'static> Texts<'a, A> {
    pub(super) fn new(batch: &'a RecordBatch, name: &str) -> Result<Self, BatchError> {
        let array = batch
            .column_by_name(name)
            .ok_or_else(|| BatchError::MissingColumn {
                column: name.to_owned(),
            })?;
        match array.as_dictionary_opt::<Int32Type>() {
            None => Ok(Self {
                keys: None,
                values: typed(batch, name)?,
            }),
            Some(dictionary) => {
                let values = dictionary.values().as_any().downcast_ref();
                let wrong = || BatchError::WrongType {
                    column: name.to_owned(),
                };
                Ok(Self {
                    keys: Some(dictionary.keys()),
                    values: values.ok_or_else(wrong)?,
                })
            }
        }
    }

    /// Where the row's value is among `values`; `None` when it has none.
    pub(super) fn place(&self, row: usize) -> Option<usize> {
        match self.keys {
            None => self.values.is_valid(row).then_some(row),
            Some(keys) => keys
                .is_valid(row)
                .then(|| usize::try_from(keys.value(row)).ok())
                .flatten(),
        }
    }
}
