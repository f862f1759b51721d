//! The columns of a split's Parquet file: those of `model::schema`, with frequent attributes in columns
//! of their own and parents as distances.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use model::schema::{self, column};
use model::{Signal, ValueType};

/// Rows from a span to its parent when both lie in one run of rows of their trace; null otherwise.
pub(crate) const PARENT_OFFSET: &str = "parent_offset";
/// Where the attributes of a row stand, in their order: a byte each.
pub(crate) const ATTRIBUTE_LAYOUT: &str = "attribute_layout";
/// What the names of columns for one attribute begin with; the key follows.
const DEDICATED_PREFIX: &str = "attributes.";
/// Added to the number of a dedicated column, this is its byte in a layout. Smaller bytes are type
/// codes of entries of the map.
const DEDICATED_BYTE: u8 = 0x80;
/// Columns that a byte of a layout can name.
pub(crate) const DEDICATED_MAX: usize = 0x7f;

/// A column for the values of one key that have one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dedicated {
    pub(crate) key: String,
    /// Text, boolean, integer or double.
    pub(crate) value_type: ValueType,
}

impl Dedicated {
    /// The name of the column.
    pub(crate) fn column(&self) -> String {
        format!("{DEDICATED_PREFIX}{}", self.key)
    }

    fn field(&self) -> Field {
        let data_type = match self.value_type {
            ValueType::Bool => DataType::Boolean,
            ValueType::Int => DataType::Int64,
            ValueType::Double => DataType::Float64,
            _ => DataType::Utf8,
        };
        Field::new(self.column(), data_type, true)
    }

    fn of_field(field: &Field) -> Option<Self> {
        let key = field.name().strip_prefix(DEDICATED_PREFIX)?.to_owned();
        let value_type = match field.data_type() {
            DataType::Boolean => ValueType::Bool,
            DataType::Int64 => ValueType::Int,
            DataType::Float64 => ValueType::Double,
            DataType::Utf8 => ValueType::String,
            _ => return None,
        };
        Some(Self { key, value_type })
    }
}

/// The byte of a layout for the dedicated column of this number.
pub(crate) fn dedicated_byte(number: usize) -> u8 {
    DEDICATED_BYTE | u8::try_from(number).unwrap_or(0x7f)
}

/// What a byte of a layout says: the number of a dedicated column, or else the type code of the next
/// entry of the map.
pub(crate) fn layout_entry(byte: u8) -> Result<usize, u8> {
    if byte >= DEDICATED_BYTE {
        Ok(usize::from(byte - DEDICATED_BYTE))
    } else {
        Err(byte)
    }
}

/// The columns of a file with these dedicated columns.
pub(crate) fn physical_schema(signal: Signal, dedicated: &[Dedicated]) -> SchemaRef {
    let mut fields = Vec::new();
    for field in schema::schema(signal).fields() {
        match field.name().as_str() {
            column::ATTRIBUTES => {
                fields.extend(dedicated.iter().map(|column| Arc::new(column.field())));
                fields.push(Arc::new(rest_field()));
            }
            column::ATTRIBUTE_TYPES => {
                fields.push(Arc::new(Field::new(
                    ATTRIBUTE_LAYOUT,
                    DataType::Binary,
                    false,
                )));
            }
            column::PARENT_SPAN_ID => {
                fields.push(Arc::new(Field::new(PARENT_OFFSET, DataType::Int32, true)));
                fields.push(Arc::clone(field));
            }
            _ => fields.push(Arc::clone(field)),
        }
    }
    Arc::new(Schema::new(fields))
}

/// The attributes without a column of their own.
fn rest_field() -> Field {
    let entries = DataType::Struct(rest_entry_fields());
    let entries = Field::new("key_value", entries, false);
    Field::new(
        column::ATTRIBUTES,
        DataType::Map(Arc::new(entries), false),
        false,
    )
}

/// The fields of an entry of the map.
pub(crate) fn rest_entry_fields() -> Fields {
    Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", DataType::Utf8, true),
    ])
}

/// The dedicated columns of a file, by number; `None` when it has other columns than a split has.
pub(crate) fn dedicated_columns(signal: Signal, found: &Schema) -> Option<Vec<Dedicated>> {
    let dedicated: Vec<Dedicated> = found
        .fields()
        .iter()
        .filter_map(|field| Dedicated::of_field(field))
        .collect();
    let expected = physical_schema(signal, &dedicated);
    (found.fields() == expected.fields()).then_some(dedicated)
}
