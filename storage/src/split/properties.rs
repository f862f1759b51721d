//! How the columns of a split are written. Measured choices, see docs/formats/split.md.

use model::schema::column;
use model::{Signal, ValueType};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::attribute_columns::Choice;

/// Rows that are decoded together: fewer make reading one trace cheaper, and a page has 40 bytes of its own.
const PAGE_ROWS: usize = 2048;
/// A page ends after a multiple of an eighth of its rows when it has this many bytes.
const PAGE_BYTES: usize = 24 << 10;
/// Rows that share dictionaries.
pub(crate) const ROW_GROUP_ROWS: usize = 64 * 1024;

/// Columns of texts and ids that repeat, beside attributes with columns of their own.
const COMPRESSED: [&str; 12] = [
    column::TRACE_ID,
    column::TRACE_STATE,
    column::NAME,
    column::STATUS_MESSAGE,
    column::RESOURCE,
    column::SCOPE,
    "attributes/key_value/key",
    "attributes/key_value/value",
    "events/list/element/name",
    "events/list/element/attributes/key_value/value",
    "links/list/element/trace_state",
    "links/list/element/attributes/key_value/value",
];

/// Columns of numbers of which the least and the largest are noted. Those of texts would cost two comparisons for each
/// text, and rule nothing out.
const COMPARED: [&str; 4] = [
    column::DURATION_NANO,
    column::OBSERVED_TIME,
    column::SEVERITY_NUMBER,
    column::STATUS_CODE,
];

/// Columns of texts that may be long and that few rows have.
const LONG_TEXTS: [&str; 2] = [
    "events/list/element/attributes/key_value/value",
    "links/list/element/attributes/key_value/value",
];

/// The properties for a file with these dedicated columns.
pub(crate) fn writer_properties(
    signal: Signal,
    choices: &[Choice],
) -> Result<WriterProperties, ParquetError> {
    // A decompressor for each column is what reading a trace costs most. Columns that are behind
    // dictionaries, in runs or packed are as small without.
    let mut builder = WriterProperties::builder()
        .set_created_by("spandrel".to_owned())
        .set_compression(Compression::UNCOMPRESSED)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_write_batch_size(PAGE_ROWS / 8)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::None);
    for path in COMPRESSED {
        let path = ColumnPath::new(path.split('/').map(str::to_owned).collect());
        builder = compressed(builder, path)?;
    }
    // Random bytes do not repeat.
    builder = builder.set_column_dictionary_enabled(column::SPAN_ID.into(), false);
    let (numbers, time): (&[&str], &str) = match signal {
        Signal::Traces => {
            builder = builder.set_column_dictionary_enabled(column::PARENT_SPAN_ID.into(), false);
            let numbers = &[column::START_TIME, column::DURATION_NANO];
            (numbers, column::START_TIME)
        }
        Signal::Logs => (&[column::TIME, column::OBSERVED_TIME], column::TIME),
    };
    for name in numbers {
        builder = delta(builder, (*name).into());
    }
    for name in COMPARED {
        let path = ColumnPath::from(name);
        builder = builder.set_column_statistics_enabled(path, EnabledStatistics::Chunk);
    }
    // Long texts, as stack traces are: a dictionary of them costs each trace more than their bytes.
    for path in LONG_TEXTS {
        let path = ColumnPath::new(path.split('/').map(str::to_owned).collect());
        builder = builder.set_column_dictionary_enabled(path, false);
    }
    // Repeats are near each other, and a dictionary would have to be read for each trace.
    builder = builder
        .set_column_dictionary_enabled(column::TRACE_ID.into(), false)
        .set_column_statistics_enabled(column::TRACE_ID.into(), EnabledStatistics::Page)
        .set_column_statistics_enabled(time.into(), EnabledStatistics::Page);
    for choice in choices {
        builder = attribute_properties(builder, choice)?;
    }
    Ok(builder.build())
}

fn attribute_properties(
    mut builder: WriterPropertiesBuilder,
    choice: &Choice,
) -> Result<WriterPropertiesBuilder, ParquetError> {
    let mut paths = choice.column.columns().into_iter();
    let mut next = || ColumnPath::new(vec![paths.next().unwrap_or_default()]);
    let path = next();
    if choice.column.is_templated {
        builder = compressed(builder, path)?;
        let path = next();
        if choice.has_text_values {
            builder = compressed(builder, path.clone())?;
        }
        return Ok(builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_LENGTH_BYTE_ARRAY));
    }
    if matches!(choice.column.value_type, ValueType::Int | ValueType::Double) {
        builder = builder.set_column_statistics_enabled(path.clone(), EnabledStatistics::Chunk);
    }
    if !choice.has_dictionary {
        builder = match choice.column.value_type {
            ValueType::Int => delta(builder, path.clone()),
            _ => builder.set_column_dictionary_enabled(path.clone(), false),
        };
    }
    if choice.column.value_type == ValueType::String && choice.has_many_values {
        builder = compressed(builder, path)?;
    }
    Ok(builder)
}

fn compressed(
    builder: WriterPropertiesBuilder,
    path: ColumnPath,
) -> Result<WriterPropertiesBuilder, ParquetError> {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1)?);
    Ok(builder.set_column_compression(path, zstd))
}

fn delta(builder: WriterPropertiesBuilder, path: ColumnPath) -> WriterPropertiesBuilder {
    builder
        .set_column_dictionary_enabled(path.clone(), false)
        .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
}
