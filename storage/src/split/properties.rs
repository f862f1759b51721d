//! How the columns of a split are written. Measured choices, see docs/formats/split.md.

use model::schema::column;
use model::{Signal, ValueType};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::attribute_columns::Choice;

/// Rows that are decoded together; a smaller number makes reading one trace cheaper.
const PAGE_ROWS: usize = 1024;
/// Rows that share dictionaries.
pub(crate) const ROW_GROUP_ROWS: usize = 64 * 1024;

/// Columns of texts and ids that repeat, beside attributes with columns of their own.
const COMPRESSED: [&str; 13] = [
    column::TRACE_ID,
    column::TRACE_STATE,
    column::NAME,
    column::STATUS_MESSAGE,
    column::RESOURCE,
    column::SCOPE,
    column::BODY,
    "attributes/key_value/key",
    "attributes/key_value/value",
    "events/list/element/name",
    "events/list/element/attributes/key_value/value",
    "links/list/element/trace_state",
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
        .set_write_batch_size(PAGE_ROWS)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk);
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
    // Repeats are near each other, and a dictionary would have to be read for each trace.
    builder = builder
        .set_column_dictionary_enabled(column::TRACE_ID.into(), false)
        .set_column_statistics_enabled(column::TRACE_ID.into(), EnabledStatistics::Page)
        .set_column_statistics_enabled(time.into(), EnabledStatistics::Page);
    for choice in choices {
        let path = ColumnPath::new(vec![choice.column.column()]);
        let is_text = choice.column.value_type == ValueType::String;
        if choice.is_mostly_unique {
            builder = match choice.column.value_type {
                ValueType::Int => delta(builder, path.clone()),
                _ => builder.set_column_dictionary_enabled(path.clone(), false),
            };
        }
        if is_text && choice.has_many_values {
            builder = compressed(builder, path)?;
        }
    }
    Ok(builder.build())
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
