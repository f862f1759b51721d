//! Columns of texts of which few are distinct.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray};
use arrow_schema::ArrowError;

use super::bytes::BytesBuilder;
use super::numbers;

/// Texts behind numbers, each kept once.
#[derive(Debug, Default)]
pub(super) struct DictionaryBuilder {
    rows: Vec<i32>,
    texts: Texts,
}

impl DictionaryBuilder {
    pub(super) fn reserve(&mut self, row_count: usize) {
        self.rows.reserve(row_count);
    }

    /// The number of the text.
    pub(super) fn number(&mut self, text: &[u8]) -> i32 {
        self.texts.number(text)
    }

    /// Adds `row_count` rows with a number from [`DictionaryBuilder::number`].
    pub(super) fn append(&mut self, number: i32, row_count: usize) {
        self.rows.resize(self.rows.len() + row_count, number);
    }

    /// Fails when a text is not UTF-8.
    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        self.texts.finish(self.rows)
    }
}

/// The keys of attributes, each kept once.
///
/// Records of one kind have the same keys in the same order, so that the key that came after this one the
/// last time mostly comes again, and one comparison finds its number.
#[derive(Debug, Default)]
pub(super) struct KeysBuilder {
    rows: Vec<i32>,
    texts: Texts,
    /// By number, the number that followed it; the last appended number is where to look.
    followers: Vec<i32>,
    last: usize,
}

impl KeysBuilder {
    pub(super) fn reserve(&mut self, row_count: usize) {
        self.rows.reserve(row_count);
    }

    #[inline]
    pub(super) fn append(&mut self, key: &[u8]) {
        let guess = self.followers.get(self.last).copied().unwrap_or(0);
        let number = if self.texts.is(guess, key) {
            guess
        } else {
            let number = self.texts.number(key);
            self.follow(number);
            number
        };
        self.last = number as usize;
        self.rows.push(number);
    }

    /// Remembers that `number` came after the last one.
    fn follow(&mut self, number: i32) {
        let count = self.texts.count.max(self.last + 1);
        self.followers.resize(count, 0);
        self.followers[self.last] = number;
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Fails when a key is not UTF-8.
    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        self.texts.finish(self.rows)
    }
}

/// Distinct texts, numbered as they came.
#[derive(Debug, Default)]
struct Texts {
    texts: BytesBuilder,
    count: usize,
    hashing: RandomState,
    /// By hash, the number of the first text that has it.
    numbers: HashMap<u64, i32>,
}

impl Texts {
    fn number(&mut self, text: &[u8]) -> i32 {
        let hash = self.hashing.hash_one(text);
        let found = self.numbers.get(&hash).copied();
        if let Some(number) = found.filter(|number| self.is(*number, text)) {
            return number;
        }
        let number = i32::try_from(self.count).unwrap_or(i32::MAX);
        // Should two texts share a hash, the second is only not found again: it gets several numbers.
        self.numbers.entry(hash).or_insert(number);
        self.texts.append(text);
        self.count += 1;
        number
    }

    /// Whether the text has this number.
    #[inline]
    fn is(&self, number: i32, text: &[u8]) -> bool {
        (number as usize) < self.count && self.texts.row(number as usize) == text
    }

    fn finish(self, rows: Vec<i32>) -> Result<ArrayRef, ArrowError> {
        let texts = self.texts.finish_text()?;
        let rows = numbers::<Int32Type>(rows, None)?;
        Ok(Arc::new(DictionaryArray::try_new(rows, Arc::new(texts))?))
    }
}
