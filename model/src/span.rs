//! Spans: the owned row form, and the readers that make it from a batch.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{
    Array, FixedSizeBinaryArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampNanosecondArray, UInt32Array,
};

use crate::attributes::Attribute;
use crate::columns::{
    AttributesColumn, BatchError, DictionaryColumn, EventsColumn, LinksColumn, downcast,
    required_column,
};
use crate::ids::{SpanId, TraceId};
use crate::resource::{Resource, Scope};
use crate::resource_column::EnvelopeColumns;
use crate::schema::column;
use crate::time::UnixNanos;

/// One span with everything OTLP says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// Its own id; not unique in broken data.
    pub span_id: SpanId,
    /// The span that caused it; `None` for a root.
    pub parent_span_id: Option<SpanId>,
    /// W3C trace state.
    pub trace_state: String,
    /// W3C flags in bits 0-7, remote-parent knowledge in bits 8 and 9; higher bits may be set.
    pub flags: u32,
    /// Operation name; may be empty.
    pub name: String,
    /// Its role in a call.
    pub kind: SpanKind,
    /// When it began.
    pub start: UnixNanos,
    /// When it ended; may lie before `start` in broken data.
    pub end: UnixNanos,
    /// The attributes, in the order sent.
    pub attributes: Vec<Attribute>,
    /// How many attributes the sender dropped.
    pub dropped_attributes_count: u32,
    /// Things that happened during the span.
    pub events: Vec<Event>,
    /// How many events the sender dropped.
    pub dropped_events_count: u32,
    /// Spans it relates to.
    pub links: Vec<Link>,
    /// How many links the sender dropped.
    pub dropped_links_count: u32,
    /// `None` when the sender left the status out, which means unset.
    pub status: Option<Status>,
    /// Who emitted it.
    pub resource: Arc<Resource>,
    /// The instrumentation that made it.
    pub scope: Arc<Scope>,
}

impl Span {
    /// End minus start; zero when the end lies before the start.
    pub fn duration_nano(&self) -> u64 {
        self.end.0.saturating_sub(self.start.0)
    }

    /// The status code, unset when there is no status.
    pub fn status_code(&self) -> StatusCode {
        self.status
            .as_ref()
            .map_or(StatusCode::UNSET, |status| status.code)
    }
}

/// A moment within a span.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When it happened.
    pub time: UnixNanos,
    /// Its name.
    pub name: String,
    /// The attributes, in the order sent.
    pub attributes: Vec<Attribute>,
    /// How many attributes the sender dropped.
    pub dropped_attributes_count: u32,
}

/// A relation to another span, usually of another trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Trace id as sent, of any length.
    pub trace_id: Vec<u8>,
    /// Span id as sent, of any length.
    pub span_id: Vec<u8>,
    /// W3C trace state of the linked span.
    pub trace_state: String,
    /// Flags, as on a span.
    pub flags: u32,
    /// The attributes, in the order sent.
    pub attributes: Vec<Attribute>,
    /// How many attributes the sender dropped.
    pub dropped_attributes_count: u32,
}

impl Link {
    /// The span linked to, when both ids are valid.
    pub fn target(&self) -> Option<(TraceId, SpanId)> {
        let trace_id = TraceId::from_slice(&self.trace_id).ok()?;
        let span_id = SpanId::from_slice(&self.span_id).ok()?;
        Some((trace_id, span_id))
    }
}

/// How the operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Unset, ok or error.
    pub code: StatusCode,
    /// What the sender says about it.
    pub message: String,
}

/// OTLP's status code number. Numbers without a name are kept as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(pub i32);

impl StatusCode {
    /// Nothing was said.
    pub const UNSET: Self = Self(0);
    /// Explicitly fine.
    pub const OK: Self = Self(1);
    /// Failed.
    pub const ERROR: Self = Self(2);

    /// The word queries use; `None` for numbers OTLP does not name.
    pub fn as_str(self) -> Option<&'static str> {
        ["unset", "ok", "error"]
            .get(usize::try_from(self.0).ok()?)
            .copied()
    }
}

/// OTLP's span kind number. Numbers without a name are kept as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanKind(pub i32);

impl SpanKind {
    /// The words queries use, by number.
    pub const NAMES: [&'static str; 6] = [
        "unspecified",
        "internal",
        "server",
        "client",
        "producer",
        "consumer",
    ];
    /// Internal work.
    pub const INTERNAL: Self = Self(1);
    /// Handles a request.
    pub const SERVER: Self = Self(2);
    /// Sends a request.
    pub const CLIENT: Self = Self(3);
    /// Sends a message.
    pub const PRODUCER: Self = Self(4);
    /// Handles a message.
    pub const CONSUMER: Self = Self(5);

    /// The word queries use; `None` for numbers OTLP does not name.
    pub fn as_str(self) -> Option<&'static str> {
        Self::NAMES.get(usize::try_from(self.0).ok()?).copied()
    }

    /// The kind a word names.
    pub fn from_name(name: &str) -> Option<Self> {
        let position = Self::NAMES.iter().position(|known| *known == name)?;
        i32::try_from(position).ok().map(Self)
    }
}

/// The columns a waterfall, a summary or a graph is drawn from, without attributes.
#[derive(Debug, Clone)]
pub struct SpanKeys {
    trace_ids: FixedSizeBinaryArray,
    span_ids: FixedSizeBinaryArray,
    parents: FixedSizeBinaryArray,
    flags: UInt32Array,
    names: StringArray,
    kinds: Int32Array,
    starts: TimestampNanosecondArray,
    durations: Int64Array,
    services: DictionaryColumn,
    status_codes: Int32Array,
}

impl SpanKeys {
    /// What to read from a split to build this.
    pub const COLUMNS: [&'static str; 10] = [
        column::TRACE_ID,
        column::SPAN_ID,
        column::PARENT_SPAN_ID,
        column::FLAGS,
        column::NAME,
        column::KIND,
        column::START_TIME,
        column::DURATION_NANO,
        column::SERVICE_NAME,
        column::STATUS_CODE,
    ];

    /// Reads the columns; other columns of the batch do not matter.
    ///
    /// # Errors
    /// When a column is missing or of another type.
    pub fn new(batch: &RecordBatch) -> Result<Self, BatchError> {
        fn get<T: Array + Clone + 'static>(
            batch: &RecordBatch,
            name: &str,
        ) -> Result<T, BatchError> {
            downcast(required_column(batch, name)?, name)
        }
        Ok(Self {
            trace_ids: get(batch, column::TRACE_ID)?,
            span_ids: get(batch, column::SPAN_ID)?,
            parents: get(batch, column::PARENT_SPAN_ID)?,
            flags: get(batch, column::FLAGS)?,
            names: get(batch, column::NAME)?,
            kinds: get(batch, column::KIND)?,
            starts: get(batch, column::START_TIME)?,
            durations: get(batch, column::DURATION_NANO)?,
            services: DictionaryColumn::new(
                required_column(batch, column::SERVICE_NAME)?,
                column::SERVICE_NAME,
            )?,
            status_codes: get(batch, column::STATUS_CODE)?,
        })
    }

    /// Rows in the batch.
    pub fn row_count(&self) -> usize {
        self.trace_ids.len()
    }

    /// The row's trace id.
    ///
    /// # Errors
    /// When it is all zero, which only a damaged file can hold.
    pub fn trace_id(&self, row: usize) -> Result<TraceId, BatchError> {
        TraceId::from_slice(self.trace_ids.value(row)).map_err(|_| BatchError::DamagedValue {
            column: column::TRACE_ID.to_owned(),
            row,
        })
    }

    /// The row's span id.
    ///
    /// # Errors
    /// When it is all zero, which only a damaged file can hold.
    pub fn span_id(&self, row: usize) -> Result<SpanId, BatchError> {
        SpanId::from_slice(self.span_ids.value(row)).map_err(|_| BatchError::DamagedValue {
            column: column::SPAN_ID.to_owned(),
            row,
        })
    }

    /// The row's parent; `None` for a root.
    pub fn parent_span_id(&self, row: usize) -> Option<SpanId> {
        if self.parents.is_null(row) {
            return None;
        }
        SpanId::from_slice(self.parents.value(row)).ok()
    }

    /// OTLP flags.
    pub fn flags(&self, row: usize) -> u32 {
        self.flags.value(row)
    }

    /// Span name.
    pub fn name(&self, row: usize) -> &str {
        self.names.value(row)
    }

    /// Span kind.
    pub fn kind(&self, row: usize) -> SpanKind {
        SpanKind(self.kinds.value(row))
    }

    /// When the span began.
    pub fn start(&self, row: usize) -> UnixNanos {
        UnixNanos::from_column(self.starts.value(row))
    }

    /// When the span ended, as sent.
    pub fn end(&self, row: usize) -> UnixNanos {
        let start = self.starts.value(row);
        UnixNanos::from_column(start.wrapping_add(self.durations.value(row)))
    }

    /// End minus start; zero when the end lies before the start.
    pub fn duration_nano(&self, row: usize) -> u64 {
        self.end(row).0.saturating_sub(self.start(row).0)
    }

    /// `service.name`.
    pub fn service_name(&self, row: usize) -> &str {
        self.services.value(row)
    }

    /// Status code, unset when there is no status.
    pub fn status_code(&self, row: usize) -> StatusCode {
        if self.status_codes.is_null(row) {
            StatusCode::UNSET
        } else {
            StatusCode(self.status_codes.value(row))
        }
    }
}

/// Reads whole spans from a batch that has every column of the span schema.
#[derive(Debug)]
pub struct SpanReader {
    keys: SpanKeys,
    trace_states: StringArray,
    attributes: AttributesColumn,
    events: EventsColumn,
    dropped_events: UInt32Array,
    links: LinksColumn,
    dropped_links: UInt32Array,
    status_messages: StringArray,
    envelopes: EnvelopeColumns,
}

impl SpanReader {
    /// Reads the columns.
    ///
    /// # Errors
    /// When a column is missing or of another type.
    pub fn new(batch: &RecordBatch) -> Result<Self, BatchError> {
        let get = |name| required_column(batch, name);
        Ok(Self {
            keys: SpanKeys::new(batch)?,
            trace_states: downcast(get(column::TRACE_STATE)?, column::TRACE_STATE)?,
            attributes: AttributesColumn::of_batch(batch)?,
            events: EventsColumn::of_batch(batch)?,
            dropped_events: downcast(
                get(column::DROPPED_EVENTS_COUNT)?,
                column::DROPPED_EVENTS_COUNT,
            )?,
            links: LinksColumn::of_batch(batch)?,
            dropped_links: downcast(
                get(column::DROPPED_LINKS_COUNT)?,
                column::DROPPED_LINKS_COUNT,
            )?,
            status_messages: downcast(get(column::STATUS_MESSAGE)?, column::STATUS_MESSAGE)?,
            envelopes: EnvelopeColumns::of_batch(batch)?,
        })
    }

    /// The columns without attributes.
    pub fn keys(&self) -> &SpanKeys {
        &self.keys
    }

    /// Attributes of the spans themselves, by row.
    pub fn attributes(&self) -> &AttributesColumn {
        &self.attributes
    }

    /// Attributes of the events of all spans, by [`SpanReader::events`].
    pub fn event_attributes(&self) -> &AttributesColumn {
        self.events.attributes()
    }

    /// Attributes of the links of all spans, by [`SpanReader::links`].
    pub fn link_attributes(&self) -> &AttributesColumn {
        self.links.attributes()
    }

    /// Where the events of the row's span are among the events of the batch.
    pub fn events(&self, row: usize) -> Range<usize> {
        self.events.items(row)
    }

    /// Where the links of the row's span are among the links of the batch.
    pub fn links(&self, row: usize) -> Range<usize> {
        self.links.items(row)
    }

    /// How many events the row's span has.
    pub fn event_count(&self, row: usize) -> usize {
        self.events.items(row).len()
    }

    /// How many links the row's span has.
    pub fn link_count(&self, row: usize) -> usize {
        self.links.items(row).len()
    }

    /// Calls `visit` with key and text of every attribute of the span itself, its events and its links.
    /// Resource and scope are not included: see [`SpanReader::resource`] and [`SpanReader::scope`].
    pub fn visit_own_attributes(&self, row: usize, visit: &mut dyn FnMut(&str, &str)) {
        let texts = self.attributes.texts(row);
        for (key, text) in texts
            .chain(self.events.texts(row))
            .chain(self.links.texts(row))
        {
            visit(key, text);
        }
    }

    /// Calls `visit` with key and text of every attribute of the span's events.
    pub fn visit_event_attributes(&self, row: usize, visit: &mut dyn FnMut(&str, &str)) {
        self.events
            .texts(row)
            .for_each(|(key, text)| visit(key, text));
    }

    /// Calls `visit` with key and text of every attribute of the span's links.
    pub fn visit_link_attributes(&self, row: usize, visit: &mut dyn FnMut(&str, &str)) {
        self.links
            .texts(row)
            .for_each(|(key, text)| visit(key, text));
    }

    /// The resource of the row.
    ///
    /// # Errors
    /// When its text is damaged.
    pub fn resource(&self, row: usize) -> Result<Arc<Resource>, BatchError> {
        self.envelopes.resource(row)
    }

    /// The scope of the row.
    ///
    /// # Errors
    /// When its text is damaged.
    pub fn scope(&self, row: usize) -> Result<Arc<Scope>, BatchError> {
        self.envelopes.scope(row)
    }

    /// Number that two rows of this batch share exactly when they share resource and scope dictionary entries.
    pub fn envelope_key(&self, row: usize) -> (usize, usize) {
        self.envelopes.key(row)
    }

    /// The whole span.
    ///
    /// # Errors
    /// When a value in the row is damaged.
    pub fn span(&self, row: usize) -> Result<Span, BatchError> {
        let keys = &self.keys;
        let status = (!keys.status_codes.is_null(row)).then(|| Status {
            code: StatusCode(keys.status_codes.value(row)),
            message: self.status_messages.value(row).to_owned(),
        });
        Ok(Span {
            trace_id: keys.trace_id(row)?,
            span_id: keys.span_id(row)?,
            parent_span_id: keys.parent_span_id(row),
            trace_state: self.trace_states.value(row).to_owned(),
            flags: keys.flags(row),
            name: keys.name(row).to_owned(),
            kind: keys.kind(row),
            start: keys.start(row),
            end: keys.end(row),
            attributes: self.attributes.attributes(row)?,
            dropped_attributes_count: self.attributes.dropped(row),
            events: self.events.events(row)?,
            dropped_events_count: self.dropped_events.value(row),
            links: self.links.links(row)?,
            dropped_links_count: self.dropped_links.value(row),
            status,
            resource: self.resource(row)?,
            scope: self.scope(row)?,
        })
    }
}
