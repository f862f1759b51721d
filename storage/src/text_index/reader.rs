//! The open index of a split: terms, their rows, and the fast fields.

use std::path::Path;
use std::sync::Arc;

use model::{Signal, TraceId};
use tantivy::columnar::ColumnValues;
use tantivy::directory::MmapDirectory;
use tantivy::postings::TermInfo;
use tantivy::schema::{Field, IndexRecordOption, Term};
use tantivy::{
    DocSet, Index, InvertedIndexReader, Result as TantivyResult, SegmentReader, TERMINATED,
    TantivyError,
};

use super::term;
use super::{DURATION, Fields, RESOURCE, SEVERITY, TIME, TRACE_ORDINAL, index_schema};
use crate::row_set::RowSet;

/// Reads the index without locks or threads of its own.
pub(crate) struct TextIndex {
    segment: SegmentReader,
    fields: Fields,
    row_count: u32,
    times: Arc<dyn ColumnValues<u64>>,
    trace_ordinals: Arc<dyn ColumnValues<u64>>,
    resources: Arc<dyn ColumnValues<u64>>,
    /// Spans only.
    durations: Option<Arc<dyn ColumnValues<u64>>>,
    /// Log records only.
    severities: Option<Arc<dyn ColumnValues<i64>>>,
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
    pub(crate) fn open(dir: &Path, signal: Signal, row_count: u32) -> TantivyResult<Self> {
        let index = Index::open(MmapDirectory::open(dir)?)?;
        let (schema, fields) = index_schema(signal);
        if index.schema() != schema {
            return Err(TantivyError::SchemaError(
                "not the schema of this version".into(),
            ));
        }
        let segments = index.searchable_segments()?;
        let [segment] = segments.as_slice() else {
            return Err(TantivyError::InternalError(
                "a split has one segment".into(),
            ));
        };
        let segment = SegmentReader::open(segment)?;
        if segment.max_doc() != row_count || segment.has_deletes() {
            return Err(TantivyError::InternalError(
                "not one document per row".into(),
            ));
        }
        let fast = segment.fast_fields();
        let is_traces = signal == Signal::Traces;
        Ok(Self {
            times: fast.column_first_or_default(TIME)?,
            trace_ordinals: fast.column_first_or_default(TRACE_ORDINAL)?,
            resources: fast.column_first_or_default(RESOURCE)?,
            durations: is_traces
                .then(|| fast.column_first_or_default(DURATION))
                .transpose()?,
            severities: (!is_traces)
                .then(|| fast.column_first_or_default(SEVERITY))
                .transpose()?,
            segment,
            fields,
            row_count,
        })
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

    pub(crate) fn trace_ordinal(&self, row: u32) -> u32 {
        u32::try_from(self.trace_ordinals.get_val(row)).unwrap_or(crate::hot::NO_GROUP)
    }

    /// Zero for log records.
    pub(crate) fn duration_nano(&self, row: u32) -> u64 {
        self.durations
            .as_ref()
            .map_or(0, |durations| durations.get_val(row))
    }

    /// Rows whose severity lies in the range; spans have none.
    pub(crate) fn rows_of_severity(&self, range: &std::ops::RangeInclusive<i32>) -> RowSet {
        let mut rows = RowSet::empty(self.row_count);
        let Some(severities) = &self.severities else {
            return rows;
        };
        let (first, last) = (i64::from(*range.start()), i64::from(*range.end()));
        for row in 0..self.row_count {
            if (first..=last).contains(&severities.get_val(row)) {
                rows.insert(row);
            }
        }
        rows
    }

    /// Rows whose duration lies in the range; log records have none.
    pub(crate) fn rows_of_duration(&self, range: &std::ops::RangeInclusive<u64>) -> RowSet {
        let mut rows = RowSet::empty(self.row_count);
        let Some(durations) = &self.durations else {
            return rows;
        };
        for row in 0..self.row_count {
            if range.contains(&durations.get_val(row)) {
                rows.insert(row);
            }
        }
        rows
    }

    /// The rows of a trace, ascending.
    pub(crate) fn rows_of_trace(&self, id: TraceId) -> TantivyResult<Vec<u32>> {
        let term = Term::from_field_bytes(self.fields.trace_id, id.as_bytes());
        let mut rows = Vec::new();
        self.visit_rows(&term, &mut |row| rows.push(row))?;
        Ok(rows)
    }

    /// Rows with exactly this term.
    pub(crate) fn rows_of_term(&self, term: &Term) -> TantivyResult<RowSet> {
        let mut rows = RowSet::empty(self.row_count);
        self.visit_rows(term, &mut |row| rows.insert(row))?;
        Ok(rows)
    }

    /// Rows with a term of the field that begins with `prefix` and passes the test.
    pub(crate) fn rows_of_terms(
        &self,
        field: Field,
        prefix: &str,
        is_wanted: &mut dyn FnMut(&str) -> bool,
    ) -> TantivyResult<RowSet> {
        let mut rows = RowSet::empty(self.row_count);
        let inverted = self.segment.inverted_index(field)?;
        self.visit_terms(field, prefix, &mut |text, info| {
            if is_wanted(text) {
                visit_postings(&inverted, info, &mut |row| rows.insert(row))?;
            }
            Ok(())
        })?;
        Ok(rows)
    }

    /// The rows whose resource is that of one of `first_rows`.
    pub(crate) fn rows_of_resources(&self, first_rows: &RowSet) -> TantivyResult<RowSet> {
        let mut rows = RowSet::empty(self.row_count);
        for first_row in first_rows.iter() {
            let resource = self.resources.get_val(first_row);
            let term = Term::from_field_u64(self.fields.resource, resource);
            self.visit_rows(&term, &mut |row| rows.insert(row))?;
        }
        Ok(rows)
    }

    /// Visits the terms of a field that begin with `prefix`, with the first row and the number of
    /// rows of each.
    pub(crate) fn visit_counts(
        &self,
        field: Field,
        prefix: &str,
        visit: &mut dyn FnMut(&str, u32, u32),
    ) -> TantivyResult<()> {
        let inverted = self.segment.inverted_index(field)?;
        self.visit_terms(field, prefix, &mut |text, info| {
            // Only a cut term needs its first row, to read the whole text there.
            let first_row = if term::is_cut(text) {
                inverted
                    .read_postings_from_terminfo(info, IndexRecordOption::Basic)?
                    .doc()
            } else {
                0
            };
            visit(text, first_row, info.doc_freq);
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

    fn visit_rows(&self, term: &Term, visit: &mut dyn FnMut(u32)) -> TantivyResult<()> {
        let inverted = self.segment.inverted_index(term.field())?;
        match inverted.get_term_info(term)? {
            Some(info) => visit_postings(&inverted, &info, visit),
            None => Ok(()),
        }
    }
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
