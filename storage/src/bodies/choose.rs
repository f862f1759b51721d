//! Chooses how the bodies of a block are kept, by keeping a sample of them both ways.

use super::block::BlockRows;
use super::block_writer::{self, PartSizes};
use super::error::BodiesError;
use super::plan::Plan;
use super::plane::Packer;
use super::template_table::TemplateTable;

/// Rows that are looked at, in runs, because neighbours are alike.
const SAMPLE_ROWS: usize = 4096;
const RUN_ROWS: usize = 256;
/// No more is looked at of a run of long bodies.
const RUN_BYTES: usize = 64 << 10;

/// Templates must save so much: of 100 bytes, they may take so many.
const TEMPLATE_PERCENT_MAX: u64 = 95;

/// How bodies are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// By template and variables, those without a template as text.
    Templates,
    /// As text.
    Text,
}

/// What was found out about the bodies of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    pub(super) encoding: Encoding,
    /// What they take as text, of a million bytes.
    text_millionths: u64,
}

impl Choice {
    #[cfg(test)]
    pub(super) const fn of(encoding: Encoding) -> Self {
        Self {
            encoding,
            text_millionths: u64::MAX,
        }
    }

    /// Whether so many bytes, by template, are few enough for bodies like those looked at.
    pub(super) fn is_confirmed_by(&self, bytes: u64, body_bytes: u64) -> bool {
        let as_text = u128::from(self.text_millionths) * u128::from(body_bytes) / 1_000_000;
        u128::from(bytes * 100) <= as_text * u128::from(TEMPLATE_PERCENT_MAX)
    }
}

/// Chooses for the rows of a block.
pub(super) fn choose(rows: &BlockRows, packer: &mut Packer) -> Result<Choice, BodiesError> {
    let sample = sample(rows)?;
    let scale = Scale {
        rows: rows.len() as u64,
        sample_rows: sample.len().max(1) as u64,
    };
    let mut table = TemplateTable::default();
    let as_text = block_writer::encode(&sample, &Plan::text(&sample), &mut table, packer)?;
    let sample_bytes = sample.text().len().max(1) as u64;
    let text_millionths = as_text.sizes.total_bytes() * 1_000_000 / sample_bytes;
    let as_text = scale.estimate(&as_text.sizes);
    let plan = Plan::templates(&sample, &mut table)?;
    let mut encoding = Encoding::Text;
    if !plan.templates.is_empty() {
        let by_template = block_writer::encode(&sample, &plan, &mut table, packer)?;
        let constants: usize = table.list().iter().map(|it| it.skeleton().len()).sum();
        let by_template = scale.estimate(&by_template.sizes) + constants as u64 / 4;
        if by_template * 100 <= as_text * TEMPLATE_PERCENT_MAX {
            encoding = Encoding::Templates;
        }
    }
    Ok(Choice {
        encoding,
        text_millionths,
    })
}

struct Scale {
    rows: u64,
    sample_rows: u64,
}

impl Scale {
    /// Bytes of all rows, given those of the sample: headers hardly grow with the rows.
    fn estimate(&self, sizes: &PartSizes) -> u64 {
        let growing = sizes.total_bytes() - sizes.header_bytes;
        sizes.header_bytes + growing * self.rows / self.sample_rows
    }
}

/// Runs of rows from all over the block.
fn sample(rows: &BlockRows) -> Result<BlockRows, BodiesError> {
    let mut sample = BlockRows::default();
    let runs = rows.len().div_ceil(RUN_ROWS);
    let step = runs.div_ceil(SAMPLE_ROWS / RUN_ROWS).max(1);
    for run in (0..runs).step_by(step) {
        let bytes_before = sample.text().len();
        for row in run * RUN_ROWS..((run + 1) * RUN_ROWS).min(rows.len()) {
            if sample.text().len() - bytes_before >= RUN_BYTES {
                break;
            }
            sample.push(rows.body(row))?;
        }
    }
    Ok(sample)
}
