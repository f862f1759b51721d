//! How the columns of a split are written. Measured choices, see docs/formats/split.md.

use model::schema::column;
use model::{Signal, ValueType};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::attribute_columns::Choice;
use super::physical::PARENT_OFFSET;

/// Rows that are decoded together; a smaller number makes reading one trace cheaper.
const PAGE_ROWS: usize = 1024;
/// Rows that share dictionaries.
pub(crate) const ROW_GROUP_ROWS: usize = 64 * 1024;

/// The properties for a file with these dedicated columns.
pub(crate) fn writer_properties(
    signal: Signal,
    choices: &[Choice],
) -> Result<WriterProperties, ParquetError> {
    let mut builder = WriterProperties::builder()
        .set_created_by("spandrel".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    // Random bytes neither compress nor repeat; a parent's id is written only where it is elsewhere.
    builder = uncompressed(builder, column::SPAN_ID);
    let (numbers, time): (&[&str], &str) = match signal {
        Signal::Traces => {
            builder = uncompressed(builder, column::PARENT_SPAN_ID)
                .set_column_dictionary_enabled(PARENT_OFFSET.into(), false);
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
    for choice in choices.iter().filter(|choice| choice.is_mostly_unique) {
        let path = ColumnPath::new(vec![choice.column.column()]);
        builder = match choice.column.value_type {
            ValueType::Int => delta(builder, path),
            _ => builder.set_column_dictionary_enabled(path, false),
        };
    }
    Ok(builder.build())
}

fn uncompressed(builder: WriterPropertiesBuilder, name: &str) -> WriterPropertiesBuilder {
    builder
        .set_column_dictionary_enabled(name.into(), false)
        .set_column_compression(name.into(), Compression::UNCOMPRESSED)
}

fn delta(builder: WriterPropertiesBuilder, path: ColumnPath) -> WriterPropertiesBuilder {
    builder
        .set_column_dictionary_enabled(path.clone(), false)
        .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
}
