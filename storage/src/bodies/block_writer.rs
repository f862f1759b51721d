//! Encodes a block:
//!
//! ```text
//! chunks of each template | text pages | pages of symbols | filters | header
//! ```

use super::bits::put_varint;
use super::block::{BlockRows, CHUNK_ROWS, TEMPLATE_SYMBOLS, TEXT_SYMBOL};
use super::checked;
use super::column_writer::ColumnWriter;
use super::error::BodiesError;
use super::plan::{Plan, PlannedTemplate};
use super::plane::Packer;
use super::symbols;
use super::template_table::TemplateTable;
use super::text_page::TextPageWriter;

/// Bytes of the parts of a block, or of many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PartSizes {
    /// Values of variables.
    pub value_bytes: u64,
    /// Bodies that are kept as text.
    pub text_bytes: u64,
    /// Which template each row has.
    pub symbol_bytes: u64,
    /// Filters of words.
    pub filter_bytes: u64,
    /// Everything else: templates, dictionaries, sizes.
    pub header_bytes: u64,
}

impl PartSizes {
    /// Bytes of all parts.
    pub fn total_bytes(&self) -> u64 {
        self.value_bytes
            + self.text_bytes
            + self.symbol_bytes
            + self.filter_bytes
            + self.header_bytes
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.value_bytes += other.value_bytes;
        self.text_bytes += other.text_bytes;
        self.symbol_bytes += other.symbol_bytes;
        self.filter_bytes += other.filter_bytes;
        self.header_bytes += other.header_bytes;
    }
}

/// A block as it goes to the file.
#[derive(Debug)]
pub(super) struct EncodedBlock {
    pub(super) bytes: Vec<u8>,
    pub(super) entry: BlockEntry,
    pub(super) sizes: PartSizes,
}

/// What the end of the file says of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlockEntry {
    pub(super) row_count: usize,
    /// Bytes of the whole block.
    pub(super) length: usize,
    /// Bytes of the header, which ends the block, in the file and when it is decompressed.
    pub(super) header_length: usize,
    pub(super) header_bytes: usize,
}

/// Encodes rows as planned.
pub(super) fn encode(
    rows: &BlockRows,
    plan: &Plan,
    table: &mut TemplateTable,
    packer: &mut Packer,
) -> Result<EncodedBlock, BodiesError> {
    let mut sizes = PartSizes::default();
    let (mut out, mut header, mut filters) = (Vec::new(), Vec::new(), Vec::new());
    put_varint(plan.templates.len() as u64, &mut header);
    for template in &plan.templates {
        let mut writer = TemplateWriter {
            rows,
            plan,
            table,
            packer,
            filters: &mut filters,
        };
        writer.put(template, &mut out, &mut header)?;
    }
    sizes.value_bytes = out.len() as u64;

    let is_text = |row: &usize| usize::from(plan.symbols[*row]) == TEXT_SYMBOL;
    let bodies = (0..rows.len()).filter(is_text);
    let mut writer = TextPageWriter {
        packer,
        out: &mut out,
        filters: &mut filters,
    };
    let pages = writer.put(bodies.map(|row| rows.body(row).unwrap_or_default()))?;
    put_varint(pages.len() as u64, &mut header);
    pages.iter().for_each(|page| page.put_head(&mut header));
    sizes.text_bytes = out.len() as u64 - sizes.value_bytes;

    let (start, symbol_count) = (out.len(), TEMPLATE_SYMBOLS + plan.templates.len());
    symbols::put(&plan.symbols, symbol_count, packer, &mut out, &mut header)?;
    sizes.symbol_bytes = (out.len() - start) as u64;

    let start = checked::begin(&mut out);
    out.extend_from_slice(&filters);
    sizes.filter_bytes = checked::end(start, &mut out) as u64;
    let start = checked::begin(&mut out);
    out.extend_from_slice(packer.compress_text(&header)?);
    let header_length = checked::end(start, &mut out);
    sizes.header_bytes = header_length as u64;
    let entry = BlockEntry {
        row_count: rows.len(),
        length: out.len(),
        header_length,
        header_bytes: header.len(),
    };
    Ok(EncodedBlock {
        bytes: out,
        entry,
        sizes,
    })
}

struct TemplateWriter<'a> {
    rows: &'a BlockRows,
    plan: &'a Plan,
    table: &'a mut TemplateTable,
    packer: &'a mut Packer,
    filters: &'a mut Vec<u8>,
}

impl TemplateWriter<'_> {
    fn put(
        &mut self,
        template: &PlannedTemplate,
        out: &mut Vec<u8>,
        header: &mut Vec<u8>,
    ) -> Result<(), BodiesError> {
        let number = template.number;
        let variables = self.table.list()[number as usize].variable_count();
        let mut heads = Vec::new();
        let mut columns = Vec::new();
        let mut values = Vec::with_capacity(template.rows.len());
        for variable in 0..variables {
            self.plan
                .values(self.rows.text(), template, variable, &mut values);
            let mut writer = ColumnWriter {
                heads: &mut heads,
                filters: self.filters,
                packer: self.packer,
            };
            let column = writer.put(&values)?;
            self.table.widen(number, variable, column.traits);
            columns.push(column.payloads);
        }
        put_varint(u64::from(number), header);
        put_varint(template.rows.len() as u64, header);
        for chunk in 0..template.rows.len().div_ceil(CHUNK_ROWS) {
            let start = checked::begin(out);
            let payloads = columns.iter().filter_map(|payloads| payloads.get(chunk));
            for payload in payloads.clone() {
                put_varint(payload.len() as u64, out);
            }
            for payload in payloads {
                out.extend_from_slice(payload);
            }
            put_varint(checked::end(start, out) as u64, header);
        }
        header.extend_from_slice(&heads);
        Ok(())
    }
}
