//! Begin and end of the file: a magic number and the version; then, after the blocks, their sizes
//! and the templates of the split.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::bits::{Cursor, put_bytes, put_varint};
use super::block::BLOCK_ROWS;
use super::block_writer::BlockEntry;
use super::checked;
use super::error::{BodiesError, damaged};
use super::plane::{Packer, Unpacker};
use super::template::{MARK, Template, VariableTraits};
use super::template_table::{TEMPLATES_BYTES_MAX, TEMPLATES_MAX, TemplateTable};

/// Begins the file; the version follows.
pub(super) const MAGIC: &[u8; 8] = b"SPBODIES";
/// Raised when a reader of an older version could not read a file.
pub(super) const FORMAT_VERSION: u32 = 1;
/// Ends the file.
pub(super) const END_MAGIC: &[u8; 8] = b"SPBODEND";

/// Bytes of the lengths and the magic number that end the file.
const TRAILER_BYTES: usize = 20;
/// No footer is longer.
const FOOTER_BYTES_MAX: usize = 1 << 30;

/// The bytes after the blocks.
pub(super) fn end_of_file(
    entries: &[BlockEntry],
    table: &TemplateTable,
    packer: &mut Packer,
) -> Result<Vec<u8>, BodiesError> {
    let footer = footer(entries, table);
    let mut end = Vec::new();
    let start = checked::begin(&mut end);
    end.extend_from_slice(packer.compress_text(&footer)?);
    let footer_length = checked::end(start, &mut end);
    let start = checked::begin(&mut end);
    for length in [footer_length, footer.len()] {
        let length = u32::try_from(length).map_err(|_| BodiesError::TooLarge {
            what: "the templates are more than 4 GiB",
        })?;
        end.extend(length.to_le_bytes());
    }
    checked::end(start, &mut end);
    end.extend_from_slice(END_MAGIC);
    Ok(end)
}

/// What the end of the file holds: the sizes of the blocks, then the templates.
fn footer(entries: &[BlockEntry], table: &TemplateTable) -> Vec<u8> {
    let mut footer = Vec::new();
    put_varint(entries.len() as u64, &mut footer);
    for entry in entries {
        let numbers = [
            entry.row_count,
            entry.length,
            entry.header_length,
            entry.header_bytes,
        ];
        numbers
            .into_iter()
            .for_each(|number| put_varint(number as u64, &mut footer));
    }
    put_varint(table.list().len() as u64, &mut footer);
    for template in table.list() {
        put_bytes(template.skeleton(), &mut footer);
        footer.extend(template.traits.iter().map(|traits| traits.to_byte()));
    }
    footer
}

/// Where the blocks begin; an error when the file is of another kind or version.
pub(super) fn read_start(bytes: &[u8]) -> Result<usize, BodiesError> {
    let mut cursor = Cursor::new(bytes);
    if cursor.take(MAGIC.len())? != MAGIC {
        return Err(damaged("it does not begin as a file of bodies"));
    }
    let found = cursor.u32()?;
    if found != FORMAT_VERSION {
        return Err(BodiesError::FormatVersion {
            found,
            expected: FORMAT_VERSION,
        });
    }
    Ok(cursor.position())
}

/// Where the footer begins, and its contents.
pub(super) fn read_end(bytes: &[u8], start: usize) -> Result<(usize, Vec<u8>), BodiesError> {
    let too_short = damaged("it does not end as a file of bodies");
    let Some(trailer_start) = bytes.len().checked_sub(TRAILER_BYTES) else {
        return Err(too_short);
    };
    let mut cursor = Cursor::new(bytes.get(trailer_start..).unwrap_or_default());
    let lengths = checked::contents(cursor.take(12)?)?;
    if cursor.take(END_MAGIC.len())? != END_MAGIC {
        return Err(too_short);
    }
    let mut lengths = Cursor::new(lengths);
    let (length, unpacked) = (lengths.u32()? as usize, lengths.u32()? as usize);
    let footer_start = trailer_start.checked_sub(length).filter(|it| *it >= start);
    let Some(footer_start) = footer_start.filter(|_| unpacked <= FOOTER_BYTES_MAX) else {
        return Err(too_short);
    };
    let footer = bytes.get(footer_start..trailer_start).unwrap_or_default();
    let footer = Unpacker::new()?.decompress(checked::contents(footer)?, unpacked)?;
    Ok((footer_start, footer))
}

pub(super) fn read_footer(footer: &[u8]) -> Result<(Vec<BlockEntry>, Vec<Template>), BodiesError> {
    let mut cursor = Cursor::new(footer);
    let mut entries = Vec::new();
    for _ in 0..cursor.count(footer.len())? {
        entries.push(BlockEntry {
            row_count: cursor.count(BLOCK_ROWS)?,
            length: cursor.count(usize::MAX)?,
            header_length: cursor.count(usize::MAX)?,
            header_bytes: cursor.count(FOOTER_BYTES_MAX)?,
        });
    }
    let mut templates = Vec::new();
    for _ in 0..cursor.count(TEMPLATES_MAX)? {
        let skeleton = cursor.bytes()?;
        if skeleton.len() > TEMPLATES_BYTES_MAX {
            return Err(damaged("a template is too long"));
        }
        let variables = skeleton.iter().filter(|byte| **byte == MARK).count();
        let traits = cursor.take(variables)?.iter();
        let traits: Result<_, _> = traits.map(|it| VariableTraits::from_byte(*it)).collect();
        templates.push(Template::parse(skeleton, traits?)?);
    }
    if cursor.is_at_end() {
        Ok((entries, templates))
    } else {
        Err(damaged("the footer has another length"))
    }
}
