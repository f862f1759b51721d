//! Writes the bodies of a split to its file, block by block.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::block::BlockRows;
use super::block_reader::Block;
use super::block_view::BlockView;
use super::block_writer::{self, BlockEntry, EncodedBlock, PartSizes};
use super::choose::{Choice, Encoding, choose};
use super::error::{BodiesError, damaged};
use super::footer::{self, FORMAT_VERSION, MAGIC};
use super::plan::Plan;
use super::plane::{Packer, Unpacker};
use super::template_table::TemplateTable;
use super::texts::Texts;
use crate::files;

/// Blocks for which a choice stands, if nothing speaks against it.
const CHOICE_BLOCKS: u32 = 8;

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BodiesSummary {
    /// Rows, those without a body included.
    pub row_count: u64,
    /// Bytes of all bodies.
    pub body_bytes: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// The same by part; the templates, at the end of the file, count as header.
    pub sizes: PartSizes,
    /// Distinct templates.
    pub template_count: u64,
    /// Blocks that are kept by template, and as text.
    pub template_block_count: u64,
    /// See above.
    pub text_block_count: u64,
    /// Blocks that did not read back as they were by template, and are kept as text therefore.
    pub unfaithful_block_count: u64,
}

/// Takes the bodies of a split in the order of its rows.
pub struct BodiesWriter<W: Write> {
    out: W,
    rows: BlockRows,
    table: TemplateTable,
    packer: Packer,
    entries: Vec<BlockEntry>,
    summary: BodiesSummary,
    choose: Choose,
    /// The last choice, and for how many blocks it stands.
    choice: Option<Choice>,
    choice_blocks: u32,
}

/// Chooses for each block; tests choose without looking.
type Choose = fn(&BlockRows, &mut Packer) -> Result<Choice, BodiesError>;

impl BodiesWriter<BufWriter<File>> {
    /// Creates the file, which must not exist yet. It is durable only after the caller has synced
    /// it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(path: &Path) -> Result<Self, BodiesError> {
        Self::new(BufWriter::new(files::create_new(path)?))
    }
}

impl<W: Write> BodiesWriter<W> {
    /// Begins to write.
    ///
    /// # Errors
    /// When the bytes cannot be written.
    pub fn new(out: W) -> Result<Self, BodiesError> {
        Self::choosing(out, choose)
    }

    pub(super) fn choosing(mut out: W, choose: Choose) -> Result<Self, BodiesError> {
        put(&mut out, MAGIC)?;
        put(&mut out, &FORMAT_VERSION.to_le_bytes())?;
        Ok(Self {
            out,
            rows: BlockRows::default(),
            table: TemplateTable::default(),
            packer: Packer::new()?,
            entries: Vec::new(),
            summary: BodiesSummary {
                file_bytes: (MAGIC.len() + size_of::<u32>()) as u64,
                ..BodiesSummary::default()
            },
            choose,
            choice: None,
            choice_blocks: 0,
        })
    }

    /// Adds the body of the next row, or that it has none.
    ///
    /// # Errors
    /// When a block is full and cannot be written; or when the body is too long.
    pub fn push(&mut self, body: Option<&str>) -> Result<(), BodiesError> {
        self.rows.push(body)?;
        self.summary.row_count += 1;
        self.summary.body_bytes += body.map_or(0, |body| body.len() as u64);
        if self.rows.is_full() {
            self.write_block()?;
        }
        Ok(())
    }

    /// Writes what is left and the end of the file, and hands back where it was written to.
    ///
    /// # Errors
    /// When the bytes cannot be written.
    pub fn finish(mut self) -> Result<(W, BodiesSummary), BodiesError> {
        if self.rows.len() > 0 {
            self.write_block()?;
        }
        let end = footer::end_of_file(&self.entries, &self.table, &mut self.packer)?;
        put(&mut self.out, &end)?;
        self.out
            .flush()
            .map_err(|source| BodiesError::Write { source })?;
        self.summary.file_bytes += end.len() as u64;
        self.summary.sizes.header_bytes += end.len() as u64;
        self.summary.template_count = self.table.list().len() as u64;
        Ok((self.out, self.summary))
    }

    fn write_block(&mut self) -> Result<(), BodiesError> {
        let block = self.encode_block()?;
        put(&mut self.out, &block.bytes)?;
        self.summary.file_bytes += block.bytes.len() as u64;
        self.summary.sizes.add(&block.sizes);
        self.entries.push(block.entry);
        self.rows.clear();
        Ok(())
    }

    /// Encodes the rows in the way that takes less, and reads them back.
    fn encode_block(&mut self) -> Result<EncodedBlock, BodiesError> {
        let known = self.choice.filter(|_| self.choice_blocks > 0);
        self.choice_blocks = self.choice_blocks.saturating_sub(1);
        let mut choice = match known {
            Some(known) => known,
            None => self.look()?,
        };
        if choice.encoding == Encoding::Templates {
            let plan = Plan::templates(&self.rows, &mut self.table)?;
            let block = self.encode_as(&plan)?;
            let body_bytes = self.rows.text().len() as u64;
            if known.is_some() && !choice.is_confirmed_by(block.sizes.total_bytes(), body_bytes) {
                choice = self.look()?;
            }
            if choice.encoding == Encoding::Templates {
                if self.is_faithful(&block) {
                    self.summary.template_block_count += 1;
                    return Ok(block);
                }
                self.summary.unfaithful_block_count += 1;
            }
        }
        let block = self.encode_as(&Plan::text(&self.rows))?;
        if !self.is_faithful(&block) {
            return Err(damaged("what was written does not read back as it was"));
        }
        self.summary.text_block_count += 1;
        Ok(block)
    }

    /// Chooses anew.
    fn look(&mut self) -> Result<Choice, BodiesError> {
        let choice = (self.choose)(&self.rows, &mut self.packer)?;
        (self.choice, self.choice_blocks) = (Some(choice), CHOICE_BLOCKS - 1);
        Ok(choice)
    }

    fn encode_as(&mut self, plan: &Plan) -> Result<EncodedBlock, BodiesError> {
        block_writer::encode(&self.rows, plan, &mut self.table, &mut self.packer)
    }

    /// Whether every body reads back byte for byte.
    fn is_faithful(&self, block: &EncodedBlock) -> bool {
        read_back(block, &self.table).is_ok_and(|texts| {
            (0..self.rows.len()).all(|row| {
                let range = texts.ranges.get(row).cloned().flatten();
                let text = range.and_then(|range| texts.bytes.get(range));
                text == self.rows.body(row).map(str::as_bytes)
            })
        })
    }
}

fn read_back(block: &EncodedBlock, table: &TemplateTable) -> Result<Texts, BodiesError> {
    let mut unpacker = Unpacker::new()?;
    let header = Block::read(&block.bytes, &block.entry, table.list(), &mut unpacker)?;
    let view = BlockView {
        block: &header,
        data: &block.bytes,
        templates: table.list(),
    };
    let rows: Vec<u32> = (0_u32..).take(block.entry.row_count).collect();
    let mut texts = Texts::default();
    view.texts(&rows, &mut unpacker, &mut texts)?;
    Ok(texts)
}

fn put(out: &mut impl Write, bytes: &[u8]) -> Result<(), BodiesError> {
    out.write_all(bytes)
        .map_err(|source| BodiesError::Write { source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_reads_back_differently_is_noticed() {
        let mut writer = BodiesWriter::new(Vec::new()).unwrap();
        for n in 0..100_u32 {
            let body = format!("key {:08x}", n.wrapping_mul(2_654_435_761));
            writer.push(Some(&body)).unwrap();
        }
        let plan = Plan::templates(&writer.rows, &mut writer.table).unwrap();
        assert_eq!(plan.templates.len(), 1);
        let mut block = writer.encode_as(&plan).unwrap();
        assert!(writer.is_faithful(&block));
        // One more key, under a checksum that is right: only the bodies can tell.
        let length = usize::try_from(block.sizes.value_bytes).unwrap();
        block.bytes[length - 1] ^= 1;
        super::super::checked::end(0, &mut block.bytes[..length]);
        assert!(read_back(&block, &writer.table).is_ok());
        assert!(!writer.is_faithful(&block));
    }
}
