//! Finds the rows of a block that match: by its templates and the values of its variables, and by
//! the words of its text pages. Bodies are put together only for regular expressions.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::align::{Alignment, Condition, CutNeedle};
use super::block::{CHUNK_ROWS, TEMPLATE_SYMBOLS, TEXT_SYMBOL};
use super::block_reader::BlockTemplate;
use super::block_view::{BlockView, Chunk};
use super::bloom;
use super::column_test::{ChunkMask, Verdict, Wanted, judge, matching};
use super::error::{BodiesError, damaged};
use super::found::{BlockFound, Found};
use super::integers::Picks;
use super::needle::BodyQuery;
use super::page_search;
use super::plane::Unpacker;
use super::reader::{WATCH_BYTES, Watch};
use super::template::Template;
use super::texts::Texts;
use super::values::Values;

/// A query, laid on every template of a split.
pub(crate) struct SplitQuery {
    query: BodyQuery,
    /// For each template, what each needle asks of it; `None` when one of them cannot match.
    alignments: Vec<Option<Vec<Alternatives>>>,
    /// Hashes that the filter of a text page must have.
    hashes: Vec<u64>,
}

/// The conditions of one needle: all of one of these.
type Alternatives = Vec<Vec<Condition>>;

/// The conditions of a needle that the heads of the columns leave open.
type OpenAlternatives<'q> = Vec<Vec<(&'q Condition, Wanted)>>;

impl SplitQuery {
    pub(super) fn new(query: &BodyQuery, templates: &[Template]) -> Self {
        let needles: Vec<CutNeedle> = query.needles.iter().map(CutNeedle::new).collect();
        let align = |template: &Template| {
            let mut asked = Vec::new();
            for needle in &needles {
                match needle.align(template) {
                    Alignment::Always => {}
                    Alignment::When(alternatives) if alternatives.is_empty() => return None,
                    Alignment::When(alternatives) => asked.push(alternatives),
                }
            }
            Some(asked)
        };
        let hashes = query
            .needles
            .iter()
            .flat_map(|needle| needle.token_hashes());
        Self {
            query: query.clone(),
            alignments: templates.iter().map(align).collect(),
            hashes: hashes.collect(),
        }
    }

    /// Whether bodies have to be put together and looked at.
    pub(super) fn has_regex(&self) -> bool {
        self.query.has_regex()
    }
}

impl BlockView<'_> {
    /// Finds what matches the texts of a query; its regular expressions are left to
    /// [`BlockView::verify`].
    pub(super) fn find(
        &self,
        query: &SplitQuery,
        unpacker: &mut Unpacker,
    ) -> Result<BlockFound, BodiesError> {
        let mut found = BlockFound {
            of_symbol: vec![Found::None],
            scanned_bytes: 0,
        };
        let in_text = self.find_in_pages(query, unpacker, &mut found.scanned_bytes)?;
        found.of_symbol.push(in_text);
        for template in &self.block.templates {
            let of_template = self.find_in_template(template, query, unpacker)?;
            found.of_symbol.push(of_template);
        }
        Ok(found)
    }

    fn find_in_pages(
        &self,
        query: &SplitQuery,
        unpacker: &mut Unpacker,
        scanned_bytes: &mut u64,
    ) -> Result<Found, BodiesError> {
        if query
            .query
            .needles
            .iter()
            .all(|needle| needle.text.is_empty())
        {
            return Ok(Found::All);
        }
        let mut ranks = Vec::new();
        for page in &self.block.pages {
            if !query.hashes.is_empty() {
                let filter = self.page_filter(page)?;
                if !query
                    .hashes
                    .iter()
                    .all(|hash| bloom::may_have(filter, *hash))
                {
                    continue;
                }
            }
            let text = self.text(page, unpacker)?;
            *scanned_bytes += text.text.len() as u64;
            for place in page_search::find(&text, page.page.is_ascii, &query.query.needles)? {
                let rank = u32::try_from(page.first + place);
                ranks.push(rank.map_err(|_| damaged("a page has too many rows"))?);
            }
        }
        Ok(Found::some(ranks))
    }

    fn find_in_template(
        &self,
        template: &BlockTemplate,
        query: &SplitQuery,
        unpacker: &mut Unpacker,
    ) -> Result<Found, BodiesError> {
        let asked = query.alignments.get(template.number as usize);
        let Some(asked) = asked.ok_or_else(|| damaged("no such template"))? else {
            return Ok(Found::None);
        };
        let mut open: Vec<OpenAlternatives<'_>> = Vec::new();
        for alternatives in asked {
            let left = self.open_alternatives(template, alternatives)?;
            if left.is_empty() {
                return Ok(Found::None);
            }
            if !left.iter().any(Vec::is_empty) {
                open.push(left);
            }
        }
        if open.is_empty() {
            return Ok(Found::All);
        }
        let mut ranks = Vec::new();
        for number in 0..template.row_count.div_ceil(CHUNK_ROWS) {
            let chunk = self.chunk(template, number)?;
            let mut columns = Columns::of(&chunk);
            let mut mask = ChunkMask::ALL;
            for alternatives in &open {
                mask.intersect(&columns.matching(alternatives, unpacker)?);
                if mask.is_empty() {
                    break;
                }
            }
            let first = number * CHUNK_ROWS;
            let places = mask.places().filter(|place| *place < chunk.row_count);
            ranks.extend(places.filter_map(|place| u32::try_from(first + place).ok()));
        }
        Ok(Found::some(ranks))
    }

    /// The alternatives that the heads do not rule out, without the conditions that always hold.
    fn open_alternatives<'q>(
        &self,
        template: &BlockTemplate,
        alternatives: &'q [Vec<Condition>],
    ) -> Result<OpenAlternatives<'q>, BodiesError> {
        let heads = self.block.heads(template);
        let mut open = Vec::new();
        'alternatives: for conditions in alternatives {
            let mut left = Vec::new();
            for condition in conditions {
                let head = heads.get(condition.variable);
                let head = head.ok_or_else(|| damaged("no such variable"))?;
                let filter = || self.column_filter(head);
                match judge(head, self.block.head_bytes(), &condition.test, filter)? {
                    Verdict::Never => continue 'alternatives,
                    Verdict::Always => {}
                    Verdict::Maybe(wanted) => left.push((condition, wanted)),
                }
            }
            open.push(left);
        }
        Ok(open)
    }

    /// Keeps of the rows, which ascend, those whose bodies match the regular expressions; `None`
    /// when it was told to stop.
    pub(super) fn verify(
        &self,
        query: &SplitQuery,
        rows: Vec<u32>,
        unpacker: &mut Unpacker,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Vec<u32>>, BodiesError> {
        let mut texts = Texts::default();
        self.texts(&rows, unpacker, &mut texts)?;
        let bytes = std::str::from_utf8(&texts.bytes).map_err(|_| damaged("no text"))?;
        let mut verified = Vec::new();
        let mut untold = 0;
        for (row, range) in rows.into_iter().zip(texts.ranges) {
            let Some(body) = range.and_then(|range| bytes.get(range)) else {
                continue;
            };
            if query.query.regexes.iter().all(|it| it.is_match(body)) {
                verified.push(row);
            }
            untold += body.len() as u64;
            if untold >= WATCH_BYTES {
                if watch(untold).is_break() {
                    return Ok(None);
                }
                untold = 0;
            }
        }
        Ok(watch(untold).is_continue().then_some(verified))
    }
}

/// The columns of a chunk, each read once when it is needed.
struct Columns<'a> {
    chunk: &'a Chunk<'a>,
    read: Vec<(usize, Values<'a>)>,
}

impl<'a> Columns<'a> {
    fn of(chunk: &'a Chunk<'a>) -> Self {
        Self {
            chunk,
            read: Vec::new(),
        }
    }

    /// The rows in which all conditions of one of the alternatives hold.
    fn matching(
        &mut self,
        alternatives: &OpenAlternatives<'_>,
        unpacker: &mut Unpacker,
    ) -> Result<ChunkMask, BodiesError> {
        let mut any = ChunkMask::NONE;
        for conditions in alternatives {
            let mut all = ChunkMask::ALL;
            for (condition, wanted) in conditions {
                let (chunk, variable) = (self.chunk, condition.variable);
                let found = match wanted {
                    Wanted::Number(number) => chunk.matching_number(variable, *number, unpacker)?,
                    _ => {
                        let values = self.values(variable, unpacker)?;
                        matching(values, chunk.row_count, &condition.test, wanted)
                    }
                };
                all.intersect(&found);
                if all.is_empty() {
                    break;
                }
            }
            any.unite(&all);
        }
        Ok(any)
    }

    fn values(
        &mut self,
        variable: usize,
        unpacker: &mut Unpacker,
    ) -> Result<&Values<'a>, BodiesError> {
        let known = self.read.iter().position(|(known, _)| *known == variable);
        let at = match known {
            Some(at) => at,
            None => {
                let values = self.chunk.values(variable, Picks::All, unpacker)?;
                self.read.push((variable, values));
                self.read.len() - 1
            }
        };
        let values = self.read.get(at).map(|(_, values)| values);
        values.ok_or_else(|| damaged("no such variable"))
    }
}

const _: () = assert!(
    TEXT_SYMBOL == 1 && TEMPLATE_SYMBOLS == 2,
    "order of the symbols"
);
