//! Columns of texts of which few are distinct.

use std::collections::HashMap;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray};
use arrow_schema::ArrowError;
use std::sync::Arc;

use super::bytes::BytesBuilder;
use super::numbers;

/// Texts behind numbers, each kept once.
#[derive(Debug, Default)]
pub(super) struct DictionaryBuilder {
    keys: Vec<i32>,
    texts: BytesBuilder,
    known: HashMap<Box<[u8]>, i32>,
}

impl DictionaryBuilder {
    pub(super) fn reserve(&mut self, row_count: usize) {
        self.keys.reserve(row_count);
    }

    /// The number of the text.
    pub(super) fn key(&mut self, text: &[u8]) -> i32 {
        if let Some(key) = self.known.get(text) {
            return *key;
        }
        let key = i32::try_from(self.known.len()).unwrap_or(i32::MAX);
        self.known.insert(text.into(), key);
        self.texts.append(text);
        key
    }

    /// Adds `row_count` rows with a number from [`DictionaryBuilder::key`].
    pub(super) fn append(&mut self, key: i32, row_count: usize) {
        self.keys.resize(self.keys.len() + row_count, key);
    }

    /// Fails when a text is not UTF-8.
    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        let texts = self.texts.finish_text()?;
        let keys = numbers::<Int32Type>(self.keys, None)?;
        Ok(Arc::new(DictionaryArray::try_new(keys, Arc::new(texts))?))
    }
}
