//! A block: the bodies of consecutive rows, encoded on their own. Its sizes, and its rows before
//! they are encoded.

use super::error::BodiesError;

/// Rows of a block, at most.
pub(super) const BLOCK_ROWS: usize = 64 * 1024;
/// A block that has more text is not given more rows.
pub(super) const BLOCK_BYTES: usize = 16 << 20;
/// Rows of one template whose values are read together.
pub(super) const CHUNK_ROWS: usize = 1024;
/// Rows whose symbols are read together.
pub(super) const SYMBOL_PAGE_ROWS: usize = 4096;
/// A page that has more text is not given more rows.
pub(super) const TEXT_PAGE_BYTES: usize = 64 << 10;

/// Every row has a symbol: that it has no body, that its body is kept as text, or, from
/// [`TEMPLATE_SYMBOLS`] on, the place of its template in the block.
pub(super) const NONE_SYMBOL: usize = 0;
/// See [`NONE_SYMBOL`].
pub(super) const TEXT_SYMBOL: usize = 1;
/// See [`NONE_SYMBOL`].
pub(super) const TEMPLATE_SYMBOLS: usize = 2;

/// The bodies that will become a block.
#[derive(Debug, Default)]
pub(super) struct BlockRows {
    text: String,
    ends: Vec<u32>,
    is_none: Vec<bool>,
}

impl BlockRows {
    /// Adds the next row.
    pub(super) fn push(&mut self, body: Option<&str>) -> Result<(), BodiesError> {
        self.text.push_str(body.unwrap_or_default());
        let Ok(end) = u32::try_from(self.text.len()) else {
            return Err(BodiesError::TooLarge {
                what: "a body is longer than 4 GiB",
            });
        };
        self.ends.push(end);
        self.is_none.push(body.is_none());
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.ends.len() >= BLOCK_ROWS || self.text.len() >= BLOCK_BYTES
    }

    /// Forgets all rows and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.is_none.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// All bodies, one after another.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where the body of a row begins in [`BlockRows::text`].
    pub(super) fn start(&self, row: usize) -> usize {
        match row.checked_sub(1) {
            Some(previous) => self.ends[previous] as usize,
            None => 0,
        }
    }

    pub(super) fn body(&self, row: usize) -> Option<&str> {
        let range = self.start(row)..self.ends[row] as usize;
        (!self.is_none[row]).then(|| self.text.get(range).unwrap_or_default())
    }
}
