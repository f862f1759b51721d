//! The header of a block, read, and the parts of the block that it leads to.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::ops::Range;
use std::sync::OnceLock;

use super::bits::Cursor;
use super::block::{BLOCK_ROWS, CHUNK_ROWS, TEMPLATE_SYMBOLS, TEXT_SYMBOL};
use super::block_writer::BlockEntry;
use super::checked::{self, CHECKSUM_BYTES};
use super::column::{Head, HeadBytes, HeadReader, Part, Values};
use super::error::{BodiesError, damaged};
use super::integers::Picks;
use super::plane::Unpacker;
use super::symbols::SymbolPages;
use super::template::Template;
use super::text_page::{PageText, TextPage};

/// A template in a block.
#[derive(Debug)]
pub(super) struct BlockTemplate {
    /// Its number in the split.
    pub(super) number: u32,
    pub(super) row_count: usize,
    heads: Range<usize>,
    chunks: Range<usize>,
}

/// A text page in a block.
#[derive(Debug)]
pub(super) struct BlockPage {
    pub(super) page: TextPage,
    /// The number of bodies in the pages before it.
    pub(super) first: usize,
    part: Part,
    filter: Part,
}

/// The header of a block.
#[derive(Debug)]
pub(super) struct Block {
    header: Vec<u8>,
    pub(super) templates: Vec<BlockTemplate>,
    heads: Vec<Head>,
    entries: Vec<Part>,
    chunks: Vec<Part>,
    pub(super) pages: Vec<BlockPage>,
    pub(super) symbols: SymbolPages,
    symbol_pages: Vec<Part>,
    filters: Part,
    /// Set when the checksum of the filters was compared.
    filters_are_good: OnceLock<bool>,
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

/// A block with its bytes and the templates of the split.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockView<'a> {
    pub(super) block: &'a Block,
    pub(super) data: &'a [u8],
    pub(super) templates: &'a [Template],
}

impl<'a> BlockView<'a> {
    fn part(&self, part: &Part) -> Result<&'a [u8], BodiesError> {
        let range = part.start as usize..part.end as usize;
        self.data.get(range).ok_or_else(|| damaged("a block is too short"))
    }

    /// The template, with its number in the split.
    pub(super) fn template(&self, template: &BlockTemplate) -> Result<&'a Template, BodiesError> {
        let found = self.templates.get(template.number as usize);
        found.ok_or_else(|| damaged("no such template"))
    }

    /// The payloads of a chunk of a template.
    pub(super) fn chunk(
        &self,
        template: &'a BlockTemplate,
        chunk: usize,
    ) -> Result<Chunk<'a>, BodiesError> {
        let parts = self.block.chunks.get(template.chunks.clone());
        let part = parts.and_then(|parts| parts.get(chunk));
        let bytes = checked::contents(self.part(part.ok_or_else(|| damaged("no such chunk"))?)?)?;
        let heads = self.block.heads(template);
        let mut cursor = Cursor::new(bytes);
        let mut lengths = Vec::with_capacity(heads.len());
        for head in heads {
            lengths.push(if head.is_constant() {
                0
            } else {
                cursor.count(bytes.len())?
            });
        }
        let payloads = lengths.into_iter().map(|length| cursor.take(length));
        Ok(Chunk {
            block: self.block,
            heads,
            payloads: payloads.collect::<Result<_, _>>()?,
            row_count: CHUNK_ROWS.min(template.row_count.saturating_sub(chunk * CHUNK_ROWS)),
        })
    }

    /// The symbols of a page of rows.
    pub(super) fn symbols(
        &self,
        page: usize,
        unpacker: &mut Unpacker,
    ) -> Result<Vec<u16>, BodiesError> {
        let part = self.block.symbol_pages.get(page);
        let part = self.part(part.ok_or_else(|| damaged("no such page"))?)?;
        self.block.symbols.read(page, part, unpacker)
    }

    /// The bodies of a text page.
    pub(super) fn text(
        &self,
        page: &BlockPage,
        unpacker: &mut Unpacker,
    ) -> Result<PageText<'a>, BodiesError> {
        PageText::read(&page.page, self.part(&page.part)?, unpacker)
    }

    /// The filter of a column; empty when it has none.
    pub(super) fn column_filter(&self, head: &Head) -> Result<&'a [u8], BodiesError> {
        self.filter(&head.filter)
    }

    /// The filter of a page.
    pub(super) fn page_filter(&self, page: &BlockPage) -> Result<&'a [u8], BodiesError> {
        self.filter(&page.filter)
    }

    fn filter(&self, part: &Part) -> Result<&'a [u8], BodiesError> {
        let all = self.part(&self.block.filters)?;
        let good = &self.block.filters_are_good;
        if !good.get_or_init(|| checked::contents(all).is_ok()) {
            return Err(damaged("a checksum is wrong"));
        }
        let range = part.start as usize + CHECKSUM_BYTES..part.end as usize + CHECKSUM_BYTES;
        all.get(range).ok_or_else(|| damaged("filters are too short"))
    }
}

/// The values of a template in a chunk of its rows, not yet read.
#[derive(Debug)]
pub(super) struct Chunk<'a> {
    block: &'a Block,
    heads: &'a [Head],
    payloads: Vec<&'a [u8]>,
    pub(super) row_count: usize,
}

impl<'a> Chunk<'a> {
    /// The wanted values of a variable.
    pub(super) fn values(
        &self,
        variable: usize,
        picks: Picks<'_>,
        unpacker: &mut Unpacker,
    ) -> Result<Values<'a>, BodiesError> {
        let (Some(head), Some(payload)) = (self.heads.get(variable), self.payloads.get(variable))
        else {
            return Err(damaged("no such variable"));
        };
        let bytes = self.block.head_bytes();
        head.read(bytes, payload, self.row_count, picks, unpacker)
    }
}
