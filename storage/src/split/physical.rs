//! The columns of a split's Parquet file: those of `model::schema`, with frequent attributes in columns
//! of their own, parents as distances, and without bodies.

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

/// What the names of the two columns of a text that is taken apart end with.
const TEMPLATE_SUFFIX: &str = "/template";
const VALUES_SUFFIX: &str = "/values";

/// A column for the values of one key that have one type, or two for texts that are taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dedicated {
    pub(crate) key: String,
    /// Text, boolean, integer or double.
    pub(crate) value_type: ValueType,
    /// Whether the texts are taken apart: see [`super::template`].
    pub(crate) is_templated: bool,
}

impl Dedicated {
    /// Whether a key can have a column: its name must not look like that of another column.
    pub(crate) fn is_possible(key: &str) -> bool {
        !key.ends_with(TEMPLATE_SUFFIX) && !key.ends_with(VALUES_SUFFIX)
    }

    /// The names of its columns: one, or those of templates and values.
    pub(crate) fn columns(&self) -> Vec<String> {
        let name = format!("{DEDICATED_PREFIX}{}", self.key);
        if self.is_templated {
            let part = |suffix: &str| format!("{name}{suffix}");
            vec![part(TEMPLATE_SUFFIX), part(VALUES_SUFFIX)]
        } else {
            vec![name]
        }
    }

    fn fields(&self) -> Vec<Field> {
        let types: &[DataType] = match self.value_type {
            ValueType::Bool => &[DataType::Boolean],
            ValueType::Int => &[DataType::Int64],
            ValueType::Double => &[DataType::Float64],
            _ => &[DataType::Utf8, DataType::Binary],
        };
        let columns = self.columns().into_iter().zip(types);
        columns
            .map(|(name, data_type)| Field::new(name, data_type.clone(), true))
            .collect()
    }

    /// What the column is for; `None` for the second one of two.
    fn of_field(field: &Field) -> Option<Self> {
        let name = field.name().strip_prefix(DEDICATED_PREFIX)?;
        let key = name.strip_suffix(TEMPLATE_SUFFIX);
        let value_type = match field.data_type() {
            DataType::Boolean => ValueType::Bool,
            DataType::Int64 => ValueType::Int,
            DataType::Float64 => ValueType::Double,
            DataType::Utf8 => ValueType::String,
            _ => return None,
        };
        Some(Self {
            key: key.unwrap_or(name).to_owned(),
            value_type,
            is_templated: key.is_some(),
        })
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
                fields.extend(dedicated.iter().flat_map(Dedicated::fields).map(Arc::new));
                fields.push(Arc::new(rest_field()));
            }
            // Bodies have a file of their own.
            column::BODY => {}
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
