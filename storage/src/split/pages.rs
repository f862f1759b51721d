//! Pages of a mapped Parquet file, decompressed by one decompressor per thread.
//!
//! The library makes a compressor and a decompressor for each column that is read. For the rows of
//! one trace that is a fifth of the work, so it is told that nothing is compressed, and what is gets
//! decompressed here.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use zstd::bulk::Decompressor;
use zstd::zstd_safe::get_frame_content_size;

/// No page of a split is longer than the largest request that is taken.
const PAGE_BYTES_MAX: u64 = i32::MAX as u64;

/// The footer of a file, changed so that all columns seem to be as they are.
#[derive(Debug)]
pub(super) struct Footer {
    metadata: Arc<ParquetMetaData>,
    /// Which columns of which row groups are compressed.
    compressed: Arc<[Box<[bool]>]>,
}

impl Footer {
    /// # Errors
    /// When a column is compressed by something a split does not use.
    pub(super) fn new(metadata: ParquetMetaData) -> ParquetResult<Self> {
        let mut builder = metadata.into_builder();
        let mut compressed = Vec::new();
        let mut groups = Vec::new();
        for group in builder.take_row_groups() {
            let mut is_compressed = Vec::with_capacity(group.num_columns());
            let mut columns = Vec::with_capacity(group.num_columns());
            let mut group = group.into_builder();
            for column in group.take_columns() {
                is_compressed.push(match column.compression() {
                    Compression::UNCOMPRESSED => false,
                    Compression::ZSTD(_) => true,
                    _ => return Err(ParquetError::General("an unknown compression".to_owned())),
                });
                let plain = column.into_builder();
                columns.push(plain.set_compression(Compression::UNCOMPRESSED).build()?);
            }
            groups.push(group.set_column_metadata(columns).build()?);
            compressed.push(is_compressed.into_boxed_slice());
        }
        Ok(Self {
            metadata: Arc::new(builder.set_row_groups(groups).build()),
            compressed: compressed.into(),
        })
    }

    pub(super) fn metadata(&self) -> &Arc<ParquetMetaData> {
        &self.metadata
    }
}

/// Row groups of a file that are to be read, in their order.
pub(super) struct ChosenGroups<'a> {
    pub(super) bytes: &'a Bytes,
    pub(super) footer: &'a Footer,
    pub(super) groups: Vec<usize>,
}

impl RowGroups for ChosenGroups<'_> {
    fn num_rows(&self) -> usize {
        let count = |group: &RowGroupMetaData| usize::try_from(group.num_rows()).unwrap_or(0);
        self.row_groups().map(count).sum()
    }

    fn column_chunks(&self, column: usize) -> ParquetResult<Box<dyn PageIterator>> {
        Ok(Box::new(ColumnChunks {
            bytes: Arc::new(self.bytes.clone()),
            metadata: Arc::clone(&self.footer.metadata),
            compressed: Arc::clone(&self.footer.compressed),
            groups: self.groups.clone().into_iter(),
            column,
        }))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        let group = |group: &usize| self.footer.metadata.row_group(*group);
        Box::new(self.groups.iter().map(group))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.footer.metadata
    }
}

/// One column in each of the chosen row groups.
struct ColumnChunks {
    bytes: Arc<Bytes>,
    metadata: Arc<ParquetMetaData>,
    compressed: Arc<[Box<[bool]>]>,
    groups: std::vec::IntoIter<usize>,
    column: usize,
}

impl ColumnChunks {
    fn pages(&self, group: usize) -> ParquetResult<Box<dyn PageReader>> {
        let missing = || ParquetError::General("no page index".to_owned());
        let row_group = self.metadata.row_group(group);
        let chunk = row_group.columns().get(self.column).ok_or_else(missing)?;
        let index = self.metadata.offset_index().ok_or_else(missing)?;
        let index = index.get(group).and_then(|index| index.get(self.column));
        let locations = index.ok_or_else(missing)?.page_locations.clone();
        let row_count = usize::try_from(row_group.num_rows()).map_err(|_| missing())?;
        let bytes = Arc::clone(&self.bytes);
        let stored = SerializedPageReader::new(bytes, chunk, row_count, Some(locations))?;
        let compressed = self.compressed.get(group);
        let is_compressed = compressed.and_then(|columns| columns.get(self.column));
        Ok(if is_compressed.copied().unwrap_or(false) {
            Box::new(CompressedPages(stored))
        } else {
            Box::new(stored)
        })
    }
}

impl Iterator for ColumnChunks {
    type Item = ParquetResult<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        let group = self.groups.next()?;
        Some(self.pages(group))
    }
}

impl PageIterator for ColumnChunks {}

/// Decompresses what the library takes for pages that are not compressed.
struct CompressedPages(SerializedPageReader<Bytes>);

impl Iterator for CompressedPages {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for CompressedPages {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        let mut page = self.0.get_next_page()?;
        match &mut page {
            None => {}
            Some(Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. }) => {
                *buf = decompress(buf)?;
            }
            Some(Page::DataPageV2 { .. }) => {
                return Err(ParquetError::General("a page of another form".to_owned()));
            }
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        self.0.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> ParquetResult<bool> {
        self.0.at_record_boundary()
    }
}

fn decompress(page: &Bytes) -> ParquetResult<Bytes> {
    thread_local! {
        static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
    }
    // A page of no values has no frame.
    if page.is_empty() {
        return Ok(page.clone());
    }
    let size = get_frame_content_size(page).ok().flatten();
    let size = size
        .filter(|size| *size <= PAGE_BYTES_MAX)
        .and_then(|size| usize::try_from(size).ok())
        .ok_or_else(|| ParquetError::General("a page without its size".to_owned()))?;
    DECOMPRESSOR.with_borrow_mut(|slot| {
        let decompressor = match slot {
            Some(decompressor) => decompressor,
            None => slot.insert(Decompressor::new()?),
        };
        let bytes = decompressor.decompress(page, size)?;
        Ok(Bytes::from(bytes))
    })
}
