//! What surrounds records: the request, its resources and their scopes, laid out alike for every signal.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::wire::{Fields, Seen, delimited, each};
use super::{Unusual, Walk, values};
use crate::columns::{EnvelopesBuilder, ResourceKeys};
use crate::otlp::limits::{RecordLimits, Room};

/// `ExportTraceServiceRequest.resource_spans`, `ExportLogsServiceRequest.resource_logs`.
const RESOURCES: u32 = delimited(1);
const REQUEST_LAST: u32 = 1;
/// `ResourceSpans` and `ResourceLogs`.
const RESOURCE: u32 = delimited(1);
const SCOPES: u32 = delimited(2);
/// `ScopeSpans` and `ScopeLogs`.
const SCOPE: u32 = delimited(1);
const RECORDS: u32 = delimited(2);
/// The same in both.
const SCHEMA_URL: u32 = delimited(3);
const ENVELOPE_LAST: u32 = 3;

/// Columns that take records from their bytes.
pub(super) trait RecordColumns {
    /// Adds a record that is within the limits.
    fn push(&mut self, record: &[u8], limits: &RecordLimits) -> Walk<()>;

    /// The memory they hold.
    fn memory_bytes(&self) -> usize;

    /// The columns of the surroundings, to be appended apart.
    fn envelopes(&mut self) -> &mut EnvelopesBuilder;
}

/// How many records a request holds, and how many bytes those are.
pub(super) fn count_records(body: &[u8]) -> Walk<(usize, usize)> {
    let mut count = 0;
    let mut bytes = 0;
    each(body, RESOURCES, |resource| {
        each(resource, SCOPES, |scope| {
            each(scope, RECORDS, |record| {
                count += 1;
                bytes += record.len();
                Ok(())
            })
        })
    })?;
    Ok((count, bytes))
}

/// Adds every record of a request.
pub(super) fn walk<C: RecordColumns>(
    body: &[u8],
    columns: &mut C,
    limits: &RecordLimits,
    room: &mut Room<'_>,
) -> Walk<()> {
    let mut walker = Walker {
        columns,
        limits,
        room,
        unchecked_bytes: 0,
    };
    let mut fields = Fields::of(body);
    while let Some(key) = fields.key()? {
        match key {
            RESOURCES => walker.resource(fields.bytes()?)?,
            _ => fields.skip_unknown(key, REQUEST_LAST)?,
        }
    }
    walker.check_room()
}

/// Records are walked until they have this many bytes before it is looked at what their columns take: they take
/// a multiple of it at most.
const UNCHECKED_BYTES_MAX: usize = 256 << 10;

struct Walker<'a, 'room, C> {
    columns: &'a mut C,
    limits: &'a RecordLimits,
    room: &'a mut Room<'room>,
    unchecked_bytes: usize,
}

impl<C: RecordColumns> Walker<'_, '_, C> {
    fn resource(&mut self, message: &[u8]) -> Walk<()> {
        let envelope = Envelope::of(message)?;
        let resource = values::resource(envelope.inner, envelope.schema_url, self.limits)?;
        let mut keys = ResourceKeys::default();
        each(message, SCOPES, |message| {
            let envelope = Envelope::of(message)?;
            let scope = values::scope(envelope.inner, envelope.schema_url, self.limits)?;
            let row_count = envelope.item_count;
            self.columns
                .envelopes()
                .append(&resource, &mut keys, &scope, row_count);
            each(message, RECORDS, |record| self.record(record))
        })
    }

    fn record(&mut self, record: &[u8]) -> Walk<()> {
        if record.len() > self.limits.record_bytes {
            return Err(Unusual);
        }
        self.columns.push(record, self.limits)?;
        self.unchecked_bytes += record.len();
        if self.unchecked_bytes > UNCHECKED_BYTES_MAX {
            self.check_room()?;
        }
        Ok(())
    }

    fn check_room(&mut self) -> Walk<()> {
        self.unchecked_bytes = 0;
        if self.room.has(self.columns.memory_bytes()) {
            Ok(())
        } else {
            Err(Unusual)
        }
    }
}

/// What a message says about all its items, wherever in it that stands.
struct Envelope<'a> {
    /// The resource or scope.
    inner: Option<&'a [u8]>,
    schema_url: &'a str,
    item_count: usize,
}

impl<'a> Envelope<'a> {
    /// Reads a message that wraps records or scopes: both have the same fields.
    fn of(message: &'a [u8]) -> Walk<Self> {
        const { assert!(RESOURCE == SCOPE && SCOPES == RECORDS) };
        let mut envelope = Self {
            inner: None,
            schema_url: "",
            item_count: 0,
        };
        let mut seen = Seen::default();
        let mut fields = Fields::of(message);
        while let Some(key) = fields.key()? {
            match key {
                RESOURCE => {
                    seen.once(key)?;
                    envelope.inner = Some(fields.bytes()?);
                }
                SCOPES => {
                    fields.bytes()?;
                    envelope.item_count += 1;
                }
                SCHEMA_URL => {
                    seen.once(key)?;
                    envelope.schema_url = fields.text()?;
                }
                _ => fields.skip_unknown(key, ENVELOPE_LAST)?,
            }
        }
        Ok(envelope)
    }
}
