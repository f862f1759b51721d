//! Typed access to the columns of a batch that storage itself looks at.

use std::any::Any;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayAccessor as _, ArrayRef, BinaryArray, FixedSizeBinaryArray, Int32Array, Int64Array,
    MapArray, RecordBatch, StringArray, TimestampNanosecondArray, TypedDictionaryArray,
};
use model::schema::column;
use model::{BatchError, Signal, UnixNanos};

/// The column of this name and type.
pub(crate) fn typed<'a, T: Any>(batch: &'a RecordBatch, name: &str) -> Result<&'a T, BatchError> {
    batch
        .column_by_name(name)
        .ok_or_else(|| BatchError::MissingColumn {
            column: name.to_owned(),
        })?
        .as_any()
        .downcast_ref()
        .ok_or_else(|| BatchError::WrongType {
            column: name.to_owned(),
        })
}

/// Ids of spans (fixed size) or of log records (any size).
#[derive(Clone, Copy)]
pub(crate) enum IdColumn<'a> {
    Fixed(&'a FixedSizeBinaryArray),
    Any(&'a BinaryArray),
}

impl<'a> IdColumn<'a> {
    pub(crate) fn new(batch: &'a RecordBatch, name: &str) -> Result<Self, BatchError> {
        match typed(batch, name) {
            Ok(array) => Ok(Self::Fixed(array)),
            Err(_) => Ok(Self::Any(typed(batch, name)?)),
        }
    }

    pub(crate) fn value(&self, row: usize) -> &'a [u8] {
        match self {
            Self::Fixed(array) => array.value(row),
            Self::Any(array) => array.value(row),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Fixed(array) => array.len(),
            Self::Any(array) => array.len(),
        }
    }
}

/// The moment a row is filed under: start of the span, or effective time of the log record.
#[derive(Clone, Copy)]
pub(crate) enum TimeColumn<'a> {
    Start(&'a TimestampNanosecondArray),
    Effective {
        times: &'a TimestampNanosecondArray,
        observed: &'a TimestampNanosecondArray,
    },
}

/// The columns [`TimeColumn`] reads.
pub(crate) fn time_columns(signal: Signal) -> &'static [&'static str] {
    match signal {
        Signal::Traces => &[column::START_TIME],
        Signal::Logs => &[column::TIME, column::OBSERVED_TIME],
    }
}

impl<'a> TimeColumn<'a> {
    pub(crate) fn new(signal: Signal, batch: &'a RecordBatch) -> Result<Self, BatchError> {
        Ok(match signal {
            Signal::Traces => Self::Start(typed(batch, column::START_TIME)?),
            Signal::Logs => Self::Effective {
                times: typed(batch, column::TIME)?,
                observed: typed(batch, column::OBSERVED_TIME)?,
            },
        })
    }

    pub(crate) fn value(&self, row: usize) -> UnixNanos {
        match self {
            Self::Start(starts) => UnixNanos::from_column(starts.value(row)),
            Self::Effective { times, observed } => match times.value(row) {
                0 => UnixNanos::from_column(observed.value(row)),
                time => UnixNanos::from_column(time),
            },
        }
    }
}

/// A column of texts behind a dictionary.
#[derive(Clone, Copy)]
pub(crate) struct TextDictionary<'a> {
    keys: &'a Int32Array,
    values: &'a StringArray,
}

impl<'a> TextDictionary<'a> {
    pub(crate) fn new(batch: &'a RecordBatch, name: &str) -> Result<Self, BatchError> {
        let wrong = || BatchError::WrongType {
            column: name.to_owned(),
        };
        let array = batch
            .column_by_name(name)
            .ok_or_else(|| BatchError::MissingColumn {
                column: name.to_owned(),
            })?;
        let dictionary = array.as_dictionary_opt::<Int32Type>().ok_or_else(wrong)?;
        let values = dictionary
            .values()
            .as_string_opt::<i32>()
            .ok_or_else(wrong)?;
        Ok(Self {
            keys: dictionary.keys(),
            values,
        })
    }

    /// Position of the row's text among the texts of the dictionary.
    pub(crate) fn key(&self, row: usize) -> usize {
        usize::try_from(self.keys.value(row)).unwrap_or(usize::MAX)
    }

    pub(crate) fn text(&self, row: usize) -> &'a str {
        self.values.value(self.key(row))
    }

    /// The texts of the dictionary, by position; some may belong to no row.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &'a str> {
        self.values.iter().map(Option::unwrap_or_default)
    }

    pub(crate) fn row_count(&self) -> usize {
        self.keys.len()
    }
}

/// Keys and texts of a map in which both stand behind dictionaries.
#[derive(Clone, Copy)]
pub(crate) struct MapTexts<'a> {
    map: &'a MapArray,
    keys: TypedDictionaryArray<'a, Int32Type, StringArray>,
    values: TypedDictionaryArray<'a, Int32Type, StringArray>,
}

impl<'a> MapTexts<'a> {
    /// `None` when keys or values are not such texts.
    pub(crate) fn new(map: &'a MapArray) -> Option<Self> {
        let texts = |array: &'a ArrayRef| {
            let dictionary = array.as_dictionary_opt::<Int32Type>()?;
            dictionary.downcast_dict::<StringArray>()
        };
        Some(Self {
            map,
            keys: texts(map.keys())?,
            values: texts(map.values())?,
        })
    }

    /// Key and text of each entry of a row; the text is empty for an entry without one.
    pub(crate) fn of_row(self, row: usize) -> impl Iterator<Item = (&'a str, &'a str)> {
        let offsets = self.map.value_offsets();
        let at = |index: usize| {
            let offset = offsets.get(index).copied().unwrap_or_default();
            usize::try_from(offset).unwrap_or_default()
        };
        (at(row)..at(row + 1)).map(move |entry| {
            let text = if self.values.is_null(entry) {
                ""
            } else {
                self.values.value(entry)
            };
            (self.keys.value(entry), text)
        })
    }
}

/// Durations of a batch of spans.
#[derive(Clone, Copy)]
pub(crate) struct DurationColumn<'a> {
    starts: &'a TimestampNanosecondArray,
    values: &'a Int64Array,
}

impl<'a> DurationColumn<'a> {
    pub(crate) fn new(batch: &'a RecordBatch) -> Result<Self, BatchError> {
        Ok(Self {
            starts: typed(batch, column::START_TIME)?,
            values: typed(batch, column::DURATION_NANO)?,
        })
    }

    pub(crate) fn value(&self, row: usize) -> u64 {
        duration_nano(self.starts.value(row), self.values.value(row))
    }
}

/// End minus start of a span from its two columns; 0 when it ends before it starts.
fn duration_nano(start_column: i64, duration_column: i64) -> u64 {
    let start = UnixNanos::from_column(start_column);
    let end = UnixNanos::from_column(start_column.wrapping_add(duration_column));
    end.0.saturating_sub(start.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_spans_that_end_before_they_start_are_zero() {
        assert_eq!(duration_nano(100, 50), 50);
        assert_eq!(duration_nano(100, -50), 0);
        assert_eq!(duration_nano(UnixNanos(u64::MAX).to_column(), 1), 0);
    }
}
