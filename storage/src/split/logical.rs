//! Rows of a split in the form of `model::schema`, put together from the columns of its file.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, FixedSizeBinaryBuilder, StringBuilder};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, DictionaryArray, FixedSizeBinaryArray, Int32Array, MapArray,
    RecordBatch, StringArray, StructArray,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};
use model::schema::{self, column};
use model::{BatchError, Signal, SpanId, double_text};
use parquet::errors::{ParquetError, Result as ParquetResult};

use super::parquet_file::ParquetFile;
use super::physical::{ATTRIBUTE_LAYOUT, Dedicated, PARENT_OFFSET, layout_entry};
use super::template;
use crate::bodies::Bodies;
use crate::columns::typed;
use crate::snapshot::Columns;

/// Reads rows, which ascend and exist; the columns come in the order of the schema.
pub(crate) fn read(
    file: &ParquetFile,
    bodies: Option<&Bodies>,
    signal: Signal,
    rows: &[u32],
    columns: Columns<'_>,
) -> ParquetResult<RecordBatch> {
    let logical = schema::schema(signal);
    let is_wanted = |name: &str| match columns {
        Columns::All => true,
        Columns::Named(names) => names.contains(&name),
    };
    let wanted: Vec<&Arc<Field>> = logical
        .fields()
        .iter()
        .filter(|field| is_wanted(field.name()))
        .collect();
    let physical = read_physical(file, rows, &wanted)?;
    let needs_attributes = wanted.iter().any(|field| is_attribute_column(field.name()));
    let attributes = needs_attributes
        .then(|| attribute_columns(file, &physical, &logical))
        .transpose()?;
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(wanted.len());
    for field in &wanted {
        arrays.push(match (field.name().as_str(), &attributes) {
            (column::ATTRIBUTES, Some((map, _))) => Arc::clone(map),
            (column::ATTRIBUTE_TYPES, Some((_, types))) => Arc::clone(types),
            (column::PARENT_SPAN_ID, _) => parent_ids(file, rows, &physical)?,
            (column::BODY, _) => body_texts(bodies, rows)?,
            (name, _) => Arc::clone(named(&physical, name)?),
        });
    }
    let indices: Vec<usize> = wanted
        .iter()
        .filter_map(|field| logical.index_of(field.name()).ok())
        .collect();
    Ok(RecordBatch::try_new(
        Arc::new(logical.project(&indices)?),
        arrays,
    )?)
}

fn body_texts(bodies: Option<&Bodies>, rows: &[u32]) -> ParquetResult<ArrayRef> {
    let bodies = bodies.ok_or_else(|| damaged("there are no bodies"))?;
    let texts = bodies.texts(rows);
    Ok(Arc::new(texts.map_err(|error| {
        ParquetError::External(Box::new(error))
    })?))
}

fn is_attribute_column(name: &str) -> bool {
    name == column::ATTRIBUTES || name == column::ATTRIBUTE_TYPES
}

/// Reads the columns of the file that the wanted ones are made of.
fn read_physical(
    file: &ParquetFile,
    rows: &[u32],
    wanted: &[&Arc<Field>],
) -> ParquetResult<RecordBatch> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for field in wanted {
        match field.name().as_str() {
            column::ATTRIBUTES | column::ATTRIBUTE_TYPES => {
                names.extend(file.dedicated().iter().flat_map(Dedicated::columns));
                names.extend([column::ATTRIBUTES.to_owned(), ATTRIBUTE_LAYOUT.to_owned()]);
            }
            column::BODY => {}
            column::PARENT_SPAN_ID => {
                let more = [PARENT_OFFSET, column::PARENT_SPAN_ID, column::SPAN_ID];
                names.extend(more.map(str::to_owned));
            }
            name => {
                names.insert(name.to_owned());
            }
        }
    }
    let fields = file.schema().fields().iter().enumerate();
    let columns: Vec<usize> = fields
        .filter(|(_, field)| names.contains(field.name()))
        .map(|(place, _)| place)
        .collect();
    file.read(rows, &columns)
}

fn named<'a>(batch: &'a RecordBatch, name: &str) -> ParquetResult<&'a ArrayRef> {
    batch
        .column_by_name(name)
        .ok_or_else(|| damaged(&format!("column {name} is missing")))
}

fn damaged(problem: &str) -> ParquetError {
    ParquetError::General(problem.to_owned())
}

fn wrong(error: BatchError) -> ParquetError {
    ParquetError::External(Box::new(error))
}

/// The ids of parents: of rows at a distance, which may have to be read as well, or as they stand.
pub(super) fn parent_ids(
    file: &ParquetFile,
    rows: &[u32],
    physical: &RecordBatch,
) -> ParquetResult<ArrayRef> {
    let offsets: &Int32Array = typed(physical, PARENT_OFFSET).map_err(wrong)?;
    let elsewhere: &FixedSizeBinaryArray =
        typed(physical, column::PARENT_SPAN_ID).map_err(wrong)?;
    let span_ids: &FixedSizeBinaryArray = typed(physical, column::SPAN_ID).map_err(wrong)?;
    let parent_row = |place: usize| {
        let row = offsets.is_valid(place).then(|| rows.get(place))??;
        Some(row.wrapping_add_signed(offsets.value(place)))
    };
    let place_of = |place: usize, row: u32| place_near(rows, place, row);
    let missing: BTreeSet<u32> = (0..rows.len())
        .filter_map(|place| parent_row(place).filter(|row| place_of(place, *row).is_none()))
        .collect();
    let missing: Vec<u32> = missing.into_iter().collect();
    let more = read_span_ids(file, &missing)?;
    let mut ids = FixedSizeBinaryBuilder::with_capacity(
        rows.len(),
        i32::try_from(SpanId::LEN).unwrap_or_default(),
    );
    for place in 0..rows.len() {
        match parent_row(place) {
            Some(row) => match place_of(place, row) {
                Some(known) => ids.append_value(span_ids.value(known))?,
                None => {
                    let at = missing.binary_search(&row);
                    let at = at.map_err(|_| damaged("a parent is missing"))?;
                    ids.append_value(more.value(at))?;
                }
            },
            None if elsewhere.is_valid(place) => ids.append_value(elsewhere.value(place))?,
            None => ids.append_null(),
        }
    }
    Ok(Arc::new(ids.finish()))
}

/// The place of `row` among rows that ascend, looked for first where it is if the rows around `place`
/// lie side by side.
fn place_near(rows: &[u32], place: usize, row: u32) -> Option<usize> {
    let own = *rows.get(place)?;
    let distance = i64::from(row) - i64::from(own);
    let guess = place.checked_add_signed(isize::try_from(distance).ok()?);
    match guess {
        Some(guess) if rows.get(guess) == Some(&row) => Some(guess),
        _ => rows.binary_search(&row).ok(),
    }
}

fn read_span_ids(file: &ParquetFile, rows: &[u32]) -> ParquetResult<FixedSizeBinaryArray> {
    let column = file.schema().index_of(column::SPAN_ID)?;
    let batch = file.read(rows, &[column])?;
    let ids: &FixedSizeBinaryArray = typed(&batch, column::SPAN_ID).map_err(wrong)?;
    Ok(ids.clone())
}

/// The columns `attributes` and `attribute_types`.
fn attribute_columns(
    file: &ParquetFile,
    physical: &RecordBatch,
    logical: &arrow_schema::Schema,
) -> ParquetResult<(ArrayRef, ArrayRef)> {
    let layouts: &BinaryArray = typed(physical, ATTRIBUTE_LAYOUT).map_err(wrong)?;
    let rest = Rest::new(physical)?;
    let mut dedicated = Vec::with_capacity(file.dedicated().len());
    for column in file.dedicated() {
        dedicated.push((column, DedicatedValues::new(column, physical)?));
    }
    let known = file.dedicated().iter().map(|column| column.key.as_str());
    let mut entries = Entries::new(known, layouts.value_data().len());
    let mut text = String::new();
    for row in 0..physical.num_rows() {
        let mut next = rest.range(row)?;
        for byte in layouts.value(row) {
            match layout_entry(*byte) {
                Ok(number) => {
                    let (column, values) = dedicated
                        .get(number)
                        .filter(|(_, values)| values.is_valid(row))
                        .ok_or_else(|| damaged("a layout names a value that is not there"))?;
                    values.text(row, &mut text)?;
                    entries.push_known(number, column.value_type as u8, Some(&text));
                }
                Err(type_code) => {
                    let at = next.next().ok_or_else(|| damaged("a layout is too long"))?;
                    entries.push(rest.keys.value(at), type_code, rest.value(at));
                }
            }
        }
        if next.next().is_some() {
            return Err(damaged("a layout is too short"));
        }
        entries.end_row();
    }
    entries.finish(logical)
}

/// The values of a key that has a column of its own, or two.
pub(crate) struct DedicatedValues<'a> {
    array: &'a ArrayRef,
    /// What the templates in `array` are filled with.
    values: Option<&'a BinaryArray>,
}

impl<'a> DedicatedValues<'a> {
    pub(crate) fn new(column: &Dedicated, physical: &'a RecordBatch) -> ParquetResult<Self> {
        let mut names = column.columns().into_iter();
        let array = named(physical, &names.next().unwrap_or_default())?;
        let values = names.next().map(|name| typed(physical, &name));
        Ok(Self {
            array,
            values: values.transpose().map_err(wrong)?,
        })
    }

    pub(crate) fn is_valid(&self, row: usize) -> bool {
        self.array.is_valid(row)
    }

    /// Template and values of a text that is taken apart.
    pub(crate) fn parts(&self, row: usize) -> Option<(&'a str, &'a [u8])> {
        let template = self.array.as_string_opt::<i32>()?.value(row);
        Some((template, self.values?.value(row)))
    }

    /// Writes the text of a value into `text`.
    pub(crate) fn text(&self, row: usize, text: &mut String) -> ParquetResult<()> {
        text.clear();
        let array = self.array;
        if let Some((template, values)) = self.parts(row) {
            let filled = template::fill(template, values, text);
            return filled.ok_or_else(|| damaged("a template has other values"));
        }
        match array.data_type() {
            DataType::Utf8 => text.push_str(array.as_string::<i32>().value(row)),
            DataType::Boolean if array.as_boolean().value(row) => text.push_str("true"),
            DataType::Boolean => text.push_str("false"),
            DataType::Int64 => {
                let number = array.as_primitive::<Int64Type>().value(row);
                template::push_signed(text, number);
            }
            DataType::Float64 => {
                text.push_str(&double_text(array.as_primitive::<Float64Type>().value(row)));
            }
            _ => return Err(damaged("an attribute column has another type")),
        }
        Ok(())
    }
}

/// The map of attributes without a column of their own.
pub(crate) struct Rest<'a> {
    map: &'a MapArray,
    pub(crate) keys: &'a StringArray,
    values: &'a StringArray,
}

impl<'a> Rest<'a> {
    pub(crate) fn new(physical: &'a RecordBatch) -> ParquetResult<Self> {
        let map: &MapArray = typed(physical, column::ATTRIBUTES).map_err(wrong)?;
        let not_text = || damaged("attributes are not texts");
        Ok(Self {
            map,
            keys: map.keys().as_string_opt().ok_or_else(not_text)?,
            values: map.values().as_string_opt().ok_or_else(not_text)?,
        })
    }

    /// Positions of the entries of a row.
    pub(crate) fn range(&self, row: usize) -> ParquetResult<std::ops::Range<usize>> {
        let at = |row: usize| {
            let offset = self.map.value_offsets().get(row).copied();
            offset.and_then(|offset| usize::try_from(offset).ok())
        };
        match (at(row), at(row + 1)) {
            (Some(start), Some(end)) => Ok(start..end),
            _ => Err(damaged("attributes are shorter than the rows")),
        }
    }

    /// The value of an entry; `None` for one without a text.
    pub(crate) fn value(&self, entry: usize) -> Option<&'a str> {
        self.values
            .is_valid(entry)
            .then(|| self.values.value(entry))
    }
}

/// Bytes of the text of a value, roughly.
const TEXT_BYTES: usize = 16;

/// Attributes in their order, with each key once.
struct Entries {
    keys: Vec<String>,
    key_places: HashMap<String, i32>,
    entry_keys: Vec<i32>,
    values: StringBuilder,
    types: BinaryBuilder,
    row_types: Vec<u8>,
    lengths: Vec<usize>,
}

impl Entries {
    /// With room for so many attributes.
    fn new<'a>(known: impl Iterator<Item = &'a str>, count: usize) -> Self {
        Self {
            keys: known.map(str::to_owned).collect(),
            key_places: HashMap::new(),
            entry_keys: Vec::with_capacity(count),
            values: StringBuilder::with_capacity(count, count * TEXT_BYTES),
            types: BinaryBuilder::new(),
            row_types: Vec::new(),
            lengths: Vec::new(),
        }
    }

    /// Adds an attribute whose key is at a known place.
    fn push_known(&mut self, key: usize, type_code: u8, text: Option<&str>) {
        self.entry_keys.push(i32::try_from(key).unwrap_or(i32::MAX));
        self.row_types.push(type_code);
        self.values.append_option(text);
    }

    fn push(&mut self, key: &str, type_code: u8, text: Option<&str>) {
        let place = match self.key_places.get(key) {
            Some(place) => *place,
            None => {
                let place = i32::try_from(self.keys.len()).unwrap_or(i32::MAX);
                self.keys.push(key.to_owned());
                self.key_places.insert(key.to_owned(), place);
                place
            }
        };
        self.push_known(
            usize::try_from(place).unwrap_or(usize::MAX),
            type_code,
            text,
        );
    }

    fn end_row(&mut self) {
        self.lengths.push(self.row_types.len());
        self.types.append_value(&self.row_types);
        self.row_types.clear();
    }

    fn finish(mut self, logical: &arrow_schema::Schema) -> ParquetResult<(ArrayRef, ArrayRef)> {
        let field = logical.field_with_name(column::ATTRIBUTES)?;
        let DataType::Map(entry_field, _) = field.data_type() else {
            return Err(damaged("attributes are not a map"));
        };
        let DataType::Struct(fields) = entry_field.data_type() else {
            return Err(damaged("attributes are not a map"));
        };
        let texts = Arc::new(StringArray::from_iter_values(&self.keys));
        let keys = Int32Array::from(self.entry_keys);
        let keys = DictionaryArray::<Int32Type>::try_new(keys, texts)?;
        // Texts that are alike are not looked for: a batch that was read is short-lived.
        let texts = self.values.finish();
        let count = i32::try_from(texts.len()).map_err(|_| damaged("too many attributes"))?;
        let values = Int32Array::new((0..count).collect(), texts.nulls().cloned());
        let values = DictionaryArray::<Int32Type>::try_new(values, Arc::new(texts))?;
        let columns: Vec<ArrayRef> = vec![Arc::new(keys), Arc::new(values)];
        let entries = StructArray::try_new(fields.clone(), columns, None)?;
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        let map = MapArray::try_new(Arc::clone(entry_field), offsets, entries, None, false)?;
        Ok((Arc::new(map), Arc::new(self.types.finish())))
    }
}
