//! Looks for an attribute in the columns, for keys whose values have no terms.

use arrow_array::cast::AsArray as _;
use arrow_array::{ArrayRef, ListArray, MapArray, RecordBatch};
use model::schema::column;
use parquet::errors::{ParquetError, Result as ParquetResult};

use super::logical::{DedicatedValues, Rest};
use super::parquet_file::ParquetFile;
use super::physical::Dedicated;
use super::template::Parts;
use crate::columns::MapTexts;
use crate::filter::TextMatch;
use crate::text_index::attributes::place;

/// Which of the rows have such an attribute on the record, on its events or on its links, as far as
/// `places` asks. Rows ascend and exist.
pub(crate) fn matches(
    file: &ParquetFile,
    rows: &[u32],
    (key, wanted): (&str, &TextMatch),
    places: u8,
) -> ParquetResult<Vec<bool>> {
    let dedicated = file
        .dedicated()
        .iter()
        .filter(|dedicated| dedicated.key == key && places & place::RECORD != 0);
    let dedicated: Vec<&Dedicated> = dedicated.collect();
    let mut names: Vec<String> = dedicated.iter().flat_map(|it| it.columns()).collect();
    let parts = [
        (place::RECORD, column::ATTRIBUTES),
        (place::EVENT, column::EVENTS),
        (place::LINK, column::LINKS),
    ];
    let parts = parts.into_iter().filter(|(bit, _)| places & bit != 0);
    names.extend(parts.map(|(_, name)| name.to_owned()));
    let fields = file.schema().fields().iter().enumerate();
    let columns: Vec<usize> = fields
        .filter(|(_, field)| names.contains(field.name()))
        .map(|(place, _)| place)
        .collect();
    let batch = file.read(rows, &columns)?;
    let mut found = vec![false; rows.len()];
    for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        match field.name().as_str() {
            column::ATTRIBUTES => in_map(&batch, key, wanted, &mut found)?,
            column::EVENTS | column::LINKS => in_list(array, key, wanted, &mut found)?,
            _ => {}
        }
    }
    for column in dedicated {
        in_column(&DedicatedValues::new(column, &batch)?, wanted, &mut found)?;
    }
    Ok(found)
}

fn in_column(
    values: &DedicatedValues<'_>,
    wanted: &TextMatch,
    found: &mut [bool],
) -> ParquetResult<()> {
    let mut parts = Parts::default();
    if let TextMatch::Exact(text) = wanted {
        parts.set(text);
    }
    let mut text = String::new();
    for (row, found) in found.iter_mut().enumerate() {
        if !values.is_valid(row) {
            continue;
        }
        *found |= match (wanted, values.parts(row)) {
            // Equal texts are taken apart alike.
            (TextMatch::Exact(_), Some((template, values))) => {
                values == parts.values && template == parts.template
            }
            _ => {
                values.text(row, &mut text)?;
                wanted.matches(&text)
            }
        };
    }
    Ok(())
}

fn in_map(
    batch: &RecordBatch,
    key: &str,
    wanted: &TextMatch,
    found: &mut [bool],
) -> ParquetResult<()> {
    let rest = Rest::new(batch)?;
    for (row, found) in found.iter_mut().enumerate() {
        for entry in rest.range(row)? {
            let value = rest.value(entry).unwrap_or_default();
            *found |= rest.keys.value(entry) == key && wanted.matches(value);
        }
    }
    Ok(())
}

/// The attributes of the items of a list: events or links.
fn in_list(
    array: &ArrayRef,
    key: &str,
    wanted: &TextMatch,
    found: &mut [bool],
) -> ParquetResult<()> {
    let wrong = || ParquetError::General("a list of another form".to_owned());
    let list: &ListArray = array.as_list_opt().ok_or_else(wrong)?;
    let items = list.values().as_struct_opt().ok_or_else(wrong)?;
    let map = items.column_by_name(column::ATTRIBUTES).ok_or_else(wrong)?;
    let map: &MapArray = map.as_map_opt().ok_or_else(wrong)?;
    let texts = MapTexts::new(map).ok_or_else(wrong)?;
    for (row, found) in found.iter_mut().enumerate() {
        let offsets = list.value_offsets();
        let at = |row: usize| offsets.get(row).and_then(|at| usize::try_from(*at).ok());
        let (Some(start), Some(end)) = (at(row), at(row + 1)) else {
            return Err(wrong());
        };
        let mut texts = (start..end).flat_map(|item| texts.of_row(item));
        *found |= texts.any(|(found_key, text)| found_key == key && wanted.matches(text));
    }
    Ok(())
}
