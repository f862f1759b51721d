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

/// Writes an index of one segment into an empty directory. It is durable when the caller has synced
/// the files and the directory.
pub(crate) fn write_segment(
    dir: &Path,
    schema: &Schema,
    row_count: u32,
    terms: &[(Field, SortedTerms<'_>)],
    mut columns: ColumnarWriter,
) -> TantivyResult<()> {
    let directory = MmapDirectory::open(dir)?;
    let settings = IndexSettings {
        docstore_compression: Compressor::None,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    };
    let index = Index::create(directory, schema.clone(), settings.clone())?;
    let meta = index.new_segment_meta(SegmentId::generate_random(), row_count);
    let segment = index.segment(meta.clone());
    write_terms(&segment, terms)?;
    let mut file = segment.open_write(SegmentComponent::FastFields)?;
    columns.serialize(row_count, None, &mut file)?;
    file.terminate()?;
    FieldNormsSerializer::from_write(segment.open_write(SegmentComponent::FieldNorms)?)?.close()?;
    let store = segment.open_write(SegmentComponent::Store)?;
    StoreWriter::new(store, Compressor::None, STORE_BLOCK_BYTES, false)?.close()?;
    let metas = IndexMeta {
        index_settings: settings,
        persisted_custom_extensions: Vec::new(),
        segments: vec![meta],
        schema: schema.clone(),
        opstamp: 0,
        payload: None,
    };
    let json = serde_json::to_vec(&metas)?;
    index
        .directory()
        .atomic_write(Path::new(META_FILE), &json)?;
    Ok(())
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
