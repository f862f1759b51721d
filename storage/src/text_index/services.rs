//! Which services a split has rows of: service names have resources, resources have rows.

use tantivy::Result as TantivyResult;
use tantivy::schema::Term;

use super::reader::TextIndex;
use super::{Fields, term};
use crate::row_set::RowSet;

/// Every service with its number of rows, by name. `service_of_row` is asked for the names that are
/// too long for the index.
pub(crate) fn counts(
    index: &TextIndex,
    service_of_row: &dyn Fn(u32) -> TantivyResult<String>,
) -> TantivyResult<Vec<(String, u64)>> {
    let Fields {
        service, resource, ..
    } = *index.fields();
    let mut names = Vec::new();
    index.visit_counts(service, "", &mut |text, _| names.push(text.to_owned()))?;
    let mut counts = Vec::new();
    for name in names {
        let numbers = index.rows_of_term(&Term::from_field_text(service, &name))?;
        let mut count = 0;
        for number in numbers.iter() {
            let term = Term::from_field_bytes(resource, &number.to_be_bytes());
            count += u64::from(index.row_count_of_term(&term)?);
        }
        let name = if term::is_cut(&name) {
            match first_row(index, &numbers)? {
                Some(row) => service_of_row(row)?,
                None => continue,
            }
        } else {
            name
        };
        counts.push((name, count));
    }
    counts.sort_unstable();
    Ok(counts)
}

fn first_row(index: &TextIndex, numbers: &RowSet) -> TantivyResult<Option<u32>> {
    let rows = index.rows_of_numbers(index.fields().resource, numbers)?;
    Ok(rows.iter().next())
}
