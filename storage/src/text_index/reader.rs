//! The open index of a split: terms and their rows, fast fields, traces, filters.

use std::path::Path;
use std::sync::Arc;

use model::{Signal, TraceId};
use tantivy::columnar::ColumnValues;
use tantivy::postings::TermInfo;
use tantivy::schema::{Field, IndexRecordOption, Term};
use tantivy::{
    DocSet, Index, InvertedIndexReader, Result as TantivyResult, SegmentReader, TERMINATED,
    TantivyError,
};

use super::attributes::place;
use super::directory::MappedDirectory;
use super::trace_index::{self, TraceIndex};
use super::trace_starts::{self, TraceStarts};
use super::value_filter::{self, ValueFilter};
use super::writer::IndexMetadata;
use super::{DURATION, Fields, SEVERITY, TIME, index_schema};
use crate::row_set::RowSet;

/// Reads the index without locks or threads of its own.
pub(crate) struct TextIndex {
    segment: SegmentReader,
    directory: MappedDirectory,
    fields: Fields,
    metadata: IndexMetadata,
    row_count: u32,
    times: Arc<dyn ColumnValues<u64>>,
    /// Spans only.
    durations: Option<Arc<dyn ColumnValues<u64>>>,
    /// Log records only.
    severities: Option<Arc<dyn ColumnValues<i64>>>,
    traces: TraceIndex,
    /// Spans only.
    trace_starts: Option<TraceStarts>,
    values: ValueFilter,
}

impl std::fmt::Debug for TextIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextIndex")
            .field("row_count", &self.row_count)
            .finish_non_exhaustive()
    }
}

impl TextIndex {
    /// Opens the index of a split with this many rows.
    pub(crate) fn open(
        dir: &Path,
        signal: Signal,
        row_count: u32,
        metadata: IndexMetadata,
    ) -> TantivyResult<Self> {
        let directory = MappedDirectory::new(dir);
        let index = Index::open(directory.clone())?;
        let (schema, fields) = index_schema(signal);
        if index.schema() != schema {
            return Err(TantivyError::SchemaError(
                "not the schema of this version".into(),
            ));
        }
        let segments = index.searchable_segments()?;
        let [segment] = segments.as_slice() else {
            return Err(damaged("a split has one segment"));
        };
        let segment = SegmentReader::open(segment)?;
        if segment.max_doc() != row_count || segment.has_deletes() {
            return Err(damaged("not one document per row"));
        }
        let traces = TraceIndex::open(directory.map(trace_index::FILE)?, row_count);
        let values = ValueFilter::open(directory.map(value_filter::FILE)?, row_count);
        let is_traces = signal == Signal::Traces;
        let trace_starts = is_traces
            .then(|| {
                let starts = TraceStarts::open(&directory.map(trace_starts::FILE)?, row_count);
                starts.ok_or_else(|| damaged("not one bit per row"))
            })
            .transpose()?;
        let fast = segment.fast_fields();
        Ok(Self {
            times: fast.column_first_or_default(TIME)?,
            durations: is_traces
                .then(|| fast.column_first_or_default(DURATION))
                .transpose()?,
            severities: (!is_traces)
                .then(|| fast.column_first_or_default(SEVERITY))
                .transpose()?,
            traces: traces.ok_or_else(|| damaged("the table of traces is too short"))?,
            values: values.ok_or_else(|| damaged("the filters are too short"))?,
            trace_starts,
            segment,
            directory,
            fields,
            metadata,
            row_count,
        })
    }

    /// See [`crate::files::Mapping::release`].
    pub(crate) fn release(&self) {
        self.directory.release();
    }

    pub(crate) fn fields(&self) -> &Fields {
        &self.fields
    }

    pub(crate) fn row_count(&self) -> u32 {
        self.row_count
    }

    pub(crate) fn time(&self, row: u32) -> u64 {
        self.times.get_val(row)
    }

    /// The number of a span's trace within the split.
    pub(crate) fn trace_ordinal(&self, row: u32) -> u32 {
        let ordinal = |starts: &TraceStarts| starts.ordinal(row);
        self.trace_starts
            .as_ref()
            .map_or(crate::hot::NO_GROUP, ordinal)
    }

    /// Zero for log records.
    pub(crate) fn duration_nano(&self, row: u32) -> u64 {
        self.durations
            .as_ref()
            .map_or(0, |durations| durations.get_val(row))
    }

    /// `None` for spans.
    pub(crate) fn severity(&self, row: u32) -> Option<i64> {
        self.severities
            .as_ref()
            .map(|severities| severities.get_val(row))
    }

    /// Lists of rows, each of one trace, one of which is that of `id` if it is here at all.
    pub(crate) fn trace_candidates(&self, id: TraceId) -> TantivyResult<Vec<Vec<u32>>> {
        let mut candidates = Vec::new();
        self.traces
            .visit_candidates(id, &mut |rows| candidates.push(rows))
            .ok_or_else(|| damaged("the table of traces is damaged"))?;
        Ok(candidates)
    }

    /// Where values of the key stand that have no terms, as bits of [`place`]; zero when all have.
    pub(crate) fn filtered_places(&self, key: &str) -> u8 {
        let keys = &self.metadata.filtered_keys;
        match keys.binary_search_by(|known| known.key.as_str().cmp(key)) {
            Ok(found) => keys.get(found).map_or(0, |known| known.places),
            Err(_) if self.metadata.has_unnumbered_keys => place::ALL,
            Err(_) => 0,
        }
    }

    /// The rows that may have the key with a value that has no term; `None` when it may be any row.
    pub(crate) fn rows_of_filtered_key(&self, key: &str) -> TantivyResult<Option<RowSet>> {
        let keys = &self.metadata.filtered_keys;
        if !keys.iter().any(|known| known.key == key) {
            return Ok(None);
        }
        let text = super::term::term(key);
        let term = Term::from_field_text(self.fields.filtered_key, &text);
        Ok(Some(self.rows_of_term(&term)?))
    }

    /// The rows of the blocks that may have the value, as far as the filters know.
    pub(crate) fn rows_of_value(&self, key: &str, value: &str) -> RowSet {
        let hash = value_filter::value_hash(value_filter::key_seed(key), value);
        let mut rows = RowSet::empty(self.row_count);
        for block in self.values.blocks_with(hash) {
            rows.insert_range(block);
        }
        rows
    }

    /// Rows with exactly this term.
    pub(crate) fn rows_of_term(&self, term: &Term) -> TantivyResult<RowSet> {
        let mut rows = RowSet::empty(self.row_count);
        let inverted = self.segment.inverted_index(term.field())?;
        if let Some(info) = inverted.get_term_info(term)? {
            self.add_rows(&inverted, term.field(), &info, &mut rows)?;
        }
        Ok(rows)
    }

    /// Rows with a term of the field that begins with `prefix`.
    pub(crate) fn rows_of_prefix(&self, field: Field, prefix: &str) -> TantivyResult<RowSet> {
        let mut rows = RowSet::empty(self.row_count);
        let inverted = self.segment.inverted_index(field)?;
        self.visit_terms(field, prefix, &mut |_, info| {
            self.add_rows(&inverted, field, info, &mut rows)
        })?;
        Ok(rows)
    }

    /// Rows with a term of which the verdict is `true`, and rows with one of which it is `false`.
    pub(crate) fn rows_by_verdict(
        &self,
        field: Field,
        verdict: &dyn Fn(&str) -> Option<bool>,
    ) -> TantivyResult<(RowSet, RowSet)> {
        let (mut yes, mut no) = (RowSet::empty(self.row_count), RowSet::empty(self.row_count));
        let inverted = self.segment.inverted_index(field)?;
        self.visit_terms(field, "", &mut |text, info| match verdict(text) {
            Some(true) => self.add_rows(&inverted, field, info, &mut yes),
            Some(false) => self.add_rows(&inverted, field, info, &mut no),
            None => Ok(()),
        })?;
        Ok((yes, no))
    }

    /// Rows with any term of the field.
    pub(crate) fn rows_of_all_terms(&self, field: Field) -> TantivyResult<RowSet> {
        let mut rows = RowSet::empty(self.row_count);
        let inverted = self.segment.inverted_index(field)?;
        let mut terms = inverted.terms().stream()?;
        while terms.advance() {
            self.add_rows(&inverted, field, terms.value(), &mut rows)?;
        }
        Ok(rows)
    }

    /// The rows whose number in `field` is one of `numbers`.
    pub(crate) fn rows_of_numbers(&self, field: Field, numbers: &RowSet) -> TantivyResult<RowSet> {
        let mut rows = RowSet::empty(self.row_count);
        for number in numbers.iter() {
            let term = Term::from_field_bytes(field, &number.to_be_bytes());
            let inverted = self.segment.inverted_index(field)?;
            if let Some(info) = inverted.get_term_info(&term)? {
                self.add_rows(&inverted, field, &info, &mut rows)?;
            }
        }
        Ok(rows)
    }

    /// How many rows have exactly this term.
    pub(crate) fn row_count_of_term(&self, term: &Term) -> TantivyResult<u32> {
        let inverted = self.segment.inverted_index(term.field())?;
        Ok(inverted
            .get_term_info(term)?
            .map_or(0, |info| info.doc_freq))
    }

    /// The first document with exactly this term.
    pub(crate) fn first_of_term(&self, term: &Term) -> TantivyResult<Option<u32>> {
        let inverted = self.segment.inverted_index(term.field())?;
        let postings = inverted.read_postings(term, IndexRecordOption::Basic)?;
        Ok(postings
            .map(|postings| postings.doc())
            .filter(|document| *document != TERMINATED))
    }

    /// Visits the terms of a field that begin with `prefix`, with the number of documents of each.
    pub(crate) fn visit_counts(
        &self,
        field: Field,
        prefix: &str,
        visit: &mut dyn FnMut(&str, u32),
    ) -> TantivyResult<()> {
        self.visit_terms(field, prefix, &mut |text, info| {
            visit(text, info.doc_freq);
            Ok(())
        })
    }

    fn visit_terms(
        &self,
        field: Field,
        prefix: &str,
        visit: &mut dyn FnMut(&str, &TermInfo) -> TantivyResult<()>,
    ) -> TantivyResult<()> {
        let inverted = self.segment.inverted_index(field)?;
        let mut terms = inverted.terms().range().ge(prefix).into_stream()?;
        while terms.advance() {
            let text = std::str::from_utf8(terms.key())
                .map_err(|_| TantivyError::InternalError("a term is not text".into()))?;
            if !text.starts_with(prefix) {
                break;
            }
            visit(text, terms.value())?;
        }
        Ok(())
    }

    /// Adds the rows of a term, whose documents may be the boundaries of runs.
    fn add_rows(
        &self,
        inverted: &InvertedIndexReader,
        field: Field,
        info: &TermInfo,
        rows: &mut RowSet,
    ) -> TantivyResult<()> {
        if field != self.fields.attribute_run {
            return visit_postings(inverted, info, &mut |row| rows.insert(row));
        }
        let mut start = None;
        visit_postings(inverted, info, &mut |boundary| match start.take() {
            None => start = Some(boundary),
            Some(start) => rows.insert_range(start..boundary),
        })
    }
}

fn damaged(problem: &str) -> TantivyError {
    TantivyError::InternalError(problem.to_owned())
}

fn visit_postings(
    inverted: &InvertedIndexReader,
    info: &TermInfo,
    visit: &mut dyn FnMut(u32),
) -> TantivyResult<()> {
    let mut postings = inverted.read_postings_from_terminfo(info, IndexRecordOption::Basic)?;
    let mut row = postings.doc();
    while row != TERMINATED {
        visit(row);
        row = postings.advance();
    }
    Ok(())
}
