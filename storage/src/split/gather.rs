//! Rows of several arrays put together in an order.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array};
use arrow_schema::{ArrowError, DataType};
use arrow_select::concat::concat;
use arrow_select::interleave::interleave;
use arrow_select::take::take;

use super::sort::Position;

/// The values at the positions. Dictionaries are not looked through: their texts are put one after
/// the other, alike or not.
pub(super) fn gather(arrays: &[&ArrayRef], positions: &[Position]) -> Result<ArrayRef, ArrowError> {
    let dictionaries: Option<Vec<_>> = arrays
        .iter()
        .map(|array| array.as_dictionary_opt::<Int32Type>())
        .collect();
    if let Some(dictionaries) = dictionaries {
        return gather_dictionaries(&dictionaries, positions);
    }
    let is_dictionary = |array: &&&ArrayRef| matches!(array.data_type(), DataType::Dictionary(..));
    if !arrays.iter().any(|array| is_dictionary(&array)) {
        let arrays: Vec<&dyn Array> = arrays.iter().map(|array| array.as_ref()).collect();
        return interleave(&arrays, positions);
    }
    // Some row groups have a dictionary and some have not.
    let plain = |array: &&ArrayRef| match array.as_dictionary_opt::<Int32Type>() {
        Some(dictionary) => take(dictionary.values(), dictionary.keys(), None),
        None => Ok(Arc::clone(array)),
    };
    let plain = arrays.iter().map(plain).collect::<Result<Vec<_>, _>>()?;
    let plain: Vec<&dyn Array> = plain.iter().map(|array| array.as_ref()).collect();
    interleave(&plain, positions)
}

fn gather_dictionaries(
    dictionaries: &[&DictionaryArray<Int32Type>],
    positions: &[Position],
) -> Result<ArrayRef, ArrowError> {
    let mut used = vec![false; dictionaries.len()];
    for (number, _) in positions {
        if let Some(used) = used.get_mut(*number) {
            *used = true;
        }
    }
    let (mut values, mut starts, mut start) = (Vec::new(), Vec::new(), 0);
    for (dictionary, used) in dictionaries.iter().zip(used) {
        starts.push(start);
        if used {
            let texts = dictionary.values();
            start +=
                i32::try_from(texts.len()).map_err(|_| ArrowError::DictionaryKeyOverflowError)?;
            values.push(texts.as_ref());
        }
    }
    let keys: Int32Array = positions
        .iter()
        .map(|(number, row)| {
            let (dictionary, start) = (dictionaries.get(*number)?, starts.get(*number)?);
            let keys = dictionary.keys();
            keys.is_valid(*row)
                .then(|| keys.value(*row).checked_add(*start))
                .flatten()
        })
        .collect();
    let values = match values.as_slice() {
        [_] => dictionaries
            .iter()
            .zip(&starts)
            .find_map(|(dictionary, _)| {
                let is_it = std::ptr::eq(dictionary.values().as_ref(), *values.first()?);
                is_it.then(|| Arc::clone(dictionary.values()))
            })
            .ok_or(ArrowError::DictionaryKeyOverflowError)?,
        _ => concat(&values)?,
    };
    Ok(Arc::new(DictionaryArray::try_new(keys, values)?))
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;

    use super::*;

    fn texts(array: &ArrayRef) -> Vec<Option<String>> {
        let array = match array.as_dictionary_opt::<Int32Type>() {
            Some(dictionary) => take(dictionary.values(), dictionary.keys(), None).unwrap(),
            None => Arc::clone(array),
        };
        let texts = array.as_string::<i32>().iter();
        texts.map(|text| text.map(str::to_owned)).collect()
    }

    #[test]
    fn rows_come_in_the_order_asked_for_with_and_without_dictionaries() {
        let behind = |texts: &[Option<&str>]| -> ArrayRef {
            let array: DictionaryArray<Int32Type> = texts.iter().copied().collect();
            Arc::new(array)
        };
        let a = behind(&[Some("x"), None, Some("y"), Some("x")]);
        let b = behind(&[Some("y"), Some("z")]);
        let plain: ArrayRef = Arc::new(StringArray::from(vec![Some("y"), Some("z")]));
        let order = [(1, 1), (0, 3), (0, 1), (1, 0), (0, 2)];
        let expected = ["z", "x", "", "y", "y"];
        let expected = expected.map(|text| (!text.is_empty()).then(|| text.to_owned()));
        assert_eq!(texts(&gather(&[&a, &b], &order).unwrap()), expected);
        assert_eq!(texts(&gather(&[&a, &plain], &order).unwrap()), expected);
        let alone = gather(&[&a, &b], &[(1, 1), (1, 0)]).unwrap();
        assert_eq!(texts(&alone), [Some("z".to_owned()), Some("y".to_owned())]);
    }
}
