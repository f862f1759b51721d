//! The Arrow schemas of spans and log records: one row per record, every OTLP field in it.
//!
//! Moments are unix nanoseconds as `Timestamp(ns, UTC)`, bit-cast from OTLP's unsigned numbers. Attributes
//! are a map of key to text with one type code per entry beside it (see
//! [`crate::attributes::ValueType`]); keys and texts stand behind dictionaries, so that a batch holds each of
//! them once. Resource and scope are OTLP JSON texts behind a dictionary, since a batch has few of them.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};

use crate::signal::Signal;

/// Raised whenever a column changes its name, type or meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// Column names, shared by everything that reads or writes a batch.
pub mod column {
    /// 16 bytes for spans; raw bytes, possibly none, for log records.
    pub const TRACE_ID: &str = "trace_id";
    /// 8 bytes for spans; raw bytes, possibly none, for log records.
    pub const SPAN_ID: &str = "span_id";
    /// 8 bytes; null for a root.
    pub const PARENT_SPAN_ID: &str = "parent_span_id";
    /// W3C trace state.
    pub const TRACE_STATE: &str = "trace_state";
    /// OTLP flags.
    pub const FLAGS: &str = "flags";
    /// Span name.
    pub const NAME: &str = "name";
    /// OTLP span kind number.
    pub const KIND: &str = "kind";
    /// Start of the span.
    pub const START_TIME: &str = "start_time";
    /// End minus start, wrapping, so that the end reads back exactly.
    pub const DURATION_NANO: &str = "duration_nano";
    /// `service.name` of the resource.
    pub const SERVICE_NAME: &str = "service_name";
    /// Key to text.
    pub const ATTRIBUTES: &str = "attributes";
    /// One type code per attribute.
    pub const ATTRIBUTE_TYPES: &str = "attribute_types";
    /// How many attributes the sender dropped.
    pub const DROPPED_ATTRIBUTES_COUNT: &str = "dropped_attributes_count";
    /// Span events.
    pub const EVENTS: &str = "events";
    /// How many events the sender dropped.
    pub const DROPPED_EVENTS_COUNT: &str = "dropped_events_count";
    /// Span links.
    pub const LINKS: &str = "links";
    /// How many links the sender dropped.
    pub const DROPPED_LINKS_COUNT: &str = "dropped_links_count";
    /// OTLP status code number; null when the span carried no status.
    pub const STATUS_CODE: &str = "status_code";
    /// Status message.
    pub const STATUS_MESSAGE: &str = "status_message";
    /// OTLP JSON of the resource envelope.
    pub const RESOURCE: &str = "resource";
    /// OTLP JSON of the scope envelope.
    pub const SCOPE: &str = "scope";
    /// When the log event happened; zero when unknown.
    pub const TIME: &str = "time";
    /// When the log record was observed; zero when unknown.
    pub const OBSERVED_TIME: &str = "observed_time";
    /// OTLP severity number.
    pub const SEVERITY_NUMBER: &str = "severity_number";
    /// The source's own word for the severity.
    pub const SEVERITY_TEXT: &str = "severity_text";
    /// OTLP event name.
    pub const EVENT_NAME: &str = "event_name";
    /// Text of the body; null when there is none.
    pub const BODY: &str = "body";
    /// Type code of the body.
    pub const BODY_TYPE: &str = "body_type";
}

static SPAN_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(span_fields())));
static LOG_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(log_fields())));

/// The schema of a batch of this signal.
pub fn schema(signal: Signal) -> SchemaRef {
    match signal {
        Signal::Traces => span_schema(),
        Signal::Logs => log_schema(),
    }
}

/// The schema of a batch of spans.
pub fn span_schema() -> SchemaRef {
    Arc::clone(&SPAN_SCHEMA)
}

/// The schema of a batch of log records.
pub fn log_schema() -> SchemaRef {
    Arc::clone(&LOG_SCHEMA)
}

/// The time zone of every moment.
pub(crate) const TIME_ZONE: &str = "UTC";

/// Nanoseconds since the epoch.
pub(crate) fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some(TIME_ZONE.into()))
}

fn dictionary_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

static ATTRIBUTE_ENTRIES_FIELD: LazyLock<FieldRef> = LazyLock::new(|| {
    let fields = Fields::from(vec![
        Field::new("key", dictionary_type(), false),
        Field::new("value", dictionary_type(), true),
    ]);
    Arc::new(Field::new("key_value", DataType::Struct(fields), false))
});

/// The inner field of an attribute map: a struct of key and value.
pub(crate) fn attribute_entries_field() -> FieldRef {
    Arc::clone(&ATTRIBUTE_ENTRIES_FIELD)
}

fn attributes_type() -> DataType {
    DataType::Map(attribute_entries_field(), false)
}

fn attribute_fields() -> [Field; 3] {
    [
        Field::new(column::ATTRIBUTES, attributes_type(), false),
        Field::new(column::ATTRIBUTE_TYPES, DataType::Binary, false),
        Field::new(column::DROPPED_ATTRIBUTES_COUNT, DataType::UInt32, false),
    ]
}

static EVENT_FIELD: LazyLock<FieldRef> = LazyLock::new(|| {
    let mut fields = vec![
        Field::new(column::TIME, timestamp_type(), false),
        Field::new(column::NAME, DataType::Utf8, false),
    ];
    fields.extend(attribute_fields());
    list_item_field(fields)
});

static LINK_FIELD: LazyLock<FieldRef> = LazyLock::new(|| {
    let mut fields = vec![
        Field::new(column::TRACE_ID, DataType::Binary, false),
        Field::new(column::SPAN_ID, DataType::Binary, false),
        Field::new(column::TRACE_STATE, DataType::Utf8, false),
        Field::new(column::FLAGS, DataType::UInt32, false),
    ];
    fields.extend(attribute_fields());
    list_item_field(fields)
});

/// One span event: a struct.
pub(crate) fn event_field() -> FieldRef {
    Arc::clone(&EVENT_FIELD)
}

/// One span link: a struct.
pub(crate) fn link_field() -> FieldRef {
    Arc::clone(&LINK_FIELD)
}

fn list_item_field(fields: Vec<Field>) -> FieldRef {
    Arc::new(Field::new(
        "element",
        DataType::Struct(fields.into()),
        false,
    ))
}

fn span_fields() -> Vec<Field> {
    let mut fields = vec![
        Field::new(column::TRACE_ID, DataType::FixedSizeBinary(16), false),
        Field::new(column::SPAN_ID, DataType::FixedSizeBinary(8), false),
        Field::new(column::PARENT_SPAN_ID, DataType::FixedSizeBinary(8), true),
        Field::new(column::TRACE_STATE, DataType::Utf8, false),
        Field::new(column::FLAGS, DataType::UInt32, false),
        Field::new(column::NAME, DataType::Utf8, false),
        Field::new(column::KIND, DataType::Int32, false),
        Field::new(column::START_TIME, timestamp_type(), false),
        Field::new(column::DURATION_NANO, DataType::Int64, false),
        Field::new(column::SERVICE_NAME, dictionary_type(), false),
    ];
    fields.extend(attribute_fields());
    fields.extend([
        Field::new(column::EVENTS, DataType::List(event_field()), false),
        Field::new(column::DROPPED_EVENTS_COUNT, DataType::UInt32, false),
        Field::new(column::LINKS, DataType::List(link_field()), false),
        Field::new(column::DROPPED_LINKS_COUNT, DataType::UInt32, false),
        Field::new(column::STATUS_CODE, DataType::Int32, true),
        Field::new(column::STATUS_MESSAGE, DataType::Utf8, false),
        Field::new(column::RESOURCE, dictionary_type(), false),
        Field::new(column::SCOPE, dictionary_type(), false),
    ]);
    fields
}

fn log_fields() -> Vec<Field> {
    let mut fields = vec![
        Field::new(column::TIME, timestamp_type(), false),
        Field::new(column::OBSERVED_TIME, timestamp_type(), false),
        Field::new(column::TRACE_ID, DataType::Binary, false),
        Field::new(column::SPAN_ID, DataType::Binary, false),
        Field::new(column::FLAGS, DataType::UInt32, false),
        Field::new(column::SEVERITY_NUMBER, DataType::Int32, false),
        Field::new(column::SEVERITY_TEXT, DataType::Utf8, false),
        Field::new(column::EVENT_NAME, DataType::Utf8, false),
        Field::new(column::BODY, DataType::Utf8, true),
        Field::new(column::BODY_TYPE, DataType::UInt8, false),
        Field::new(column::SERVICE_NAME, dictionary_type(), false),
    ];
    fields.extend(attribute_fields());
    fields.extend([
        Field::new(column::RESOURCE, dictionary_type(), false),
        Field::new(column::SCOPE, dictionary_type(), false),
    ]);
    fields
}
