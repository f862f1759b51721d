//! What was found in a block, first by symbol and rank, then as rows.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::block::SYMBOL_PAGE_ROWS;
use super::block_view::BlockView;
use super::error::{BodiesError, damaged};
use super::plane::Unpacker;

/// The rows of a symbol that match.
#[derive(Debug)]
pub(super) enum Found {
    None,
    All,
    /// Those with these ranks, ascending.
    Some(Vec<u32>),
}

/// What was found in a block.
pub(super) struct BlockFound {
    pub(super) of_symbol: Vec<Found>,
    /// Bytes of bodies that were read because nothing ruled them out.
    pub(super) scanned_bytes: u64,
}

impl Found {
    pub(super) fn some(ranks: Vec<u32>) -> Self {
        if ranks.is_empty() {
            Self::None
        } else {
            Self::Some(ranks)
        }
    }

    /// Whether one of the ranks `start..end` was found.
    fn is_between(&self, start: u32, end: u32) -> bool {
        match self {
            Self::None => false,
            Self::All => start < end,
            Self::Some(ranks) => {
                let next = ranks.get(ranks.partition_point(|rank| *rank < start));
                next.is_some_and(|rank| *rank < end)
            }
        }
    }
}

/// Which rows of a symbol were found, from some page on.
enum WantedRanks<'a> {
    /// All, or none.
    Same(bool),
    Some(SomeRanks<'a>),
}

/// Goes through the rows of a symbol, one after another.
struct SomeRanks<'a> {
    next: u32,
    ranks: &'a [u32],
}

impl<'a> WantedRanks<'a> {
    fn from(found: &'a Found, rank: u32) -> Self {
        match found {
            Found::None => Self::Same(false),
            Found::All => Self::Same(true),
            Found::Some(ranks) => {
                let skipped = ranks.partition_point(|other| *other < rank);
                Self::Some(SomeRanks {
                    next: rank,
                    ranks: ranks.get(skipped..).unwrap_or_default(),
                })
            }
        }
    }
}

impl SomeRanks<'_> {
    /// Whether the next row of the symbol was found.
    fn has_next(&mut self) -> bool {
        let rank = self.next;
        self.next += 1;
        match self.ranks.split_first() {
            Some((first, rest)) if *first == rank => {
                self.ranks = rest;
                true
            }
            _ => false,
        }
    }
}

impl BlockView<'_> {
    /// The rows of the block that were found, ascending.
    pub(super) fn rows_found(
        &self,
        found: &BlockFound,
        unpacker: &mut Unpacker,
    ) -> Result<Vec<u32>, BodiesError> {
        let pages = &self.block.symbols;
        let mut rows = Vec::new();
        for page in 0..pages.lengths.len() {
            let is_in_page = |(symbol, of_symbol): (usize, &Found)| {
                of_symbol.is_between(pages.rank(page, symbol), pages.rank(page + 1, symbol))
            };
            if !found.of_symbol.iter().enumerate().any(is_in_page) {
                continue;
            }
            let mut wanted: Vec<WantedRanks<'_>> = found
                .of_symbol
                .iter()
                .enumerate()
                .map(|(symbol, found)| WantedRanks::from(found, pages.rank(page, symbol)))
                .collect();
            let first = u32::try_from(page * SYMBOL_PAGE_ROWS).unwrap_or(u32::MAX);
            for (row, symbol) in (first..).zip(self.symbols(page, unpacker)?) {
                let is_wanted = match wanted.get_mut(usize::from(symbol)) {
                    Some(WantedRanks::Same(is_wanted)) => *is_wanted,
                    Some(WantedRanks::Some(ranks)) => ranks.has_next(),
                    None => return Err(damaged("no such symbol")),
                };
                if is_wanted {
                    rows.push(row);
                }
            }
        }
        Ok(rows)
    }

    /// How many rows of the block were found.
    pub(super) fn count_found(&self, found: &BlockFound) -> u64 {
        let counts = found.of_symbol.iter().enumerate();
        counts
            .map(|(symbol, found)| match found {
                Found::None => 0,
                Found::All => u64::from(self.block.symbols.count(symbol)),
                Found::Some(ranks) => ranks.len() as u64,
            })
            .sum()
    }
}
