//! Decides for each row of a block whether it is kept by a template, and by which. No I/O.

use super::block::{BlockRows, NONE_SYMBOL, TEMPLATE_SYMBOLS, TEXT_SYMBOL};
use super::error::BodiesError;
use super::promote::{Assignment, Origin, promote};
use super::skeletons::{Skeletons, Span};
use super::template_table::TemplateTable;

/// A template with fewer rows in a block costs more than their text.
const ROWS_MIN: u64 = 4;
/// Stands for the skeleton of a row that is kept as text.
const NO_SKELETON: u32 = u32::MAX;

/// A template of the block.
#[derive(Debug)]
pub(super) struct PlannedTemplate {
    /// Its number in the split.
    pub(super) number: u32,
    /// The rows that have it, ascending.
    pub(super) rows: Vec<u32>,
}

/// How the rows of a block are kept.
#[derive(Debug)]
pub(super) struct Plan {
    /// One for each row.
    pub(super) symbols: Vec<u16>,
    pub(super) templates: Vec<PlannedTemplate>,
    skeletons: Vec<Box<[u8]>>,
    assignments: Vec<Assignment>,
    skeleton_of_row: Vec<u32>,
    /// Where the spans of each row begin.
    spans_of_row: Vec<u32>,
    spans: Vec<Span>,
}

impl Plan {
    /// Keeps every row as text.
    pub(super) fn text(rows: &BlockRows) -> Self {
        Self {
            symbols: (0..rows.len()).map(|row| plain_symbol(rows, row)).collect(),
            templates: Vec::new(),
            skeletons: Vec::new(),
            assignments: Vec::new(),
            skeleton_of_row: Vec::new(),
            spans_of_row: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// Finds the templates of the rows.
    pub(super) fn templates(
        rows: &BlockRows,
        table: &mut TemplateTable,
    ) -> Result<Self, BodiesError> {
        let mut plan = Self::text(rows);
        plan.cut(rows);
        let mut counts = vec![0_u64; plan.skeletons.len()];
        for skeleton in &plan.skeleton_of_row {
            if let Some(count) = counts.get_mut(*skeleton as usize) {
                *count += 1;
            }
        }
        let promoted = promote(&plan.skeletons, &counts);
        plan.assignments = promoted.assignments;
        let mut rows_of = vec![0_u64; promoted.templates.len()];
        for (assignment, count) in plan.assignments.iter().zip(&counts) {
            rows_of[assignment.template as usize] += count;
        }
        let mut symbol_of = vec![TEXT_SYMBOL; promoted.templates.len()];
        for (template, skeleton) in promoted.templates.iter().enumerate() {
            if rows_of[template] < ROWS_MIN {
                continue;
            }
            let Some(number) = table.number(skeleton)? else {
                continue;
            };
            symbol_of[template] = TEMPLATE_SYMBOLS + plan.templates.len();
            plan.templates.push(PlannedTemplate {
                number,
                rows: Vec::with_capacity(usize::try_from(rows_of[template]).unwrap_or(0)),
            });
        }
        plan.assign(&symbol_of);
        Ok(plan)
    }

    fn cut(&mut self, rows: &BlockRows) {
        let mut skeletons = Skeletons::default();
        self.skeleton_of_row.reserve(rows.len());
        self.spans_of_row.reserve(rows.len());
        for row in 0..rows.len() {
            self.spans_of_row
                .push(u32::try_from(self.spans.len()).unwrap_or(u32::MAX));
            let number = rows
                .body(row)
                .and_then(|body| skeletons.add(body, rows.start(row), &mut self.spans));
            self.skeleton_of_row.push(number.unwrap_or(NO_SKELETON));
        }
        self.skeletons = skeletons.into_list();
    }

    fn assign(&mut self, symbol_of: &[usize]) {
        for (row, skeleton) in (0_u32..).zip(&self.skeleton_of_row) {
            let Some(assignment) = self.assignments.get(*skeleton as usize) else {
                continue;
            };
            let symbol = symbol_of[assignment.template as usize];
            let Some(place) = symbol.checked_sub(TEMPLATE_SYMBOLS) else {
                continue;
            };
            // There are fewer skeletons than symbols of 16 bits.
            self.symbols[row as usize] = u16::try_from(symbol).unwrap_or(u16::MAX);
            self.templates[place].rows.push(row);
        }
    }

    /// The values of a variable in the rows of a template, in order.
    pub(super) fn values<'a>(
        &'a self,
        text: &'a str,
        template: &PlannedTemplate,
        variable: usize,
        values: &mut Vec<&'a [u8]>,
    ) {
        values.clear();
        let text = text.as_bytes();
        for row in &template.rows {
            let skeleton = self.skeleton_of_row[*row as usize] as usize;
            let place = match &self.assignments[skeleton].origins {
                None => variable,
                Some(origins) => match &origins[variable] {
                    Origin::Variable(place) => *place,
                    Origin::Word(word) => {
                        values.push(&self.skeletons[skeleton][word.clone()]);
                        continue;
                    }
                },
            };
            let (start, length) = self.spans[self.spans_of_row[*row as usize] as usize + place];
            values.push(&text[start as usize..][..length as usize]);
        }
    }
}

fn plain_symbol(rows: &BlockRows, row: usize) -> u16 {
    let symbol = if rows.body(row).is_some() {
        TEXT_SYMBOL
    } else {
        NONE_SYMBOL
    };
    u16::try_from(symbol).unwrap_or(0)
}
