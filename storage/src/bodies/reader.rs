//! Reads the bodies of a split from its file.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::OnceLock;

use arrow_array::StringArray;
use arrow_array::builder::StringBuilder;
use bytes::Bytes;

use super::block::TEMPLATE_SYMBOLS;
use super::block_reader::Block;
use super::block_view::BlockView;
use super::block_writer::BlockEntry;
use super::error::{BodiesError, damaged};
use super::footer;
use super::needle::BodyQuery;
use super::plane::Unpacker;
use super::search::SplitQuery;
use super::template::Template;
use super::texts::Texts;
use crate::files::Mapping;
use crate::row_set::RowSet;

/// The bodies of a split. The templates are in memory, the headers of blocks once they were
/// needed; everything else is read from the file.
#[derive(Debug)]
pub struct Bodies {
    bytes: Bytes,
    /// What the bytes are of, if they are of a file.
    mapping: Option<Mapping>,
    blocks: Vec<BlockSlot>,
    templates: Vec<Template>,
    row_count: u32,
}

/// Is told how many bytes of bodies were looked through since it was told last, and says whether to
/// go on.
pub type Watch<'w> = dyn FnMut(u64) -> ControlFlow<()> + 'w;

/// So many bytes of bodies are looked through before a [`Watch`] is told: few enough that even a
/// regular expression that takes microseconds for each of them can be stopped soon.
pub const WATCH_BYTES: u64 = 4 << 10;

/// Takes a block and rows of it.
type VisitBlock<'v> = dyn FnMut(BlockView<'_>, &[u32]) -> Result<(), BodiesError> + 'v;

/// Rows whose bodies match.
#[derive(Debug)]
pub struct BodyMatches {
    /// The rows, among all of the split.
    pub(crate) rows: RowSet,
    /// How many there are.
    pub match_count: usize,
    /// The rows of which this is the whole truth.
    pub searched: Range<u32>,
    /// Bytes of bodies that were looked through, because nothing told whether they match.
    pub scanned_bytes: u64,
}

impl BodyMatches {
    /// The rows, ascending.
    pub fn rows(&self) -> impl Iterator<Item = u32> {
        self.rows.iter()
    }
}

#[derive(Debug)]
struct BlockSlot {
    entry: BlockEntry,
    rows: Range<u32>,
    start: usize,
    block: OnceLock<Block>,
}

impl Bodies {
    /// Maps the file into memory. Files of splits are never changed, only removed.
    ///
    /// # Errors
    /// When the file cannot be read, or is not one of bodies.
    pub fn open(path: &Path) -> Result<Self, BodiesError> {
        let mapping = Mapping::open(path)?;
        let mut bodies = Self::read(mapping.bytes())?;
        bodies.mapping = Some(mapping);
        Ok(bodies)
    }

    /// Reads a file that is in memory.
    ///
    /// # Errors
    /// When it is not one of bodies.
    pub fn read(bytes: Bytes) -> Result<Self, BodiesError> {
        let start = footer::read_start(&bytes)?;
        let (footer_start, footer) = footer::read_end(&bytes, start)?;
        let (entries, templates) = footer::read_footer(&footer)?;
        let mut blocks = Vec::with_capacity(entries.len());
        let (mut first, mut start) = (0_u32, start);
        for entry in entries {
            let rows = u32::try_from(entry.row_count)
                .ok()
                .and_then(|rows| first.checked_add(rows))
                .ok_or(damaged("there are too many rows"))?;
            let (length, rows) = (entry.length, first..rows);
            first = rows.end;
            blocks.push(BlockSlot {
                entry,
                rows,
                start,
                block: OnceLock::new(),
            });
            start = start.saturating_add(length);
        }
        if start != footer_start {
            return Err(damaged("blocks have another length"));
        }
        Ok(Self {
            bytes,
            mapping: None,
            blocks,
            templates,
            row_count: first,
        })
    }

    /// See [`Mapping::release`].
    pub(crate) fn release(&self) {
        self.mapping.iter().for_each(Mapping::release);
    }

    /// How many rows there are, those without a body included.
    pub fn row_count(&self) -> u32 {
        self.row_count
    }

    /// The rows that are searched together with those of a range.
    pub(crate) fn searched_with(&self, rows: &Range<u32>) -> Range<u32> {
        let overlaps = |slot: &&BlockSlot| slot.rows.start < rows.end && rows.start < slot.rows.end;
        let mut slots = self.blocks.iter().filter(overlaps);
        let Some(first) = slots.next() else {
            return rows.clone();
        };
        let last = slots.next_back().unwrap_or(first);
        first.rows.start..last.rows.end
    }

    /// The templates of the split; a template's id is its place here.
    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// The bodies of rows, which ascend.
    ///
    /// # Errors
    /// When there is no such row, or the file is damaged.
    pub fn texts(&self, rows: &[u32]) -> Result<StringArray, BodiesError> {
        let mut unpacker = Unpacker::new()?;
        let mut builder = StringBuilder::with_capacity(rows.len(), 0);
        self.visit_blocks(rows, &mut |view, wanted| {
            let mut texts = Texts::default();
            view.texts(wanted, &mut unpacker, &mut texts)?;
            let bytes = std::str::from_utf8(&texts.bytes).map_err(|_| damaged("no text"))?;
            if builder.values_slice().len() + bytes.len() > i32::MAX as usize {
                let what = "the rows asked for have more than 2 GiB";
                return Err(BodiesError::TooLarge { what });
            }
            for range in texts.ranges {
                match range {
                    None => builder.append_null(),
                    Some(range) => {
                        let body = bytes.get(range).ok_or(damaged("no text"))?;
                        builder.append_value(body);
                    }
                }
            }
            Ok(())
        })?;
        Ok(builder.finish())
    }

    /// The templates of rows, which ascend; `None` for a row without body or template.
    ///
    /// # Errors
    /// When there is no such row, or the file is damaged.
    pub fn template_ids(&self, rows: &[u32]) -> Result<Vec<Option<u32>>, BodiesError> {
        let mut unpacker = Unpacker::new()?;
        let mut ids = Vec::with_capacity(rows.len());
        self.visit_blocks(rows, &mut |view, wanted| {
            let templates = &view.block.templates;
            for place in view.places(wanted, &mut unpacker)? {
                let template = place.symbol.checked_sub(TEMPLATE_SYMBOLS);
                let template = template.and_then(|template| templates.get(template));
                ids.push(template.map(|template| template.number));
            }
            Ok(())
        })?;
        Ok(ids)
    }

    /// Visits the blocks that hold some of the rows, with the rows counted from the block's first.
    fn visit_blocks(&self, rows: &[u32], visit: &mut VisitBlock<'_>) -> Result<(), BodiesError> {
        self.check_rows(rows)?;
        let mut rest = rows;
        for slot in &self.blocks {
            let count = rest.partition_point(|row| *row < slot.rows.end);
            let (wanted, later) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            rest = later;
            if wanted.is_empty() {
                continue;
            }
            let wanted: Vec<u32> = wanted.iter().map(|row| row - slot.rows.start).collect();
            visit(self.view(slot)?, &wanted)?;
        }
        Ok(())
    }

    /// Finds the rows in a range that match, newest first: it stops when it has so many, and says
    /// how far it came.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn search(
        &self,
        query: &BodyQuery,
        rows: Range<u32>,
        matches_max: usize,
    ) -> Result<BodyMatches, BodiesError> {
        let prepared = self.prepare(query);
        let mut watch = |_| ControlFlow::Continue(());
        self.search_among(&prepared, rows, matches_max, &|_| true, &mut watch)
    }

    /// Lays a query on the templates, for several searches.
    pub(crate) fn prepare(&self, query: &BodyQuery) -> SplitQuery {
        SplitQuery::new(query, &self.templates)
    }

    /// The same as [`Bodies::search`] for a query that is prepared. Rows that are not `among` those
    /// wanted may be left out. When it is told to stop, the rows searched say so.
    pub(crate) fn search_among(
        &self,
        split_query: &SplitQuery,
        rows: Range<u32>,
        matches_max: usize,
        among: &dyn Fn(u32) -> bool,
        watch: &mut Watch<'_>,
    ) -> Result<BodyMatches, BodiesError> {
        let mut unpacker = Unpacker::new()?;
        let mut matches = BodyMatches {
            rows: RowSet::empty(self.row_count),
            match_count: 0,
            searched: rows.end.min(self.row_count)..rows.end.min(self.row_count),
            scanned_bytes: 0,
        };
        for slot in self.blocks.iter().rev() {
            if matches.match_count >= matches_max {
                return Ok(matches);
            }
            if slot.rows.start >= rows.end || slot.rows.end <= rows.start {
                continue;
            }
            let view = self.view(slot)?;
            let found = view.find(split_query, &mut unpacker)?;
            matches.scanned_bytes += found.scanned_bytes;
            if watch(found.scanned_bytes).is_break() {
                return Ok(matches);
            }
            let mut of_block = view.rows_found(&found, &mut unpacker)?;
            of_block.retain(|row| rows.contains(&(slot.rows.start + row)));
            if split_query.has_regex() {
                of_block.retain(|row| among(slot.rows.start + row));
                let mut tell = |bytes| {
                    matches.scanned_bytes += bytes;
                    watch(bytes)
                };
                match view.verify(split_query, of_block, &mut unpacker, &mut tell)? {
                    Some(verified) => of_block = verified,
                    None => return Ok(matches),
                }
            }
            for row in of_block {
                matches.rows.insert(slot.rows.start + row);
                matches.match_count += 1;
            }
            matches.searched.start = slot.rows.start.max(rows.start);
        }
        matches.searched.start = rows.start.min(matches.searched.end);
        Ok(matches)
    }

    /// Counts the rows in a range that match, until told to stop.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn count(
        &self,
        query: &BodyQuery,
        rows: Range<u32>,
        watch: &mut Watch<'_>,
    ) -> Result<u64, BodiesError> {
        let prepared = self.prepare(query);
        let mut unpacker = Unpacker::new()?;
        let mut count = 0;
        for slot in &self.blocks {
            let is_whole = rows.start <= slot.rows.start && slot.rows.end <= rows.end;
            if is_whole && !query.has_regex() {
                let view = self.view(slot)?;
                let found = view.find(&prepared, &mut unpacker)?;
                count += view.count_found(&found);
                if watch(found.scanned_bytes).is_break() {
                    break;
                }
                continue;
            }
            let of_block = rows.start.max(slot.rows.start)..rows.end.min(slot.rows.end);
            if of_block.is_empty() {
                continue;
            }
            let all = &|_| true;
            let found = self.search_among(&prepared, of_block.clone(), usize::MAX, all, watch)?;
            count += found.match_count as u64;
            if found.searched != of_block {
                break;
            }
        }
        Ok(count)
    }

    fn check_rows(&self, rows: &[u32]) -> Result<(), BodiesError> {
        let mut next = 0;
        for row in rows {
            if *row < next || *row >= self.row_count {
                return Err(BodiesError::BadRow {
                    row: *row,
                    row_count: self.row_count,
                });
            }
            next = row.saturating_add(1);
        }
        Ok(())
    }

    fn view<'a>(&'a self, slot: &'a BlockSlot) -> Result<BlockView<'a>, BodiesError> {
        let data = slot
            .start
            .checked_add(slot.entry.length)
            .and_then(|end| self.bytes.get(slot.start..end))
            .ok_or(damaged("a block is too short"))?;
        let block = match slot.block.get() {
            Some(block) => block,
            None => {
                let block = Block::read(data, &slot.entry, &self.templates, &mut Unpacker::new()?)?;
                slot.block.get_or_init(|| block)
            }
        };
        Ok(BlockView {
            block,
            data,
            templates: &self.templates,
        })
    }
}
