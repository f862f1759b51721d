//! Writes one tantivy segment from terms whose rows are known, without going through documents: those
//! cost several times what everything else of a split costs (ADR-0009).

use std::path::Path;

use tantivy::columnar::ColumnarWriter;
use tantivy::directory::{MmapDirectory, TerminatingWrite as _};
use tantivy::fieldnorm::FieldNormsSerializer;
use tantivy::index::{SegmentComponent, SegmentId};
use tantivy::postings::InvertedIndexSerializer;
use tantivy::schema::{Field, Schema};
use tantivy::store::{Compressor, StoreWriter};
use tantivy::{Directory as _, Index, IndexMeta, IndexSettings, Result as TantivyResult, Segment};

use super::postings::SortedTerms;

/// Where tantivy looks for the list of segments.
const META_FILE: &str = "meta.json";
/// Nothing is stored: the least a block may be.
const STORE_BLOCK_BYTES: usize = 16 << 10;

/// An index of one segment that is being written into an empty directory. It is durable when the
/// caller has synced the files and the directory.
pub(crate) struct SegmentFiles {
    index: Index,
    segment: Segment,
    row_count: u32,
}

impl SegmentFiles {
    pub(crate) fn create(dir: &Path, schema: &Schema, row_count: u32) -> TantivyResult<Self> {
        let directory = MmapDirectory::open(dir)?;
        let index = Index::create(directory, schema.clone(), settings())?;
        let meta = index.new_segment_meta(SegmentId::generate_random(), row_count);
        Ok(Self {
            segment: index.segment(meta),
            index,
            row_count,
        })
    }

    /// Writes the fast fields. They take much memory, and are gone before terms are sorted.
    pub(crate) fn write_columns(&mut self, mut columns: ColumnarWriter) -> TantivyResult<()> {
        let mut file = self.segment.open_write(SegmentComponent::FastFields)?;
        columns.serialize(self.row_count, None, &mut file)?;
        file.terminate()?;
        Ok(())
    }

    /// Writes the terms, and then what says that the segment is there.
    pub(crate) fn finish(mut self, terms: &[(Field, SortedTerms<'_>)]) -> TantivyResult<()> {
        let segment = &mut self.segment;
        write_terms(segment, terms)?;
        let norms = segment.open_write(SegmentComponent::FieldNorms)?;
        FieldNormsSerializer::from_write(norms)?.close()?;
        let store = segment.open_write(SegmentComponent::Store)?;
        StoreWriter::new(store, Compressor::None, STORE_BLOCK_BYTES, false)?.close()?;
        let metas = IndexMeta {
            index_settings: settings(),
            persisted_custom_extensions: Vec::new(),
            segments: vec![segment.meta().clone()],
            schema: self.index.schema(),
            opstamp: 0,
            payload: None,
        };
        let json = serde_json::to_vec(&metas)?;
        let directory = self.index.directory();
        directory.atomic_write(Path::new(META_FILE), &json)?;
        Ok(())
    }
}

fn settings() -> IndexSettings {
    IndexSettings {
        docstore_compression: Compressor::None,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    }
}

fn write_terms(segment: &Segment, terms: &[(Field, SortedTerms<'_>)]) -> TantivyResult<()> {
    let mut serializer = InvertedIndexSerializer::open(segment)?;
    for (field, terms) in terms.iter().filter(|(_, terms)| !terms.is_empty()) {
        let count = terms.iter().map(|(_, rows)| u64::from(rows.count())).sum();
        let mut writer = serializer.new_field(*field, count, None)?;
        for (term, rows) in terms {
            writer.new_term(term, rows.count(), false)?;
            rows.iter().for_each(|row| writer.write_doc(row, 0, &[]));
            writer.close_term()?;
        }
        writer.close()?;
    }
    serializer.close()?;
    Ok(())
}
