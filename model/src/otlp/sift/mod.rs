//! Requests that the walk leaves alone, record by record: each is judged and brought within the limits, and what
//! is kept is written as a request that the walk takes. Never are more than one record's objects in memory.

mod json;
mod protobuf;
mod records;
mod survey;
mod trim;

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::limits::{MAX_VALUE_DEPTH, RecordLimits, Room, Trimmed, attributes_fit};
use super::reject::{Rejected, Rejections};
use super::walk::ROW_BYTES;
use super::{DecodeError, Encoding};
use crate::signal::Signal;
use records::Record;
use survey::Cost;
use trim::Trimmer;

/// What is kept of a request.
#[derive(Debug)]
pub(super) struct Sifted {
    /// Protobuf as encoders write it, all within the limits.
    pub(super) body: Vec<u8>,
    pub(super) rejected: Option<Rejected>,
    pub(super) trimmed: Trimmed,
}

/// Keeps what can be kept of a request.
pub(super) fn sift(
    signal: Signal,
    encoding: Encoding,
    body: &Bytes,
    limits: &RecordLimits,
    room: &mut Room<'_>,
) -> Result<Sifted, DecodeError> {
    let mut sifter = Sifter::new(limits, room, body.len())?;
    match (encoding, signal) {
        (Encoding::Protobuf, Signal::Traces) => protobuf::sift::<Span>(body, &mut sifter)?,
        (Encoding::Protobuf, Signal::Logs) => protobuf::sift::<LogRecord>(body, &mut sifter)?,
        (Encoding::Json, Signal::Traces) => json::sift::<Span>(body, &mut sifter)?,
        (Encoding::Json, Signal::Logs) => json::sift::<LogRecord>(body, &mut sifter)?,
    }
    Ok(Sifted {
        body: sifter.request,
        rejected: sifter.rejections.into_rejected(),
        trimmed: sifter.trimmed,
    })
}

/// Objects of a record may take so many times its largest size: more is not worth the memory to find out what
/// is in it.
const OBJECTS_PER_RECORD: usize = 8;

/// The same field numbers for every signal: of a request, of its resources, of their scopes.
const RESOURCES: u32 = 1;
const INNER: u32 = 1;
const ITEMS: u32 = 2;
const SCHEMA_URL: u32 = 3;

/// Writes what is kept, from the inside out.
struct Sifter<'a, 'room> {
    limits: &'a RecordLimits,
    room: &'a mut Room<'room>,
    /// Counted beside the objects of a record: the request twice, as it may be in the buffers below.
    base_bytes: usize,
    /// Records that are kept, each of which becomes a row.
    kept_count: usize,
    request: Vec<u8>,
    resource: Vec<u8>,
    scope: Vec<u8>,
    /// Whether the resource and the scope have records: empty ones are not worth their bytes.
    is_resource_used: bool,
    is_scope_used: bool,
    /// Why no record of the resource or scope can be kept.
    resource_problem: Option<String>,
    scope_problem: Option<String>,
    rejections: Rejections,
    trimmed: Trimmed,
}

impl<'a, 'room> Sifter<'a, 'room> {
    fn new(
        limits: &'a RecordLimits,
        room: &'a mut Room<'room>,
        body_bytes: usize,
    ) -> Result<Self, DecodeError> {
        let sifter = Self {
            limits,
            base_bytes: body_bytes.saturating_mul(2),
            room,
            kept_count: 0,
            request: Vec::new(),
            resource: Vec::new(),
            scope: Vec::new(),
            is_resource_used: false,
            is_scope_used: false,
            resource_problem: None,
            scope_problem: None,
            rejections: Rejections::default(),
            trimmed: Trimmed::default(),
        };
        if sifter.room.has(sifter.base_bytes) {
            Ok(sifter)
        } else {
            Err(DecodeError::NoRoom)
        }
    }

    /// Makes room for objects; says why they cannot be made, if that is their own fault.
    fn admit(&mut self, cost: Cost) -> Result<Option<String>, DecodeError> {
        if cost.is_too_deep {
            return Ok(Some(too_deep()));
        }
        let most = self.limits.record_bytes.saturating_mul(OBJECTS_PER_RECORD);
        if cost.object_bytes > most {
            return Ok(Some(too_large(self.limits)));
        }
        let rows_bytes = self.kept_count.saturating_mul(ROW_BYTES);
        let objects_or_rows = cost.object_bytes.max(rows_bytes);
        if self
            .room
            .has(self.base_bytes.saturating_add(objects_or_rows))
        {
            Ok(None)
        } else {
            Err(DecodeError::NoRoom)
        }
    }

    /// Begins a resource, or says why its records cannot be kept.
    fn begin_resource(&mut self, resource: Result<Option<Resource>, String>, schema_url: &str) {
        self.resource.clear();
        self.is_resource_used = false;
        self.resource_problem = None;
        match resource {
            Ok(Some(mut resource)) => {
                let mut trimmer = Trimmer::new(self.limits, &mut self.trimmed);
                trimmer.resource(&mut resource);
                self.resource_problem = self.problem_of(
                    attributes_fit(&resource.attributes),
                    resource.encoded_len().max(schema_url.len()),
                );
                message_field(INNER, &resource.encode_to_vec(), &mut self.resource);
            }
            Ok(None) => {}
            Err(problem) => self.resource_problem = Some(problem),
        }
        text_field(SCHEMA_URL, schema_url, &mut self.resource);
    }

    /// Begins a scope, or says why its records cannot be kept.
    fn begin_scope(
        &mut self,
        scope: Result<Option<InstrumentationScope>, String>,
        schema_url: &str,
    ) {
        self.scope.clear();
        self.is_scope_used = false;
        self.scope_problem = None;
        match scope {
            Ok(Some(mut scope)) => {
                let mut trimmer = Trimmer::new(self.limits, &mut self.trimmed);
                trimmer.scope(&mut scope);
                self.scope_problem = self.problem_of(
                    attributes_fit(&scope.attributes),
                    scope.encoded_len().max(schema_url.len()),
                );
                message_field(INNER, &scope.encode_to_vec(), &mut self.scope);
            }
            Ok(None) => {}
            Err(problem) => self.scope_problem = Some(problem),
        }
        text_field(SCHEMA_URL, schema_url, &mut self.scope);
    }

    fn problem_of(&self, is_shallow: bool, bytes: usize) -> Option<String> {
        if !is_shallow {
            return Some(too_deep());
        }
        (bytes > self.limits.record_bytes)
            .then(|| format!("its resource or scope {}", too_large(self.limits)))
    }

    /// Keeps the record, cut down to the limits, or counts it as rejected. `left_out` has been taken from it
    /// already.
    fn record<R: Record>(&mut self, mut record: R, left_out: Trimmed) {
        let problem = self.envelope_problem().or_else(|| record.problem());
        if let Some(problem) = problem {
            self.reject(&record.label(), &problem);
            return;
        }
        let mut trimmed = left_out;
        record.trim(&mut Trimmer::new(self.limits, &mut trimmed));
        if record.encoded_len() > self.limits.record_bytes {
            self.reject(&record.label(), &too_large(self.limits));
            return;
        }
        self.trimmed.add(trimmed);
        message_field(ITEMS, &record.encode_to_vec(), &mut self.scope);
        self.is_scope_used = true;
        self.kept_count += 1;
    }

    fn envelope_problem(&self) -> Option<String> {
        let problem = self.resource_problem.as_ref();
        problem.or(self.scope_problem.as_ref()).cloned()
    }

    fn reject(&mut self, label: &str, problem: &str) {
        self.rejections.add(|| format!("{label}: {problem}"));
    }

    fn end_scope(&mut self) {
        if self.is_scope_used {
            message_field(ITEMS, &self.scope, &mut self.resource);
            self.is_resource_used = true;
        }
    }

    fn end_resource(&mut self) {
        if self.is_resource_used {
            message_field(RESOURCES, &self.resource, &mut self.request);
        }
    }
}

fn too_deep() -> String {
    format!("a value is nested deeper than {MAX_VALUE_DEPTH} levels")
}

fn too_large(limits: &RecordLimits) -> String {
    format!("is larger than {} bytes", limits.record_bytes)
}

fn message_field(tag: u32, message: &[u8], out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(message.len() as u64, out);
    out.extend_from_slice(message);
}

fn text_field(tag: u32, text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() {
        message_field(tag, text.as_bytes(), out);
    }
}

#[cfg(test)]
mod tests;
