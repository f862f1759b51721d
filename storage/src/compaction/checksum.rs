//! A checksum of rows that does not depend on their order: what a merge reads and what can be read
//! of its result have the same one.
//!
//! It covers every value of every row and which values belong to one row. Adding up the hashes of
//! rows makes the order not matter; the number of rows is compared beside it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampNanosecondType, UInt8Type, UInt32Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use model::BatchError;

/// Stands for a value that is not there.
const NULL: u64 = 0x6e75_6c6c;
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// Rows and what they add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Checksum {
    row_count: u64,
    sum: u64,
}

impl Checksum {
    /// Adds the rows of a batch. Batches with the same columns can be compared.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<(), BatchError> {
        let mut hashes = vec![SEED; batch.num_rows()];
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            hash_into(column, &mut hashes).ok_or_else(|| BatchError::WrongType {
                column: field.name().clone(),
            })?;
        }
        self.row_count += hashes.len() as u64;
        for hash in hashes {
            self.sum = self.sum.wrapping_add(mix(hash, SEED));
        }
        Ok(())
    }
}

/// Folds each value of the array into the hash of its row; `None` for a type that no column has.
fn hash_into(array: &ArrayRef, rows: &mut [u64]) -> Option<()> {
    match array.data_type() {
        DataType::FixedSizeBinary(_) => fold(rows, array.as_fixed_size_binary(), hash_bytes),
        DataType::Binary => fold(rows, array.as_binary::<i32>(), hash_bytes),
        DataType::Utf8 => fold(rows, array.as_string::<i32>(), |text| {
            hash_bytes(text.as_bytes())
        }),
        DataType::Int32 => fold(rows, array.as_primitive::<Int32Type>(), |number| {
            u64::from(number.cast_unsigned())
        }),
        DataType::UInt32 => fold(rows, array.as_primitive::<UInt32Type>(), u64::from),
        DataType::UInt8 => fold(rows, array.as_primitive::<UInt8Type>(), u64::from),
        DataType::Int64 => fold(rows, array.as_primitive::<Int64Type>(), i64::cast_unsigned),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => fold(
            rows,
            array.as_primitive::<TimestampNanosecondType>(),
            i64::cast_unsigned,
        ),
        DataType::Dictionary(_, _) => hash_dictionary(array, rows)?,
        DataType::Map(_, _) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            hash_lists(&entries, map.value_offsets(), rows)?;
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            hash_lists(list.values(), list.value_offsets(), rows)?;
        }
        DataType::Struct(_) => {
            for column in array.as_struct().columns() {
                hash_into(column, rows)?;
            }
        }
        _ => return None,
    }
    Some(())
}

/// Folds a hash of each value into its row.
fn fold<A: arrow_array::ArrayAccessor>(rows: &mut [u64], array: A, hash: impl Fn(A::Item) -> u64) {
    for (row, position) in rows.iter_mut().zip(0..array.len()) {
        let value = if array.is_null(position) {
            NULL
        } else {
            hash(array.value(position))
        };
        *row = mix(*row, value);
    }
}

/// Texts behind a dictionary count as what they are, wherever they stand in the dictionary.
fn hash_dictionary(array: &ArrayRef, rows: &mut [u64]) -> Option<()> {
    let dictionary = array.as_dictionary_opt::<Int32Type>()?;
    let mut texts = vec![SEED; dictionary.values().len()];
    hash_into(dictionary.values(), &mut texts)?;
    for (row, key) in rows.iter_mut().zip(dictionary.keys()) {
        let position = key.and_then(|key| usize::try_from(key).ok());
        let text = position.and_then(|position| texts.get(position));
        *row = mix(*row, text.copied().unwrap_or(NULL));
    }
    Some(())
}

/// Folds the elements of each list into its row, one after the other, and how many there are.
fn hash_lists(elements: &ArrayRef, offsets: &[i32], rows: &mut [u64]) -> Option<()> {
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
        return Some(());
    };
    let first = usize::try_from(*first).ok()?;
    let count = usize::try_from(*last).ok()?.checked_sub(first)?;
    let elements = elements.slice(first, count);
    let mut hashes = vec![SEED; count];
    hash_into(&elements, &mut hashes)?;
    let mut rest = hashes.as_slice();
    for (row, bounds) in rows.iter_mut().zip(offsets.windows(2)) {
        let [start, end] = *bounds else { return None };
        let length = usize::try_from(end.checked_sub(start)?).ok()?;
        let (inside, after) = rest.split_at_checked(length)?;
        rest = after;
        *row = mix(*row, length as u64);
        for hash in inside {
            *row = mix(*row, *hash);
        }
    }
    Some(())
}

/// Eight bytes at a time, the length last.
fn hash_bytes(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = SEED;
    for word in words {
        hash = mix(hash, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    for (slot, byte) in last.iter_mut().zip(rest) {
        *slot = *byte;
    }
    mix(mix(hash, u64::from_le_bytes(last)), bytes.len() as u64)
}

/// Two numbers into one, in which every bit depends on all of theirs, in this order.
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0xa076_1d64_78bd_642f) * u128::from(b ^ 0xe703_7ed1_a0b4_28db);
    let [low, high] = [product as u64, (product >> 64) as u64];
    low ^ high ^ a.rotate_left(23)
}

#[cfg(test)]
mod tests {
    use arrow_array::{UInt32Array, new_null_array};
    use arrow_select::concat::concat_batches;
    use arrow_select::take::take_record_batch;
    use model::Signal;
    use model::otlp::{replay, testing};
    use proptest::prelude::proptest;

    use super::*;
    use crate::testing::spans;

    fn of(batches: &[&RecordBatch]) -> Checksum {
        let mut checksum = Checksum::default();
        for batch in batches {
            checksum.add(batch).unwrap();
        }
        checksum
    }

    #[test]
    fn a_value_that_changes_place_or_row_changes_the_checksum() {
        let a = spans("cart", &[(1, 1, "a", 10, 20), (1, 2, "b", 11, 22)]).batch;
        let other_name = spans("cart", &[(1, 1, "a", 10, 20), (1, 2, "c", 11, 22)]).batch;
        let swapped = spans("cart", &[(1, 1, "b", 10, 20), (1, 2, "a", 11, 22)]).batch;
        let twice = spans("cart", &[(1, 1, "a", 10, 20), (1, 1, "a", 10, 20)]).batch;
        let service = spans("order", &[(1, 1, "a", 10, 20), (1, 2, "b", 11, 22)]).batch;
        let sums = [&a, &other_name, &swapped, &twice, &service].map(|batch| of(&[batch]));
        for (position, sum) in sums.iter().enumerate() {
            assert!(!sums.iter().skip(position + 1).any(|other| other == sum));
        }
        assert_ne!(of(&[&a]), of(&[&a, &a]));
    }

    #[test]
    fn a_type_that_no_column_has_is_an_error() {
        let schema =
            arrow_schema::Schema::new(vec![arrow_schema::Field::new("x", DataType::Float16, true)]);
        let column = new_null_array(&DataType::Float16, 1);
        let batch = RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap();
        let wrong = Checksum::default().add(&batch);
        assert!(matches!(wrong, Err(BatchError::WrongType { column }) if column == "x"));
    }

    proptest! {
        #[test]
        fn neither_the_order_nor_the_cut_into_batches_matters(
            payloads in proptest::collection::vec(testing::any_traces_payload(), 1..4),
        ) {
            let batches: Vec<RecordBatch> = payloads
                .iter()
                .map(|payload| replay(Signal::Traces, payload).unwrap())
                .collect();
            let whole = concat_batches(batches[0].schema_ref(), &batches).unwrap();
            let rows = u32::try_from(whole.num_rows()).unwrap();
            let backwards = UInt32Array::from((0..rows).rev().collect::<Vec<_>>());
            let turned = take_record_batch(&whole, &backwards).unwrap();
            let halves = [turned.slice(0, turned.num_rows() / 2),
                turned.slice(turned.num_rows() / 2, turned.num_rows().div_ceil(2))];
            let expected = of(&batches.iter().collect::<Vec<_>>());
            assert_eq!(of(&[&whole]), expected);
            assert_eq!(of(&[&halves[0], &halves[1]]), expected);
        }
    }
}
