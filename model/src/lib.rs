//! What telemetry is: ids, time, attributes, resources, spans and log records, the Arrow schemas they
//! are kept in, the conversions from and to OTLP, and those from other formats. No I/O, no async.

pub mod attributes;
pub mod dialect;
pub mod ids;
pub mod log_record;
pub mod otlp;
pub mod redact;
pub mod resource;
pub mod schema;
pub mod semconv;
pub mod signal;
pub mod span;
pub mod time;

mod columns;
mod resource_column;
mod service_names;

pub use attributes::{Attribute, AttributeValue, ValueType, double_text};
pub use columns::{AttributesColumn, BatchError, unify_dictionaries};
pub use ids::{IdError, SpanId, TraceId};
pub use log_record::{LogReader, LogRecord, Severity};
pub use resource::{Resource, Scope};
pub use resource_column::EnvelopeColumns;
pub use service_names::service_names;
pub use signal::Signal;
pub use span::{Event, Link, Span, SpanKeys, SpanKind, SpanReader, Status, StatusCode};
pub use time::{Clock, TimeRange, UnixNanos};
