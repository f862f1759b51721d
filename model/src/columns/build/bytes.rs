//! Columns of bytes and of texts of any length, and of ids.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, FixedSizeBinaryArray, StringArray};
use arrow_buffer::{Buffer, NullBuffer, NullBufferBuilder, OffsetBuffer};
use arrow_schema::ArrowError;

use super::Offsets;

/// Bytes of any length; texts are bytes until the column is finished.
#[derive(Debug, Default)]
pub(super) struct BytesBuilder {
    bytes: Vec<u8>,
    offsets: Offsets,
}

impl BytesBuilder {
    pub(super) fn reserve(&mut self, row_count: usize, byte_count: usize) {
        self.offsets.reserve(row_count);
        self.bytes.reserve(byte_count);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.offsets.memory_bytes()
    }

    #[inline]
    pub(super) fn append(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.end_row();
    }

    /// Where the bytes of the next row go, before [`BytesBuilder::end_row`].
    #[inline]
    pub(super) fn open_row(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    #[inline]
    pub(super) fn end_row(&mut self) {
        self.offsets.push(self.bytes.len());
    }

    /// The bytes of a row that has been appended.
    pub(super) fn row(&self, row: usize) -> &[u8] {
        &self.bytes[self.offsets.range(row)]
    }

    fn parts(mut self) -> Result<(OffsetBuffer<i32>, Buffer), ArrowError> {
        self.bytes.shrink_to_fit();
        let offsets = self.offsets.finish(self.bytes.len())?;
        Ok((offsets, Buffer::from_vec(self.bytes)))
    }

    pub(super) fn finish_binary(self) -> Result<ArrayRef, ArrowError> {
        let (offsets, bytes) = self.parts()?;
        Ok(Arc::new(BinaryArray::try_new(offsets, bytes, None)?))
    }

    /// Fails when a row is not UTF-8.
    pub(super) fn finish_text(self) -> Result<StringArray, ArrowError> {
        let (offsets, bytes) = self.parts()?;
        StringArray::try_new(offsets, bytes, None)
    }
}

/// Texts of which some are missing.
#[derive(Debug)]
pub(super) struct NullableTextBuilder {
    texts: BytesBuilder,
    nulls: NullBufferBuilder,
}

impl Default for NullableTextBuilder {
    fn default() -> Self {
        Self {
            texts: BytesBuilder::default(),
            nulls: NullBufferBuilder::new(0),
        }
    }
}

impl NullableTextBuilder {
    pub(super) fn reserve(&mut self, row_count: usize, byte_count: usize) {
        self.texts.reserve(row_count, byte_count);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.texts.memory_bytes()
    }

    pub(super) fn append_null(&mut self) {
        self.texts.end_row();
        self.nulls.append_null();
    }

    /// Where the text of the next row goes, before [`NullableTextBuilder::end_row`].
    #[inline]
    pub(super) fn open_row(&mut self) -> &mut Vec<u8> {
        self.texts.open_row()
    }

    #[inline]
    pub(super) fn end_row(&mut self) {
        self.texts.end_row();
        self.nulls.append_non_null();
    }

    /// Fails when a row is not UTF-8.
    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        let (offsets, bytes) = self.texts.parts()?;
        let nulls = nulls(self.nulls);
        Ok(Arc::new(StringArray::try_new(offsets, bytes, nulls)?))
    }
}

/// Ids of one length, some of which may be missing.
#[derive(Debug)]
pub(super) struct IdsBuilder<const LENGTH: usize> {
    bytes: Vec<u8>,
    nulls: NullBufferBuilder,
}

impl<const LENGTH: usize> Default for IdsBuilder<LENGTH> {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            nulls: NullBufferBuilder::new(0),
        }
    }
}

impl<const LENGTH: usize> IdsBuilder<LENGTH> {
    pub(super) fn reserve(&mut self, row_count: usize) {
        self.bytes.reserve(row_count * LENGTH);
    }

    pub(super) fn append(&mut self, id: &[u8; LENGTH]) {
        self.bytes.extend_from_slice(id);
        self.nulls.append_non_null();
    }

    pub(super) fn append_null(&mut self) {
        self.bytes.extend_from_slice(&[0; LENGTH]);
        self.nulls.append_null();
    }

    pub(super) fn finish(mut self) -> Result<ArrayRef, ArrowError> {
        self.bytes.shrink_to_fit();
        let length = i32::try_from(LENGTH).unwrap_or(i32::MAX);
        let nulls = nulls(self.nulls);
        let ids = FixedSizeBinaryArray::try_new(length, Buffer::from_vec(self.bytes), nulls)?;
        Ok(Arc::new(ids))
    }
}

/// The null buffer, holding no more memory than it needs.
pub(super) fn nulls(builder: NullBufferBuilder) -> Option<NullBuffer> {
    let mut nulls = builder.build()?;
    nulls.shrink_to_fit();
    Some(nulls)
}
