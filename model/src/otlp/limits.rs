//! What a single record may hold, and how much memory turning a request into a batch may take.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

/// How deep attribute values and bodies may be nested: what is deeper has no meaning to anybody, and costs
/// every reader stack. Deeper records are rejected singly.
pub const MAX_VALUE_DEPTH: usize = 32;

/// What a record may hold. What is over is left out, counted, and marked in the record, so that the rest of it
/// and of its request is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordLimits {
    /// Attributes of a record, of an event, of a link, of a resource and of a scope; further ones are left out.
    pub attributes: usize,
    /// Bytes of an attribute value and of every other text but the body; longer texts are cut, and larger
    /// arrays and lists left out.
    pub value_bytes: usize,
    /// Bytes of the body of a log record.
    pub body_bytes: usize,
    /// Events of a span; further ones are left out.
    pub events: usize,
    /// Links of a span; further ones are left out.
    pub links: usize,
    /// Bytes of a record after all that, and of a resource or scope; larger records are rejected singly.
    pub record_bytes: usize,
}

impl RecordLimits {
    /// Nothing is over.
    pub(super) const NONE: Self = Self {
        attributes: usize::MAX,
        value_bytes: usize::MAX,
        body_bytes: usize::MAX,
        events: usize::MAX,
        links: usize::MAX,
        record_bytes: usize::MAX,
    };
}

impl Default for RecordLimits {
    /// Far beyond what SDKs send (their own limit is 128 of each), and little enough for every reader.
    fn default() -> Self {
        Self {
            attributes: 1024,
            value_bytes: 64 << 10,
            body_bytes: 1 << 20,
            events: 4096,
            links: 4096,
            record_bytes: 4 << 20,
        }
    }
}

/// What was left out of records that were kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trimmed {
    /// Texts and bytes that were cut.
    pub values: u64,
    /// Attributes that were left out.
    pub attributes: u64,
    /// Span events that were left out.
    pub events: u64,
    /// Span links that were left out.
    pub links: u64,
}

impl Trimmed {
    pub(super) fn add(&mut self, more: Self) {
        self.values += more.values;
        self.attributes += more.attributes;
        self.events += more.events;
        self.links += more.links;
    }
}

/// Asks for memory before it is used.
pub(super) struct Room<'a> {
    take: &'a mut dyn FnMut(usize) -> bool,
    taken_bytes: usize,
    is_refused: bool,
}

impl<'a> Room<'a> {
    /// `take` is told how many bytes more are needed, and says whether they may be used.
    pub(super) fn new(take: &'a mut dyn FnMut(usize) -> bool) -> Self {
        Self {
            take,
            taken_bytes: 0,
            is_refused: false,
        }
    }

    /// Whether so many bytes in all may be used. Asks only for what was not there before.
    pub(super) fn has(&mut self, bytes: usize) -> bool {
        let missing = bytes.saturating_sub(self.taken_bytes);
        if missing == 0 {
            return true;
        }
        if !(self.take)(missing) {
            self.is_refused = true;
            return false;
        }
        self.taken_bytes = bytes;
        true
    }

    /// Whether something was refused.
    pub(super) fn is_refused(&self) -> bool {
        self.is_refused
    }
}

/// Whether a value stays within [`MAX_VALUE_DEPTH`].
pub(super) fn value_fits(value: &AnyValue) -> bool {
    fits(value, MAX_VALUE_DEPTH)
}

/// Whether every value stays within [`MAX_VALUE_DEPTH`].
pub(super) fn attributes_fit(attributes: &[KeyValue]) -> bool {
    attributes
        .iter()
        .all(|attribute| attribute.value.as_ref().is_none_or(value_fits))
}

fn fits(value: &AnyValue, depth_left: usize) -> bool {
    match &value.value {
        Some(Value::ArrayValue(array)) => {
            depth_left > 0 && array.values.iter().all(|item| fits(item, depth_left - 1))
        }
        Some(Value::KvlistValue(list)) => {
            depth_left > 0
                && list.values.iter().all(|entry| {
                    entry
                        .value
                        .as_ref()
                        .is_none_or(|item| fits(item, depth_left - 1))
                })
        }
        Some(
            Value::StringValue(_)
            | Value::BoolValue(_)
            | Value::IntValue(_)
            | Value::DoubleValue(_)
            | Value::BytesValue(_)
            | Value::StringValueStrindex(_),
        )
        | None => true,
    }
}
