//! Reads the bodies of chosen rows of a block.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::ops::Range;

use super::block::{CHUNK_ROWS, NONE_SYMBOL, SYMBOL_PAGE_ROWS, TEMPLATE_SYMBOLS, TEXT_SYMBOL};
use super::block_reader::BlockTemplate;
use super::block_view::BlockView;
use super::error::{BodiesError, damaged};
use super::integers::Picks;
use super::plane::Unpacker;

/// From so many wanted rows of a page on, all its symbols are counted once.
const COUNTED_ROWS: usize = 32;

/// Bodies, in no order, and where that of each wanted row is.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) bytes: Vec<u8>,
    /// One for each wanted row; `None` where it has no body.
    pub(super) ranges: Vec<Option<Range<usize>>>,
}

/// Where a row is: its symbol, and how many rows of the block before it have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) symbol: usize,
    pub(super) rank: usize,
}

impl BlockView<'_> {
    /// Where rows of the block are, which ascend and exist.
    pub(super) fn places(
        &self,
        rows: &[u32],
        unpacker: &mut Unpacker,
    ) -> Result<Vec<Place>, BodiesError> {
        let page_of = |row: &u32| *row as usize / SYMBOL_PAGE_ROWS;
        let mut places = Vec::with_capacity(rows.len());
        for wanted in rows.chunk_by(|a, b| page_of(a) == page_of(b)) {
            let page = wanted.first().map_or(0, page_of);
            let symbols = self.symbols(page, unpacker)?;
            if wanted.len() < COUNTED_ROWS {
                self.count_before(page, &symbols, wanted, &mut places)?;
            } else {
                self.count_all(page, &symbols, wanted, &mut places)?;
            }
        }
        Ok(places)
    }

    fn count_before(
        &self,
        page: usize,
        symbols: &[u16],
        wanted: &[u32],
        places: &mut Vec<Place>,
    ) -> Result<(), BodiesError> {
        for row in wanted {
            let at = *row as usize % SYMBOL_PAGE_ROWS;
            let (before, symbol) = symbols
                .get(..at)
                .zip(symbols.get(at))
                .ok_or_else(|| damaged("a page has too few symbols"))?;
            let same = before.iter().filter(|other| *other == symbol).count();
            let symbol = usize::from(*symbol);
            let rank = self.block.symbols.rank(page, symbol) as usize + same;
            places.push(Place { symbol, rank });
        }
        Ok(())
    }

    fn count_all(
        &self,
        page: usize,
        symbols: &[u16],
        wanted: &[u32],
        places: &mut Vec<Place>,
    ) -> Result<(), BodiesError> {
        let pages = &self.block.symbols;
        let mut ranks: Vec<usize> = (0..pages.symbol_count())
            .map(|symbol| pages.rank(page, symbol) as usize)
            .collect();
        let mut wanted = wanted.iter().map(|row| *row as usize % SYMBOL_PAGE_ROWS);
        let mut next = wanted.next();
        for (at, symbol) in symbols.iter().enumerate() {
            let symbol = usize::from(*symbol);
            let rank = ranks
                .get_mut(symbol)
                .ok_or_else(|| damaged("no such symbol"))?;
            if next == Some(at) {
                places.push(Place {
                    symbol,
                    rank: *rank,
                });
                next = wanted.next();
            }
            *rank += 1;
        }
        match next {
            None => Ok(()),
            Some(_) => Err(damaged("a page has too few symbols")),
        }
    }

    /// Reads the bodies of rows of the block, which ascend and exist.
    pub(super) fn texts(
        &self,
        rows: &[u32],
        unpacker: &mut Unpacker,
        texts: &mut Texts,
    ) -> Result<(), BodiesError> {
        let places = self.places(rows, unpacker)?;
        let first = texts.ranges.len();
        texts.ranges.resize(first + rows.len(), None);
        for group in by_symbol(&places, self.block.symbols.symbol_count()) {
            let symbol = group.first().map_or(NONE_SYMBOL, |(_, place)| place.symbol);
            let group: Vec<(usize, u32)> = group
                .iter()
                .filter_map(|(at, place)| Some((first + at, u32::try_from(place.rank).ok()?)))
                .collect();
            match symbol.checked_sub(TEMPLATE_SYMBOLS) {
                Some(template) => {
                    let template = self.block.templates.get(template);
                    let template = template.ok_or_else(|| damaged("no such symbol"))?;
                    self.template_texts(template, &group, unpacker, texts)?;
                }
                None if symbol == TEXT_SYMBOL => self.page_texts(&group, unpacker, texts)?,
                None => {}
            }
        }
        Ok(())
    }

    fn template_texts(
        &self,
        template: &BlockTemplate,
        wanted: &[(usize, u32)],
        unpacker: &mut Unpacker,
        texts: &mut Texts,
    ) -> Result<(), BodiesError> {
        let constants: Vec<&[u8]> = self.template(template)?.constants().collect();
        let chunk_of = |rank: u32| rank as usize / CHUNK_ROWS;
        for wanted in wanted.chunk_by(|a, b| chunk_of(a.1) == chunk_of(b.1)) {
            let number = wanted.first().map_or(0, |(_, rank)| chunk_of(*rank));
            let chunk = self.chunk(template, number)?;
            let places: Vec<u32> = wanted
                .iter()
                .filter_map(|(_, rank)| u32::try_from(*rank as usize % CHUNK_ROWS).ok())
                .collect();
            if places
                .last()
                .is_some_and(|last| *last as usize >= chunk.row_count)
            {
                return Err(damaged("a chunk has too few rows"));
            }
            let picks = if places.len() == chunk.row_count {
                Picks::All
            } else {
                Picks::Some(&places)
            };
            let variables = 0..constants.len().saturating_sub(1);
            let columns = variables.map(|variable| chunk.values(variable, picks, unpacker));
            let columns: Vec<_> = columns.collect::<Result<_, _>>()?;
            for (place, (at, _)) in wanted.iter().enumerate() {
                let start = texts.bytes.len();
                let mut constants = constants.iter();
                texts
                    .bytes
                    .extend_from_slice(constants.next().copied().unwrap_or_default());
                for (column, constant) in columns.iter().zip(constants) {
                    column.append(place, &mut texts.bytes);
                    texts.bytes.extend_from_slice(constant);
                }
                if let Some(range) = texts.ranges.get_mut(*at) {
                    *range = Some(start..texts.bytes.len());
                }
            }
        }
        Ok(())
    }

    fn page_texts(
        &self,
        wanted: &[(usize, u32)],
        unpacker: &mut Unpacker,
        texts: &mut Texts,
    ) -> Result<(), BodiesError> {
        let pages = &self.block.pages;
        let page_of = |rank: u32| pages.partition_point(|page| page.first <= rank as usize);
        for wanted in wanted.chunk_by(|a, b| page_of(a.1) == page_of(b.1)) {
            let after = wanted.first().map_or(0, |(_, rank)| page_of(*rank));
            let page = after.checked_sub(1).and_then(|page| pages.get(page));
            let page = page.ok_or_else(|| damaged("no such page"))?;
            let text = self.text(page, unpacker)?;
            for (at, rank) in wanted {
                let start = texts.bytes.len();
                let body = text.body((*rank as usize).saturating_sub(page.first))?;
                texts.bytes.extend_from_slice(body);
                if let Some(range) = texts.ranges.get_mut(*at) {
                    *range = Some(start..texts.bytes.len());
                }
            }
        }
        Ok(())
    }
}

/// The places of each symbol together, in order, with the number of each.
fn by_symbol(places: &[Place], symbol_count: usize) -> Vec<Vec<(usize, Place)>> {
    let mut groups = vec![Vec::new(); symbol_count];
    for (at, place) in places.iter().enumerate() {
        if let Some(group) = groups.get_mut(place.symbol) {
            group.push((at, *place));
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}
