//! Columns of texts of which few are distinct.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::ArrowError;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::bytes::{BytesBuilder, nulls};
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

    pub(super) fn memory_bytes(&self) -> usize {
        numbers_bytes(&self.rows) + self.texts.memory_bytes()
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

    pub(super) fn memory_bytes(&self) -> usize {
        numbers_bytes(&self.rows) + numbers_bytes(&self.followers) + self.texts.memory_bytes()
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

/// Texts behind numbers, each kept once; some rows have none.
#[derive(Debug)]
pub(super) struct NullableDictionaryBuilder {
    rows: Vec<i32>,
    nulls: NullBufferBuilder,
    texts: Texts,
}

impl Default for NullableDictionaryBuilder {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            nulls: NullBufferBuilder::new(0),
            texts: Texts::default(),
        }
    }
}

impl NullableDictionaryBuilder {
    /// Makes room for `row_count` rows with distinct texts of `byte_count` bytes.
    pub(super) fn reserve(&mut self, row_count: usize, byte_count: usize) {
        self.rows.reserve(row_count);
        self.texts.texts.reserve(row_count / 4, byte_count);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        numbers_bytes(&self.rows) + self.texts.memory_bytes()
    }

    pub(super) fn append(&mut self, text: Option<&[u8]>) {
        self.rows
            .push(text.map_or(0, |text| self.texts.number(text)));
        self.nulls.append(text.is_some());
    }

    /// Fails when a text is not UTF-8.
    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        let texts = self.texts.texts.finish_text()?;
        let rows = numbers::<Int32Type>(self.rows, nulls(self.nulls))?;
        Ok(Arc::new(DictionaryArray::try_new(rows, Arc::new(texts))?))
    }
}

/// Distinct texts, numbered as they came.
#[derive(Debug, Default)]
struct Texts {
    texts: BytesBuilder,
    count: usize,
    numbers: HashTable<i32>,
    hasher: RandomState,
}

fn numbers_bytes(numbers: &Vec<i32>) -> usize {
    size_of::<i32>() * numbers.capacity()
}

impl Texts {
    fn memory_bytes(&self) -> usize {
        self.texts.memory_bytes() + self.numbers.allocation_size()
    }

    fn number(&mut self, text: &[u8]) -> i32 {
        let hash = self.hasher.hash_one(text);
        let texts = &self.texts;
        let known = self
            .numbers
            .find(hash, |number| texts.row(*number as usize) == text);
        if let Some(number) = known {
            return *number;
        }
        let number = i32::try_from(self.count).unwrap_or(i32::MAX);
        self.texts.append(text);
        self.count += 1;
        let (texts, hasher) = (&self.texts, &self.hasher);
        let hash_of = |number: &i32| hasher.hash_one(texts.row(*number as usize));
        self.numbers.insert_unique(hash, number, hash_of);
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
