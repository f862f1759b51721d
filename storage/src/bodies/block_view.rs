//! The parts of a block, each read and checked when it is needed.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::bits::Cursor;
use super::block::CHUNK_ROWS;
use super::block_reader::{Block, BlockPage, BlockTemplate};
use super::checked::{self, CHECKSUM_BYTES};
use super::column::{Head, Part};
use super::column_test::ChunkMask;
use super::error::{BodiesError, damaged};
use super::integers::Picks;
use super::plane::Unpacker;
use super::template::Template;
use super::text_page::PageText;
use super::values::Values;

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
        self.data
            .get(range)
            .ok_or_else(|| damaged("a block is too short"))
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
        all.get(range)
            .ok_or_else(|| damaged("filters are too short"))
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
    /// The rows in which a variable is a number.
    pub(super) fn matching_number(
        &self,
        variable: usize,
        wanted: u64,
        unpacker: &mut Unpacker,
    ) -> Result<ChunkMask, BodiesError> {
        let (head, payload) = self.column(variable)?;
        head.matching_number(payload, self.row_count, wanted, unpacker)
    }

    fn column(&self, variable: usize) -> Result<(&'a Head, &'a [u8]), BodiesError> {
        let column = self.heads.get(variable).zip(self.payloads.get(variable));
        let (head, payload) = column.ok_or_else(|| damaged("no such variable"))?;
        Ok((head, *payload))
    }

    /// The wanted values of a variable.
    pub(super) fn values(
        &self,
        variable: usize,
        picks: Picks<'_>,
        unpacker: &mut Unpacker,
    ) -> Result<Values<'a>, BodiesError> {
        let (head, payload) = self.column(variable)?;
        let bytes = self.block.head_bytes();
        head.read(bytes, payload, self.row_count, picks, unpacker)
    }
}
