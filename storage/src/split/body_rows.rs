//! Finds the rows of a split whose bodies pass: what is cheap first, and of what that leaves no
//! body more often than it must.

use std::cell::{OnceCell, RefCell};
use std::ops::Range;

use crate::bodies::{Bodies, BodiesError, BodyQuery, SplitQuery, Watch};
use crate::row_set::{RowSet, rows_of_words};

/// So few rows are looked at one by one; more are searched with all that lie around them.
const READ_ROWS: usize = 64;

/// The predicates of a filter that are about bodies.
#[derive(Default)]
pub(super) struct BodyTests {
    tests: Vec<BodyTest>,
    /// Rows that were searched last, and the bits of those among them that pass.
    known: RefCell<Option<(Range<u32>, Vec<u64>)>>,
}

struct BodyTest {
    query: BodyQuery,
    negated: bool,
    prepared: OnceCell<SplitQuery>,
}

/// What is known of rows without their bodies.
pub(super) struct Others<'a> {
    /// Rows that everything else leaves, so far.
    pub(super) rows: &'a RowSet,
    /// Whether a row passes what else can be told at once.
    pub(super) passes: &'a dyn Fn(u32) -> bool,
}

impl BodyTests {
    /// Adds a predicate.
    pub(super) fn push(&mut self, query: BodyQuery, negated: bool) {
        self.tests.push(BodyTest {
            query,
            negated,
            prepared: OnceCell::new(),
        });
        // Regular expressions look at what the others leave.
        self.tests.sort_by_key(|test| test.query.has_regex());
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// The rows in a range that pass everything, ascending; `None` when it was told to stop.
    pub(super) fn rows_in(
        &self,
        bodies: &Bodies,
        range: &Range<u32>,
        others: &Others<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Vec<u32>>, BodiesError> {
        let mut known = self.known.borrow_mut();
        let is_known = known.as_ref().is_some_and(|(searched, _)| {
            searched.start <= range.start && range.end <= searched.end
        });
        let passes = |row: &u32| (others.passes)(*row);
        if !is_known {
            let possible = others.rows.iter_in(range.clone()).filter(passes);
            let few: Vec<u32> = possible.take(READ_ROWS + 1).collect();
            if few.len() <= READ_ROWS {
                return self.keep_by_reading(bodies, few, watch);
            }
            let searched = bodies.searched_with(range);
            let Some(found) = self.search(bodies, &searched, others, watch)? else {
                return Ok(None);
            };
            *known = Some((searched, found));
        }
        let (searched, words) = known.get_or_insert_default();
        let skipped = (range.start / 64).saturating_sub(searched.start / 64) as usize;
        let words = words.get(skipped..).unwrap_or_default();
        Ok(Some(
            rows_of_words(words, range.clone()).filter(passes).collect(),
        ))
    }

    /// The bits of the rows that pass, in the words of the rows that are searched.
    fn search(
        &self,
        bodies: &Bodies,
        searched: &Range<u32>,
        others: &Others<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Vec<u64>>, BodiesError> {
        let mut words = others.rows.words_of(searched).to_vec();
        for test in &self.tests {
            let query = test.prepared.get_or_init(|| bodies.prepare(&test.query));
            let is_left = |row: u32| {
                let word = words.get((row / 64 - searched.start / 64) as usize);
                word.is_some_and(|word| word >> (row % 64) & 1 == 1) && (others.passes)(row)
            };
            let rows = searched.clone();
            let found = bodies.search_among(query, rows, usize::MAX, &is_left, watch)?;
            if found.searched != *searched {
                return Ok(None);
            }
            for (word, found) in words.iter_mut().zip(found.rows.words_of(searched)) {
                *word &= if test.negated { !found } else { *found };
            }
        }
        Ok(Some(words))
    }

    /// The rows that pass all tests, each looked at.
    fn keep_by_reading(
        &self,
        bodies: &Bodies,
        rows: Vec<u32>,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Vec<u32>>, BodiesError> {
        let texts = bodies.texts(&rows)?;
        let mut passing = Vec::new();
        for (row, text) in rows.into_iter().zip(&texts) {
            let holds = |test: &BodyTest| text.is_some_and(|text| test.query.matches(text));
            if self.tests.iter().all(|test| holds(test) != test.negated) {
                passing.push(row);
            }
            if watch(text.map_or(0, |text| text.len() as u64)).is_break() {
                return Ok(None);
            }
        }
        Ok(Some(passing))
    }
}
