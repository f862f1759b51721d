//! Dictionaries that hold each text once.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Int32Array, ListArray, MapArray, RecordBatch, StringArray,
    StructArray,
};
use arrow_schema::{ArrowError, DataType};
use foldhash::fast::FixedState;

/// The same rows with dictionaries that hold each text once, those of the keys of attributes included.
///
/// Putting batches together puts their dictionaries side by side, which would leave a batch made of many small
/// ones with as many texts as if it had no dictionary.
///
/// # Errors
/// When an array cannot be put together again, which would be a bug.
pub fn unify_dictionaries(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch
        .columns()
        .iter()
        .map(unified)
        .collect::<Result<_, _>>()?;
    RecordBatch::try_new(batch.schema(), columns)
}

fn unified(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match array.data_type() {
        DataType::Dictionary(_, _) => unified_dictionary(array),
        DataType::Struct(_) => Ok(Arc::new(unified_struct(array.as_struct())?)),
        DataType::List(field) => {
            let list: &ListArray = array.as_list();
            let items = unified(list.values())?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            let list = ListArray::try_new(Arc::clone(field), offsets, items, nulls)?;
            Ok(Arc::new(list))
        }
        DataType::Map(field, ordered) => {
            let map = array.as_map();
            let entries = unified_struct(map.entries())?;
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            let map = MapArray::try_new(Arc::clone(field), offsets, entries, nulls, *ordered)?;
            Ok(Arc::new(map))
        }
        _ => Ok(Arc::clone(array)),
    }
}

fn unified_struct(array: &StructArray) -> Result<StructArray, ArrowError> {
    let columns = array
        .columns()
        .iter()
        .map(unified)
        .collect::<Result<_, _>>()?;
    StructArray::try_new(array.fields().clone(), columns, array.nulls().cloned())
}

fn unified_dictionary(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let texts = array
        .as_dictionary_opt::<Int32Type>()
        .and_then(|dictionary| Some((dictionary, dictionary.values().as_string_opt::<i32>()?)));
    let Some((dictionary, texts)) = texts else {
        return Ok(Arc::clone(array));
    };
    let mut known: HashMap<&str, i32, FixedState> =
        HashMap::with_capacity_and_hasher(texts.len(), FixedState::default());
    let mut distinct = Vec::new();
    let mut numbers = Vec::with_capacity(texts.len());
    for text in texts.iter().map(Option::unwrap_or_default) {
        let next = i32::try_from(distinct.len()).unwrap_or(i32::MAX);
        numbers.push(*known.entry(text).or_insert_with(|| {
            distinct.push(text);
            next
        }));
    }
    if distinct.len() == texts.len() {
        return Ok(Arc::clone(array));
    }
    let number = |key| {
        usize::try_from(key)
            .ok()
            .and_then(|key| numbers.get(key).copied())
    };
    // A missing row has no number, and whatever stands in its place is not looked at.
    let keys: Int32Array = dictionary
        .keys()
        .unary(|key| number(key).unwrap_or_default());
    let texts = StringArray::from_iter_values(distinct);
    Ok(Arc::new(DictionaryArray::try_new(keys, Arc::new(texts))?))
}

#[cfg(test)]
mod tests {
    use arrow_select::concat::concat_batches;

    use crate::otlp::replay;
    use crate::otlp::testing::{any_logs_payload, any_traces_payload};
    use crate::schema::schema;
    use crate::{LogReader, Signal, SpanReader};
    use proptest::collection::vec;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    /// A batch of the rows of all payloads, with dictionaries that were put side by side.
    fn merged(signal: Signal, payloads: &[Vec<u8>]) -> RecordBatch {
        let batches: Vec<_> = payloads
            .iter()
            .map(|it| replay(signal, it).unwrap())
            .collect();
        concat_batches(&schema(signal), &batches).unwrap()
    }

    fn is_distinct(texts: &StringArray) -> bool {
        let mut texts: Vec<_> = texts.iter().collect();
        let count = texts.len();
        texts.sort_unstable();
        texts.dedup();
        texts.len() == count
    }

    proptest! {
        #[test]
        fn merged_spans_stay_the_same_and_have_each_key_once(
            payloads in vec(any_traces_payload(), 1..5),
        ) {
            let batch = merged(Signal::Traces, &payloads);
            let unified = unify_dictionaries(&batch).unwrap();
            prop_assert_eq!(&unified, &batch);
            let reader = SpanReader::new(&unified).unwrap();
            prop_assert!(is_distinct(reader.attributes().keys()));
            prop_assert!(is_distinct(reader.event_attributes().keys()));
            prop_assert!(is_distinct(reader.link_attributes().keys()));
            let before = SpanReader::new(&batch).unwrap();
            for row in 0..batch.num_rows() {
                prop_assert_eq!(reader.span(row).unwrap(), before.span(row).unwrap());
            }
        }

        #[test]
        fn merged_logs_stay_the_same_and_have_each_key_once(
            payloads in vec(any_logs_payload(), 1..5),
        ) {
            let batch = merged(Signal::Logs, &payloads);
            let unified = unify_dictionaries(&batch).unwrap();
            prop_assert_eq!(&unified, &batch);
            let reader = LogReader::new(&unified).unwrap();
            prop_assert!(is_distinct(reader.attributes().keys()));
        }
    }
}
