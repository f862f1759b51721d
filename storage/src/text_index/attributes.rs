//! Collects the attributes of the rows of a split: a term for each value of a key that has few values,
//! filters for a key that has many.

use super::postings::{Postings, SortedTerms, TermNumber, TermTable, sorted_terms};
use super::term;
use super::value_filter::{BLOCK_ROWS, ValueFilterBuilder, key_seed, value_hash};
use crate::split::keys::KeyNumber;

/// A key with no more distinct values than this always has a term for each.
const TERM_VALUES: usize = 1024;
/// A key with more values has terms if each value has this many rows on average.
const TERM_VALUE_ROWS: usize = 16;
/// Whether it has is judged when all rows are there, but no later than at this many values.
const JUDGED_VALUES: usize = 16_384;
/// A key whose distinct values have more bytes than this together has filters.
const TERM_BYTES_MAX: usize = 16 << 20;

/// Where an attribute stands, as bits.
pub(crate) mod place {
    /// On the record itself.
    pub(crate) const RECORD: u8 = 1;
    /// On one of its events.
    pub(crate) const EVENT: u8 = 2;
    /// On one of its links.
    pub(crate) const LINK: u8 = 4;
    /// Anywhere.
    pub(crate) const ALL: u8 = RECORD | EVENT | LINK;
}

/// Takes attributes row by row.
#[derive(Debug, Default)]
pub(crate) struct AttributesBuilder {
    keys: Vec<Option<KeyIndex>>,
    filters: ValueFilterBuilder,
    has_unnumbered_keys: bool,
}

/// What was found out about a value of a key when it came before, to be kept beside the value.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KnownValue {
    /// The key.
    number: Option<KeyNumber>,
    hash: u64,
    /// Its term, as long as the key has terms.
    entry: Option<TermNumber>,
}

#[derive(Debug)]
struct KeyIndex {
    key: Box<str>,
    seed: u64,
    places: u8,
    /// Values seen, counting a value once for each row it is in.
    added: usize,
    values: Values,
    filtered: LastFiltered,
}

/// The value of a key that was put into a filter last: the next one is mostly the same.
#[derive(Debug, Default)]
struct LastFiltered(Option<(u64, u32)>);

impl LastFiltered {
    fn add(&mut self, filters: &mut ValueFilterBuilder, hash: u64, row: u32) {
        let value = Some((hash, row / BLOCK_ROWS));
        if self.0 != value {
            self.0 = value;
            filters.add(hash, row);
        }
    }
}

#[derive(Debug)]
enum Values {
    /// Each value with its rows.
    Terms(TermTable),
    /// The rows that have the key; the values are in the filters.
    Filtered(Postings),
}

/// A key whose values are in the filters.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct FilteredKey {
    pub(crate) key: String,
    /// See [`place`].
    pub(crate) places: u8,
}

impl AttributesBuilder {
    /// Adds an attribute of a row. A key that has no number any more has filters.
    pub(crate) fn add(
        &mut self,
        number: KeyNumber,
        row: u32,
        (key, value): (&str, &str),
        place: u8,
        known: &mut KnownValue,
    ) {
        let Some(place_of_key) = number.index() else {
            self.has_unnumbered_keys = true;
            self.filters.add(value_hash(key_seed(key), value), row);
            return;
        };
        if place_of_key >= self.keys.len() {
            self.keys.resize_with(place_of_key + 1, || None);
        }
        let Some(slot) = self.keys.get_mut(place_of_key) else {
            return;
        };
        let index = slot.get_or_insert_with(|| KeyIndex::new(key));
        index.places |= place;
        index.added += 1;
        if known.number != Some(number) {
            *known = KnownValue {
                number: Some(number),
                hash: value_hash(index.seed, value),
                entry: None,
            };
        }
        match &mut index.values {
            Values::Terms(terms) => {
                if let Some(entry) = known.entry {
                    terms.add_known(entry, row);
                    return;
                }
                let count = terms.len();
                known.entry = Some(terms.add_hashed(known.hash, value.as_bytes(), row));
                if terms.len() > count.max(JUDGED_VALUES) || terms.text_bytes() > TERM_BYTES_MAX {
                    index.use_filters_if_many(&mut self.filters);
                }
            }
            Values::Filtered(rows) => {
                rows.push(row);
                index.filtered.add(&mut self.filters, known.hash, row);
            }
        }
    }

    /// Adds a value that came before, for who would have to make its text; false when the text is needed.
    pub(crate) fn add_again(
        &mut self,
        number: KeyNumber,
        row: u32,
        place: u8,
        known: &KnownValue,
    ) -> bool {
        if known.number != Some(number) {
            return false;
        }
        let key = number.index().and_then(|number| self.keys.get_mut(number));
        let Some(Some(index)) = key else {
            return false;
        };
        match (&mut index.values, known.entry) {
            (Values::Terms(_), None) => return false,
            (Values::Terms(terms), Some(entry)) => terms.add_known(entry, row),
            (Values::Filtered(rows), _) => {
                rows.push(row);
                index.filtered.add(&mut self.filters, known.hash, row);
            }
        }
        index.places |= place;
        index.added += 1;
        true
    }

    /// Decides which keys have terms; to be called when all rows are there.
    pub(crate) fn judge(&mut self) {
        for index in self.keys.iter_mut().flatten() {
            index.use_filters_if_many(&mut self.filters);
        }
    }

    /// Every term with its rows.
    pub(crate) fn terms(&self) -> SortedTerms<'_> {
        sorted_terms(self.keys.iter().flatten().flat_map(KeyIndex::terms))
    }

    /// The keys whose values are in the filters, with the rows that have them, sorted.
    pub(crate) fn filtered_keys(&self) -> Vec<(FilteredKey, &Postings)> {
        let mut keys: Vec<_> = self
            .keys
            .iter()
            .flatten()
            .filter_map(|index| match &index.values {
                Values::Terms(_) => None,
                Values::Filtered(rows) => {
                    let key = FilteredKey {
                        key: index.key.to_string(),
                        places: index.places,
                    };
                    Some((key, rows))
                }
            })
            .collect();
        keys.sort_by(|(a, _), (b, _)| a.key.cmp(&b.key));
        keys
    }

    /// Whether there were more keys than are told apart.
    pub(crate) fn has_unnumbered_keys(&self) -> bool {
        self.has_unnumbered_keys
    }

    /// The bytes of the filters.
    pub(crate) fn finish_filters(self, row_count: u32) -> Vec<u8> {
        self.filters.finish(row_count)
    }
}

impl KeyIndex {
    fn new(key: &str) -> Self {
        Self {
            key: key.into(),
            seed: key_seed(key),
            places: 0,
            added: 0,
            values: Values::Terms(TermTable::default()),
            filtered: LastFiltered::default(),
        }
    }

    fn terms(&self) -> impl Iterator<Item = (Vec<u8>, &Postings)> {
        let table = match &self.values {
            Values::Terms(table) => Some(table),
            Values::Filtered(_) => None,
        };
        table
            .into_iter()
            .flat_map(TermTable::iter)
            .map(|(value, rows)| {
                let value = std::str::from_utf8(value).unwrap_or_default();
                let text = term::attribute(&self.key, value);
                (term::term(&text).as_bytes().to_vec(), rows)
            })
    }

    fn has_too_many_values(&self) -> bool {
        let Values::Terms(terms) = &self.values else {
            return false;
        };
        let count = terms.len();
        (count > TERM_VALUES && count * TERM_VALUE_ROWS > self.added)
            || terms.text_bytes() > TERM_BYTES_MAX
    }

    /// Moves the values so far into the filters of their rows, if they are too many for terms.
    fn use_filters_if_many(&mut self, filters: &mut ValueFilterBuilder) {
        let Values::Terms(terms) = &self.values else {
            return;
        };
        if !self.has_too_many_values() {
            return;
        }
        let mut rows = Vec::new();
        for (hash, postings) in terms.hashes() {
            for row in postings.iter() {
                filters.add_late(hash, row);
                rows.push(row);
            }
        }
        rows.sort_unstable();
        let mut all = Postings::default();
        rows.into_iter().for_each(|row| all.push(row));
        self.values = Values::Filtered(all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::keys::Keys;

    #[test]
    fn keys_with_many_values_have_filters_and_the_others_terms() {
        let mut keys = Keys::default();
        let (few, many, busy) = (keys.number("few"), keys.number("many"), keys.number("busy"));
        let mut builder = AttributesBuilder::default();
        let mut add = |number, row, key: &str, value: u32, place| {
            let mut known = KnownValue::default();
            builder.add(number, row, (key, &value.to_string()), place, &mut known);
        };
        for row in 0..40_000 {
            add(few, row, "few", row % 5, place::RECORD);
            add(many, row, "many", row / 10, place::EVENT);
            add(busy, row, "busy", row % 2_000, place::RECORD);
        }
        builder.judge();
        let filtered = builder.filtered_keys();
        let expected = FilteredKey {
            key: "many".to_owned(),
            places: place::EVENT,
        };
        assert_eq!(filtered.len(), 1);
        assert_eq!(filtered[0].0, expected);
        assert_eq!(filtered[0].1.count(), 40_000);
        assert_eq!(builder.terms().len(), 2_005);
    }
}
