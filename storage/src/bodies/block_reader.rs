//! The header of a block, read, and the parts of the block that it leads to.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::ops::Range;
use std::sync::OnceLock;

use super::bits::Cursor;
use super::block::{BLOCK_ROWS, CHUNK_ROWS, TEMPLATE_SYMBOLS, TEXT_SYMBOL};
use super::block_writer::BlockEntry;
use super::checked::{self, CHECKSUM_BYTES};
use super::column::{Head, HeadBytes, HeadReader, Part};
use super::error::{BodiesError, damaged};
use super::plane::Unpacker;
use super::symbols::SymbolPages;
use super::template::Template;
use super::text_page::TextPage;

/// A template in a block.
#[derive(Debug)]
pub(super) struct BlockTemplate {
    /// Its number in the split.
    pub(super) number: u32,
    pub(super) row_count: usize,
    heads: Range<usize>,
    pub(super) chunks: Range<usize>,
}

/// A text page in a block.
#[derive(Debug)]
pub(super) struct BlockPage {
    pub(super) page: TextPage,
    /// The number of bodies in the pages before it.
    pub(super) first: usize,
    pub(super) part: Part,
    pub(super) filter: Part,
}

/// The header of a block.
#[derive(Debug)]
pub(super) struct Block {
    header: Vec<u8>,
    pub(super) templates: Vec<BlockTemplate>,
    heads: Vec<Head>,
    entries: Vec<Part>,
    pub(super) chunks: Vec<Part>,
    pub(super) pages: Vec<BlockPage>,
    pub(super) symbols: SymbolPages,
    pub(super) symbol_pages: Vec<Part>,
    pub(super) filters: Part,
    /// Set when the checksum of the filters was compared.
    pub(super) filters_are_good: OnceLock<bool>,
}

/// Hands out the parts of a block one after another.
struct Parts {
    end: u32,
}

impl Parts {
    fn next(&mut self, length: usize) -> Result<Part, BodiesError> {
        let start = self.end;
        self.end = u32::try_from(length)
            .ok()
            .and_then(|length| start.checked_add(length))
            .ok_or_else(|| damaged("a block is too long"))?;
        Ok(start..self.end)
    }
}

impl Block {
    /// Reads the header of the block with these bytes.
    pub(super) fn read(
        data: &[u8],
        entry: &BlockEntry,
        templates: &[Template],
        unpacker: &mut Unpacker,
    ) -> Result<Self, BodiesError> {
        let header_start = entry.length.checked_sub(entry.header_length);
        let header = header_start
            .and_then(|start| data.get(start..entry.length))
            .ok_or_else(|| damaged("a block is too short"))?;
        let header = unpacker.decompress(checked::contents(header)?, entry.header_bytes)?;
        let mut block = Self {
            header: Vec::new(),
            templates: Vec::new(),
            heads: Vec::new(),
            entries: Vec::new(),
            chunks: Vec::new(),
            pages: Vec::new(),
            symbols: SymbolPages::default(),
            symbol_pages: Vec::new(),
            filters: 0..0,
            filters_are_good: OnceLock::new(),
        };
        let mut cursor = Cursor::new(&header);
        let mut parts = Parts { end: 0 };
        let mut heads = HeadReader::default();
        for _ in 0..cursor.count(BLOCK_ROWS)? {
            block.read_template(&mut cursor, &mut parts, &mut heads, templates)?;
        }
        let mut first = 0_usize;
        for _ in 0..cursor.count(BLOCK_ROWS)? {
            let page = TextPage::read_head(&mut cursor)?;
            let part = parts.next(page.length)?;
            let filter = heads.next_filter(page.filter_bytes)?;
            let rows = page.rows;
            block.pages.push(BlockPage {
                page,
                first,
                part,
                filter,
            });
            first = first.saturating_add(rows);
        }
        let symbol_count = TEMPLATE_SYMBOLS + block.templates.len();
        block.symbols = SymbolPages::read_head(entry.row_count, symbol_count, &mut cursor)?;
        for length in &block.symbols.lengths {
            block.symbol_pages.push(parts.next(*length)?);
        }
        let filters = heads.filters_end as usize + CHECKSUM_BYTES;
        block.filters = parts.next(filters)?;
        block.entries = heads.entries;
        if !cursor.is_at_end() || Some(parts.end as usize) != header_start {
            return Err(damaged("a block has another length"));
        }
        block.header = header;
        block.check_counts(first)?;
        Ok(block)
    }

    fn read_template(
        &mut self,
        cursor: &mut Cursor<'_>,
        parts: &mut Parts,
        heads: &mut HeadReader,
        templates: &[Template],
    ) -> Result<(), BodiesError> {
        let number = u32::try_from(cursor.varint()?).map_err(|_| damaged("no such template"))?;
        let template = templates
            .get(number as usize)
            .ok_or_else(|| damaged("no such template"))?;
        let row_count = cursor.count(BLOCK_ROWS)?;
        let chunks = self.chunks.len();
        for _ in 0..row_count.div_ceil(CHUNK_ROWS) {
            self.chunks.push(parts.next(cursor.count(usize::MAX)?)?);
        }
        let first_head = self.heads.len();
        for _ in 0..template.variable_count() {
            self.heads.push(heads.read(cursor)?);
        }
        self.templates.push(BlockTemplate {
            number,
            row_count,
            heads: first_head..self.heads.len(),
            chunks: chunks..self.chunks.len(),
        });
        Ok(())
    }

    /// Checks that the symbols say of rows what templates and pages say.
    fn check_counts(&self, text_rows: usize) -> Result<(), BodiesError> {
        let count = |symbol| self.symbols.count(symbol) as usize;
        let mut templates = self.templates.iter().zip(TEMPLATE_SYMBOLS..);
        if count(TEXT_SYMBOL) == text_rows
            && templates.all(|(template, symbol)| template.row_count == count(symbol))
        {
            Ok(())
        } else {
            Err(damaged("symbols do not add up"))
        }
    }

    pub(super) fn head_bytes(&self) -> HeadBytes<'_> {
        HeadBytes {
            header: &self.header,
            entries: &self.entries,
        }
    }

    /// The heads of the variables of a template.
    pub(super) fn heads(&self, template: &BlockTemplate) -> &[Head] {
        self.heads.get(template.heads.clone()).unwrap_or_default()
    }
}
