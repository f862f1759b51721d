//! The symbols of the rows of a block: which template each has. Kept in pages, so that one row can
//! be found without reading all.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::bits::{Cursor, put_varint};
use super::block::SYMBOL_PAGE_ROWS;
use super::checked;
use super::error::{BodiesError, damaged};
use super::plane::{Packer, Unpacker};

/// Symbols that fit one byte.
const NARROW: usize = 256;

/// Writes the pages, and for each page to the header its length and how often each symbol is in it.
pub(super) fn put(
    symbols: &[u16],
    symbol_count: usize,
    packer: &mut Packer,
    out: &mut Vec<u8>,
    header: &mut Vec<u8>,
) -> Result<(), BodiesError> {
    let mut plane = Vec::with_capacity(SYMBOL_PAGE_ROWS);
    for page in symbols.chunks(SYMBOL_PAGE_ROWS) {
        let start = checked::begin(out);
        plane.clear();
        plane.extend(page.iter().map(|symbol| symbol.to_le_bytes()[0]));
        packer.put_values(&plane, out)?;
        if symbol_count > NARROW {
            plane.clear();
            plane.extend(page.iter().map(|symbol| symbol.to_le_bytes()[1]));
            packer.put_values(&plane, out)?;
        }
        put_varint(checked::end(start, out) as u64, header);
        let mut counts = vec![0_u64; symbol_count];
        for symbol in page {
            if let Some(count) = counts.get_mut(usize::from(*symbol)) {
                *count += 1;
            }
        }
        counts.iter().for_each(|count| put_varint(*count, header));
    }
    Ok(())
}

/// What the header of a block says of the symbols of its rows.
#[derive(Debug, Default)]
pub(super) struct SymbolPages {
    row_count: usize,
    symbol_count: usize,
    /// Bytes of each page in the file.
    pub(super) lengths: Vec<usize>,
    /// For each page, how often each symbol is in the pages before it; and once more at the end.
    ranks: Vec<u32>,
}

impl SymbolPages {
    pub(super) fn read_head(
        row_count: usize,
        symbol_count: usize,
        cursor: &mut Cursor<'_>,
    ) -> Result<Self, BodiesError> {
        let mut pages = Self {
            row_count,
            symbol_count,
            lengths: Vec::new(),
            ranks: vec![0; symbol_count],
        };
        let mut ranks = vec![0_u32; symbol_count];
        for page in 0..row_count.div_ceil(SYMBOL_PAGE_ROWS) {
            pages.lengths.push(cursor.count(usize::MAX)?);
            let rows = pages.rows_of(page);
            let mut sum = 0;
            for rank in &mut ranks {
                let count = cursor.count(rows)?;
                sum += count;
                *rank += u32::try_from(count).unwrap_or(0);
            }
            if sum != rows {
                return Err(damaged("symbols do not add up"));
            }
            pages.ranks.extend_from_slice(&ranks);
        }
        Ok(pages)
    }

    /// How many rows a page has.
    pub(super) fn rows_of(&self, page: usize) -> usize {
        let start = page * SYMBOL_PAGE_ROWS;
        self.row_count.saturating_sub(start).min(SYMBOL_PAGE_ROWS)
    }

    /// How often a symbol is in the pages before this one.
    pub(super) fn rank(&self, page: usize, symbol: usize) -> u32 {
        let at = page * self.symbol_count + symbol;
        self.ranks.get(at).copied().unwrap_or(0)
    }

    /// How many rows have the symbol.
    pub(super) fn count(&self, symbol: usize) -> u32 {
        self.rank(self.lengths.len(), symbol)
    }

    /// How many symbols there are.
    pub(super) fn symbol_count(&self) -> usize {
        self.symbol_count
    }

    /// The symbols of the rows of a page.
    pub(super) fn read(
        &self,
        page: usize,
        part: &[u8],
        unpacker: &mut Unpacker,
    ) -> Result<Vec<u16>, BodiesError> {
        let mut cursor = Cursor::new(checked::contents(part)?);
        let rows = self.rows_of(page);
        let low = unpacker.plane(&mut cursor, rows)?;
        let mut symbols: Vec<u16> = low.iter().map(|low| u16::from(*low)).collect();
        if self.symbol_count > NARROW {
            let high = unpacker.plane(&mut cursor, rows)?;
            for (symbol, high) in symbols.iter_mut().zip(high.iter()) {
                *symbol |= u16::from(*high) << 8;
            }
        }
        Ok(symbols)
    }
}
