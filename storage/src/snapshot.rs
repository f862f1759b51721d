//! A consistent view for readers: published splits and the hot buffer at one moment.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::RecordBatch;
use model::{Signal, TimeRange, TraceId, UnixNanos};

use crate::bodies::{PatternMiner, Watch};
use crate::error::ReadError;
use crate::filter::Filter;
use crate::hot::HotBatch;
use crate::patterns::VisitPatterns;
use crate::split::find;
use crate::split::reader::Split;

/// Everything that was acknowledged when it was taken, each row once. Cheap to clone; what it holds
/// stays readable for as long as it lives, also when retention deletes it meanwhile.
#[derive(Debug, Clone)]
pub struct Snapshot {
    inner: Arc<SnapshotInner>,
}

#[derive(Debug)]
struct SnapshotInner {
    traces: Vec<Source>,
    logs: Vec<Source>,
    unreadable: Vec<Unreadable>,
}

/// Something that holds records and cannot be read: answers that would need it are not complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// What it is and its name: `split 018b…`.
    pub name: String,
    /// Of what it holds records.
    pub signal: Signal,
    /// The times its records lie in.
    pub time_range: TimeRange,
    /// Why it cannot be read, to be put behind the name.
    pub reason: String,
}

impl Snapshot {
    pub(crate) fn new(mut sources: Vec<Source>, unreadable: Vec<Unreadable>) -> Self {
        sources.sort_by(|a, b| {
            b.time_range()
                .end
                .cmp(&a.time_range().end)
                .then_with(|| b.id().cmp(a.id()))
        });
        let (traces, logs) = sources
            .into_iter()
            .partition(|source| source.signal() == Signal::Traces);
        Self {
            inner: Arc::new(SnapshotInner {
                traces,
                logs,
                unreadable,
            }),
        }
    }

    /// The sources of a signal, the one with the latest record first.
    pub fn sources(&self, signal: Signal) -> &[Source] {
        match signal {
            Signal::Traces => &self.inner.traces,
            Signal::Logs => &self.inner.logs,
        }
    }

    /// What could not be opened, or was set aside. An answer about a time one of them covers is
    /// incomplete and has to say so.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.inner.unreadable
    }
}

/// Rows of one signal that are searched together: a split, or a batch of the hot buffer.
#[derive(Debug, Clone)]
pub struct Source {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Hot(Arc<HotBatch>),
    Split(Arc<Split>),
}

/// A row that satisfies a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// Number of the row within its source.
    pub row: u32,
    /// Start of the span, or effective time of the log record.
    pub time: UnixNanos,
    /// End minus start of the span; 0 for log records.
    pub duration_nano: u64,
    /// Spans of this source with the same group belong to the same trace. They need not lie side by
    /// side. Log records have [`Match::NO_GROUP`].
    pub group: u32,
}

impl Match {
    /// The group of log records, which are not grouped by trace.
    pub const NO_GROUP: u32 = crate::hot::NO_GROUP;
}

/// In which order a source is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeOrder {
    /// As the rows lie.
    Any,
    /// Newer rows tend to come first.
    NewestFirst,
    /// Older rows tend to come first.
    OldestFirst,
}

/// What a search comes upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A row that satisfies the filter.
    Match(Match),
    /// No row that comes after this is newer than the moment, or older when the oldest come first.
    Rest(UnixNanos),
    /// So many bytes of bodies of log records were looked through since this was said last, because
    /// nothing else told whether they match. Comes now and then also when nothing is found, so that
    /// a search can be stopped.
    Scanned {
        /// How many; often 0.
        body_bytes: u64,
    },
}

/// How many spans an operation has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationCount {
    /// The span name.
    pub name: String,
    /// The OTLP number of the span kind.
    pub kind: i32,
    /// How many spans have this name and kind.
    pub span_count: u64,
}

/// Which columns to read.
#[derive(Debug, Clone, Copy)]
pub enum Columns<'a> {
    /// Every column of the schema.
    All,
    /// These, in this order.
    Named(&'a [&'a str]),
}

impl Source {
    pub(crate) fn hot(batch: Arc<HotBatch>) -> Self {
        Self {
            kind: Kind::Hot(batch),
        }
    }

    pub(crate) fn split(split: Arc<Split>) -> Self {
        Self {
            kind: Kind::Split(split),
        }
    }

    /// The split behind it, if it is one.
    pub(crate) fn as_split(&self) -> Option<&Split> {
        match &self.kind {
            Kind::Hot(_) => None,
            Kind::Split(split) => Some(split),
        }
    }

    /// Bytes in the WAL of rows that are in no split.
    pub(crate) fn wal_bytes(&self) -> u64 {
        match &self.kind {
            Kind::Hot(batch) => batch.wal_bytes(),
            Kind::Split(_) => 0,
        }
    }

    /// Names the source among the sources of its snapshot.
    pub fn id(&self) -> &str {
        match &self.kind {
            Kind::Hot(batch) => batch.id(),
            Kind::Split(split) => split.id().as_str(),
        }
    }

    /// What the rows are.
    pub fn signal(&self) -> Signal {
        match &self.kind {
            Kind::Hot(batch) => batch.signal(),
            Kind::Split(split) => split.signal(),
        }
    }

    /// Whether the rows are in memory only (and in the WAL).
    pub fn is_hot(&self) -> bool {
        matches!(self.kind, Kind::Hot(_))
    }

    /// Number of rows; never zero.
    pub fn row_count(&self) -> u32 {
        match &self.kind {
            Kind::Hot(batch) => batch.row_count(),
            Kind::Split(split) => split.row_count(),
        }
    }

    /// Holds the start of every span, or the effective time of every log record.
    pub fn time_range(&self) -> TimeRange {
        match &self.kind {
            Kind::Hot(batch) => batch.time_range(),
            Kind::Split(split) => split.time_range(),
        }
    }

    /// Visits the rows that satisfy the filter, in ascending order of rows, until told to stop.
    ///
    /// # Errors
    /// When the source cannot be read; rows visited before are right.
    pub fn find(
        &self,
        filter: &Filter,
        visit: &mut dyn FnMut(Match) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.find_in_order(filter, TimeOrder::Any, &mut |step| match step {
            Step::Match(found) => visit(found),
            Step::Rest(_) | Step::Scanned { .. } => ControlFlow::Continue(()),
        })
    }

    /// Visits the rows that satisfy the filter, roughly in an order, until told to stop. Now and then
    /// it says what may still come, unless any order will do.
    ///
    /// # Errors
    /// When the source cannot be read; rows visited before are right.
    pub fn find_in_order(
        &self,
        filter: &Filter,
        order: TimeOrder,
        visit: &mut dyn FnMut(Step) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        match &self.kind {
            Kind::Hot(batch) => batch.find(filter, visit),
            Kind::Split(split) => find::find(split, filter, order, visit),
        }
    }

    /// Which of the rows satisfy the filter. Rows must ascend, and do so in the answer.
    ///
    /// # Errors
    /// When the source cannot be read, or has no such row.
    pub fn find_among(&self, filter: &Filter, rows: &[u32]) -> Result<Vec<u32>, ReadError> {
        self.check_rows(rows)?;
        match &self.kind {
            Kind::Hot(batch) => batch.find_among(filter, rows),
            Kind::Split(split) => find::find_among(split, filter, rows),
        }
    }

    /// How many rows satisfy the filter; fewer when `watch` ends the count.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn count(&self, filter: &Filter, watch: &mut Watch<'_>) -> Result<u64, ReadError> {
        match &self.kind {
            Kind::Hot(batch) => {
                let mut count = 0;
                batch.find(filter, &mut |step| match step {
                    Step::Match(_) => {
                        count += 1;
                        ControlFlow::Continue(())
                    }
                    Step::Rest(_) => ControlFlow::Continue(()),
                    Step::Scanned { body_bytes } => watch(body_bytes),
                })?;
                Ok(count)
            }
            Kind::Split(split) => find::count(split, filter, watch),
        }
    }

    /// The patterns of the log records that satisfy the filter, in portions. The keys are those of
    /// `miner`. `visit` is also told how many bytes of bodies were looked through since it was told
    /// last, with no patterns now and then, and may end the search.
    ///
    /// # Errors
    /// When the source cannot be read; portions visited before are right.
    pub fn patterns(
        &self,
        filter: &Filter,
        miner: &mut PatternMiner,
        visit: &mut VisitPatterns<'_>,
    ) -> Result<(), ReadError> {
        match &self.kind {
            Kind::Hot(batch) => batch.patterns(filter, miner, visit),
            Kind::Split(split) => find::patterns(split, filter, miner, visit),
        }
    }

    /// The rows of a trace, ascending; none when the trace is not here.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn rows_of_trace(&self, id: TraceId) -> Result<Vec<u32>, ReadError> {
        match &self.kind {
            Kind::Hot(batch) => batch.rows_of_trace(id),
            Kind::Split(split) => split.rows_of_trace(id),
        }
    }

    /// The trace of each row; `None` for log records that belong to none. Rows must ascend.
    ///
    /// # Errors
    /// When the source cannot be read, or has no such row.
    pub fn trace_ids(&self, rows: &[u32]) -> Result<Vec<Option<TraceId>>, ReadError> {
        self.check_rows(rows)?;
        match &self.kind {
            Kind::Hot(batch) => batch.trace_ids(rows),
            Kind::Split(split) => split.trace_ids(rows),
        }
    }

    /// Reads columns of rows; the batch has one row per row asked for. Rows must ascend.
    ///
    /// # Errors
    /// When the source cannot be read, or has no such row or column.
    pub fn read(&self, rows: &[u32], columns: Columns<'_>) -> Result<RecordBatch, ReadError> {
        self.check_rows(rows)?;
        match &self.kind {
            Kind::Hot(batch) => batch.read(rows, columns),
            Kind::Split(split) => split.read(rows, columns),
        }
    }

    /// Every service with its number of rows, by name.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn service_counts(&self) -> Result<Vec<(String, u64)>, ReadError> {
        match &self.kind {
            Kind::Hot(batch) => batch.service_counts(),
            Kind::Split(split) => split.service_counts(),
        }
    }

    /// The operations of a service, by name and kind; none for logs.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn operation_counts(&self, service: &str) -> Result<Vec<OperationCount>, ReadError> {
        match &self.kind {
            Kind::Hot(batch) => batch.operation_counts(service),
            Kind::Split(split) => split.operation_counts(service),
        }
    }

    fn check_rows(&self, rows: &[u32]) -> Result<(), ReadError> {
        let row_count = self.row_count();
        let mut next = 0;
        for row in rows {
            if *row < next || *row >= row_count {
                return Err(ReadError::BadRow {
                    row: *row,
                    row_count,
                });
            }
            next = row + 1;
        }
        Ok(())
    }
}

/// The columns asked for, in the order asked for.
pub(crate) fn project(batch: &RecordBatch, columns: Columns<'_>) -> Result<RecordBatch, ReadError> {
    let names = match columns {
        Columns::All => return Ok(batch.clone()),
        Columns::Named(names) => names,
    };
    let index_of = |name: &&str| {
        let unknown = |_| ReadError::UnknownColumn {
            column: (*name).to_owned(),
        };
        batch.schema_ref().index_of(name).map_err(unknown)
    };
    let indices = names.iter().map(index_of).collect::<Result<Vec<_>, _>>()?;
    Ok(batch.project(&indices)?)
}
