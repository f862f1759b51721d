//! Spreads the attributes of rows over dedicated columns and a map of the rest.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder,
};
use arrow_array::{ArrayRef, MapArray, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};
use model::ValueType;

use super::keys::{KeyNumber, Keys};
use super::physical::{DEDICATED_MAX, Dedicated, dedicated_byte, rest_entry_fields};
use super::template::Parts;

/// Most columns for single attributes: each makes reading a whole trace a little dearer.
const COLUMNS_MAX: usize = 24;
const _: () = assert!(
    COLUMNS_MAX <= DEDICATED_MAX,
    "a layout byte can name every column"
);
/// A key gets a column when one row in this many has it.
const ROWS_PER_USE: usize = 32;

/// Distinct texts for each template that make taking them apart worth its while.
const TEXTS_PER_TEMPLATE: usize = 4;
/// Distinct values among the rows looked at that make a dictionary worth compressing.
const MANY_VALUES: usize = 100;

/// One attribute of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) number: KeyNumber,
    pub(crate) key: &'a str,
    /// See [`ValueType`].
    pub(crate) type_code: u8,
    /// Empty for values without a text.
    pub(crate) text: &'a str,
}

/// A column that was chosen, and what its values are like.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) column: Dedicated,
    pub(crate) number: KeyNumber,
    /// Whether values repeat all over, so that a dictionary pays.
    pub(crate) has_dictionary: bool,
    /// Whether its dictionary would be worth compressing.
    pub(crate) has_many_values: bool,
    /// Whether what is not in its templates is mostly text.
    pub(crate) has_text_values: bool,
}

/// Counts the keys of some rows, to choose columns by.
#[derive(Debug, Default)]
pub(crate) struct KeySurvey<'a> {
    uses: HashMap<(&'a str, u8), Uses<'a>>,
    row_count: usize,
}

#[derive(Debug)]
struct Uses<'a> {
    number: KeyNumber,
    count: usize,
    /// How often a value differs from the one before.
    change_count: usize,
    last: &'a str,
    values: HashSet<&'a str>,
}

impl<'a> KeySurvey<'a> {
    /// Counts an attribute.
    pub(crate) fn add(&mut self, entry: Entry<'a>) {
        let uses = self.uses.entry((entry.key, entry.type_code));
        let uses = uses.or_insert_with(|| Uses {
            number: entry.number,
            count: 0,
            change_count: 0,
            last: "",
            values: HashSet::new(),
        });
        uses.count += 1;
        uses.change_count += usize::from(uses.last != entry.text);
        uses.last = entry.text;
        uses.values.insert(entry.text);
    }

    /// Counts a row.
    pub(crate) fn end_row(&mut self) {
        self.row_count += 1;
    }

    /// The columns worth having: the most frequent keys first among equals by key, each with its most
    /// frequent type.
    pub(crate) fn choose(self) -> Vec<Choice> {
        let row_count = self.row_count;
        let mut uses: Vec<_> = self
            .uses
            .into_iter()
            .filter(|(_, uses)| uses.count * ROWS_PER_USE >= row_count)
            .filter(|((key, _), uses)| uses.number.index().is_some() && Dedicated::is_possible(key))
            .filter_map(|((key, code), uses)| Some((key, scalar_type(code)?, uses)))
            .collect();
        uses.sort_by(|(a, _, x), (b, _, y)| y.count.cmp(&x.count).then_with(|| a.cmp(b)));
        let mut chosen: Vec<Choice> = Vec::new();
        for (key, value_type, uses) in uses {
            if chosen.len() == COLUMNS_MAX || chosen.iter().any(|known| known.number == uses.number)
            {
                continue;
            }
            chosen.push(choice(key, value_type, &uses));
        }
        chosen
    }
}

impl KeySurvey<'_> {
    /// The same columns as other files have, with what the rows looked at say of their values.
    pub(crate) fn choose_as(self, columns: &[Dedicated], keys: &mut Keys) -> Vec<Choice> {
        let choice = |column: &Dedicated| {
            let code = column.value_type as u8;
            let uses = self.uses.get(&(column.key.as_str(), code));
            let found = uses.map(|uses| choice(&column.key, column.value_type, uses));
            Choice {
                column: column.clone(),
                number: keys.number(&column.key),
                has_dictionary: found.as_ref().is_none_or(|found| found.has_dictionary),
                has_many_values: found.as_ref().is_none_or(|found| found.has_many_values),
                has_text_values: found.as_ref().is_none_or(|found| found.has_text_values),
            }
        };
        columns.iter().map(choice).collect()
    }
}

fn choice(key: &str, value_type: ValueType, uses: &Uses<'_>) -> Choice {
    let is_mostly_unique = uses.values.len() * 2 > uses.count;
    // A dictionary would be large, and repeats are near each other anyway.
    let comes_in_runs = uses.values.len() > MANY_VALUES && uses.change_count * 4 < uses.count;
    let shape = Shape::of(&uses.values);
    let column = Dedicated {
        key: key.to_owned(),
        value_type,
        is_templated: value_type == ValueType::String
            && is_mostly_unique
            && shape.has_few_templates,
    };
    Choice {
        column,
        number: uses.number,
        has_dictionary: !is_mostly_unique && !comes_in_runs,
        has_many_values: uses.values.len() > MANY_VALUES,
        has_text_values: shape.has_text_values,
    }
}

/// What texts look like when they are taken apart.
struct Shape {
    has_few_templates: bool,
    has_text_values: bool,
}

impl Shape {
    fn of(texts: &HashSet<&str>) -> Self {
        let (mut templates, mut parts) = (HashSet::new(), Parts::default());
        let (mut text_bytes, mut value_bytes) = (0, 0);
        for text in texts {
            parts.set(text);
            text_bytes += parts.text_bytes;
            value_bytes += parts.values.len();
            if !templates.contains(&parts.template) {
                templates.insert(parts.template.clone());
            }
        }
        Self {
            has_few_templates: templates.len() * TEXTS_PER_TEMPLATE <= texts.len(),
            has_text_values: text_bytes * 4 > value_bytes,
        }
    }
}

fn scalar_type(code: u8) -> Option<ValueType> {
    let types = [
        ValueType::String,
        ValueType::Bool,
        ValueType::Int,
        ValueType::Double,
    ];
    types.into_iter().find(|known| *known as u8 == code)
}

/// Takes the attributes of rows, entry by entry.
pub(crate) struct AttributeColumns {
    columns: Vec<Column>,
    /// Number of the column by number of the key.
    column_of_key: Vec<Option<usize>>,
    layouts: BinaryBuilder,
    layout: Vec<u8>,
    rest_keys: StringBuilder,
    rest_values: StringBuilder,
    rest_lengths: Vec<usize>,
    rest_length: usize,
    row_count: usize,
}

struct Column {
    value_type: ValueType,
    values: Values,
}

enum Values {
    String(StringBuilder),
    Templated {
        templates: StringBuilder,
        values: BinaryBuilder,
        parts: Parts,
    },
    Bool(BooleanBuilder),
    Int(Int64Builder),
    Double(Float64Builder),
}

impl AttributeColumns {
    /// For these columns, by number.
    pub(crate) fn new(choices: &[Choice]) -> Self {
        let mut column_of_key = Vec::new();
        for (column, choice) in choices.iter().enumerate() {
            let Some(key) = choice.number.index() else {
                continue;
            };
            if key >= column_of_key.len() {
                column_of_key.resize(key + 1, None);
            }
            if let Some(slot) = column_of_key.get_mut(key) {
                *slot = Some(column);
            }
        }
        Self {
            columns: choices
                .iter()
                .map(|choice| Column::new(&choice.column))
                .collect(),
            column_of_key,
            layouts: BinaryBuilder::new(),
            layout: Vec::new(),
            rest_keys: StringBuilder::new(),
            rest_values: StringBuilder::new(),
            rest_lengths: Vec::new(),
            rest_length: 0,
            row_count: 0,
        }
    }

    /// Adds the next attribute of the row.
    pub(crate) fn push(&mut self, entry: &Entry<'_>) {
        let column = entry
            .number
            .index()
            .and_then(|number| *self.column_of_key.get(number)?);
        if let Some(number) = column
            && let Some(column) = self.columns.get_mut(number)
            && column.take(entry, self.row_count)
        {
            self.layout.push(dedicated_byte(number));
            return;
        }
        self.layout.push(entry.type_code);
        self.rest_keys.append_value(entry.key);
        let has_text = entry.type_code > ValueType::Empty as u8;
        self.rest_values
            .append_option(has_text.then_some(entry.text));
        self.rest_length += 1;
    }

    /// Ends the row.
    pub(crate) fn end_row(&mut self) {
        for column in &mut self.columns {
            if column.values.len() == self.row_count {
                column.values.append_null();
            }
        }
        self.layouts.append_value(&self.layout);
        self.layout.clear();
        self.rest_lengths.push(self.rest_length);
        self.rest_length = 0;
        self.row_count += 1;
    }

    /// The dedicated columns, the map of the rest, the layouts; empty again afterwards.
    pub(crate) fn finish(&mut self) -> (Vec<ArrayRef>, ArrayRef, ArrayRef) {
        let columns = self.columns.iter_mut();
        let columns = columns.flat_map(|column| column.values.finish()).collect();
        let fields = rest_entry_fields();
        let entries = StructArray::new(
            fields.clone(),
            vec![
                Arc::new(self.rest_keys.finish()),
                Arc::new(self.rest_values.finish()),
            ],
            None,
        );
        let offsets = OffsetBuffer::from_lengths(self.rest_lengths.drain(..));
        let entry_field = Field::new("key_value", DataType::Struct(fields), false);
        let rest = MapArray::new(Arc::new(entry_field), offsets, entries, None, false);
        self.row_count = 0;
        (columns, Arc::new(rest), Arc::new(self.layouts.finish()))
    }
}

impl Column {
    fn new(column: &Dedicated) -> Self {
        let values = match column.value_type {
            ValueType::Bool => Values::Bool(BooleanBuilder::new()),
            ValueType::Int => Values::Int(Int64Builder::new()),
            ValueType::Double => Values::Double(Float64Builder::new()),
            _ if column.is_templated => Values::Templated {
                templates: StringBuilder::new(),
                values: BinaryBuilder::new(),
                parts: Parts::default(),
            },
            _ => Values::String(StringBuilder::new()),
        };
        Self {
            value_type: column.value_type,
            values,
        }
    }

    /// Takes the value if it is of the column's type and the row has none yet.
    fn take(&mut self, entry: &Entry<'_>, row: usize) -> bool {
        if entry.type_code != self.value_type as u8 || self.values.len() != row {
            return false;
        }
        match &mut self.values {
            Values::String(builder) => builder.append_value(entry.text),
            Values::Templated {
                templates,
                values,
                parts,
            } => {
                parts.set(entry.text);
                templates.append_value(&parts.template);
                values.append_value(&parts.values);
            }
            Values::Bool(builder) => match entry.text.parse() {
                Ok(value) => builder.append_value(value),
                Err(_) => return false,
            },
            Values::Int(builder) => match entry.text.parse() {
                Ok(value) => builder.append_value(value),
                Err(_) => return false,
            },
            Values::Double(builder) => match entry.text.parse() {
                Ok(value) => builder.append_value(value),
                Err(_) => return false,
            },
        }
        true
    }
}

impl Values {
    fn len(&self) -> usize {
        use arrow_array::builder::ArrayBuilder as _;
        match self {
            Self::String(builder) => builder.len(),
            Self::Templated { templates, .. } => templates.len(),
            Self::Bool(builder) => builder.len(),
            Self::Int(builder) => builder.len(),
            Self::Double(builder) => builder.len(),
        }
    }

    fn append_null(&mut self) {
        match self {
            Self::String(builder) => builder.append_null(),
            Self::Templated {
                templates, values, ..
            } => {
                templates.append_null();
                values.append_null();
            }
            Self::Bool(builder) => builder.append_null(),
            Self::Int(builder) => builder.append_null(),
            Self::Double(builder) => builder.append_null(),
        }
    }

    fn finish(&mut self) -> Vec<ArrayRef> {
        match self {
            Self::String(builder) => vec![Arc::new(builder.finish())],
            Self::Templated {
                templates, values, ..
            } => vec![Arc::new(templates.finish()), Arc::new(values.finish())],
            Self::Bool(builder) => vec![Arc::new(builder.finish())],
            Self::Int(builder) => vec![Arc::new(builder.finish())],
            Self::Double(builder) => vec![Arc::new(builder.finish())],
        }
    }
}
