//! Spans.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::envelopes::RecordColumns;
use super::values::push_attribute;
use super::wire::{Fields, Seen, delimited, fixed32, fixed64, varint};
use super::{Unusual, Walk, within};
use crate::columns::{
    EnvelopesBuilder, EventsBuilder, LinkRow, LinksBuilder, SpanBatchBuilder, SpanRow,
};
use crate::ids::{SpanId, TraceId};
use crate::otlp::limits::RecordLimits;
use crate::time::UnixNanos;

/// `Span`.
mod span {
    use super::{delimited, fixed32, fixed64, varint};
    pub(super) const TRACE_ID: u32 = delimited(1);
    pub(super) const SPAN_ID: u32 = delimited(2);
    pub(super) const TRACE_STATE: u32 = delimited(3);
    pub(super) const PARENT_SPAN_ID: u32 = delimited(4);
    pub(super) const NAME: u32 = delimited(5);
    pub(super) const KIND: u32 = varint(6);
    pub(super) const START_TIME_UNIX_NANO: u32 = fixed64(7);
    pub(super) const END_TIME_UNIX_NANO: u32 = fixed64(8);
    pub(super) const ATTRIBUTES: u32 = delimited(9);
    pub(super) const DROPPED_ATTRIBUTES_COUNT: u32 = varint(10);
    pub(super) const EVENTS: u32 = delimited(11);
    pub(super) const DROPPED_EVENTS_COUNT: u32 = varint(12);
    pub(super) const LINKS: u32 = delimited(13);
    pub(super) const DROPPED_LINKS_COUNT: u32 = varint(14);
    pub(super) const STATUS: u32 = delimited(15);
    pub(super) const FLAGS: u32 = fixed32(16);
    pub(super) const LAST: u32 = 16;
}

/// `Span.Event`.
mod event {
    use super::{delimited, fixed64, varint};
    pub(super) const TIME_UNIX_NANO: u32 = fixed64(1);
    pub(super) const NAME: u32 = delimited(2);
    pub(super) const ATTRIBUTES: u32 = delimited(3);
    pub(super) const DROPPED_ATTRIBUTES_COUNT: u32 = varint(4);
    pub(super) const LAST: u32 = 4;
}

/// `Span.Link`.
mod link {
    use super::{delimited, fixed32, varint};
    pub(super) const TRACE_ID: u32 = delimited(1);
    pub(super) const SPAN_ID: u32 = delimited(2);
    pub(super) const TRACE_STATE: u32 = delimited(3);
    pub(super) const ATTRIBUTES: u32 = delimited(4);
    pub(super) const DROPPED_ATTRIBUTES_COUNT: u32 = varint(5);
    pub(super) const FLAGS: u32 = fixed32(6);
    pub(super) const LAST: u32 = 6;
}

/// `Status`.
mod status {
    use super::{delimited, varint};
    pub(super) const MESSAGE: u32 = delimited(2);
    pub(super) const CODE: u32 = varint(3);
    pub(super) const LAST: u32 = 3;
}

impl RecordColumns for SpanBatchBuilder {
    fn push(&mut self, record: &[u8], limits: &RecordLimits) -> Walk<()> {
        let mut span = SpanFields::default();
        span.read(record, self, limits)?;
        within(span.longest_text(), limits.value_bytes)?;
        self.finish_row(&span.row()?);
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.memory_bytes()
    }

    fn envelopes(&mut self) -> &mut EnvelopesBuilder {
        &mut self.envelopes
    }
}

/// The singular fields of a span as they are found.
#[derive(Default)]
struct SpanFields<'a> {
    trace_id: &'a [u8],
    span_id: &'a [u8],
    parent_span_id: &'a [u8],
    trace_state: &'a [u8],
    flags: u32,
    name: &'a [u8],
    kind: i32,
    start: u64,
    end: u64,
    dropped_attributes_count: u32,
    dropped_events_count: u32,
    dropped_links_count: u32,
    status: Option<(i32, &'a [u8])>,
}

impl<'a> SpanFields<'a> {
    /// Pushes attributes, events and links to the columns as they come.
    fn read(
        &mut self,
        record: &'a [u8],
        columns: &mut SpanBatchBuilder,
        limits: &RecordLimits,
    ) -> Walk<()> {
        let (mut attributes, mut events, mut links) = (0, 0, 0);
        let mut seen = Seen::default();
        let mut fields = Fields::of(record);
        while let Some(key) = fields.key()? {
            match key {
                span::ATTRIBUTES => {
                    attributes += 1;
                    push_attribute(fields.bytes()?, &mut columns.attributes, limits)?;
                }
                span::EVENTS => {
                    events += 1;
                    push_event(fields.bytes()?, &mut columns.events, limits)?;
                }
                span::LINKS => {
                    links += 1;
                    push_link(fields.bytes()?, &mut columns.links, limits)?;
                }
                _ if key >> 3 > span::LAST => fields.skip(key)?,
                _ => {
                    seen.once(key)?;
                    self.read_singular(key, &mut fields)?;
                }
            }
        }
        within(attributes, limits.attributes)?;
        within(events, limits.events)?;
        within(links, limits.links)
    }

    fn longest_text(&self) -> usize {
        let message = self.status.map_or(0, |(_, message)| message.len());
        self.name.len().max(self.trace_state.len()).max(message)
    }

    #[inline]
    fn read_singular(&mut self, key: u32, fields: &mut Fields<'a>) -> Walk<()> {
        match key {
            span::TRACE_ID => self.trace_id = fields.bytes()?,
            span::SPAN_ID => self.span_id = fields.bytes()?,
            span::TRACE_STATE => self.trace_state = fields.bytes()?,
            span::PARENT_SPAN_ID => self.parent_span_id = fields.bytes()?,
            span::NAME => self.name = fields.bytes()?,
            span::KIND => self.kind = fields.varint_i32()?,
            span::START_TIME_UNIX_NANO => self.start = fields.fixed64()?,
            span::END_TIME_UNIX_NANO => self.end = fields.fixed64()?,
            span::DROPPED_ATTRIBUTES_COUNT => {
                self.dropped_attributes_count = fields.varint_u32()?;
            }
            span::DROPPED_EVENTS_COUNT => self.dropped_events_count = fields.varint_u32()?,
            span::DROPPED_LINKS_COUNT => self.dropped_links_count = fields.varint_u32()?,
            span::STATUS => self.status = Some(read_status(fields.bytes()?)?),
            span::FLAGS => self.flags = fields.fixed32()?,
            _ => return Err(Unusual),
        }
        Ok(())
    }

    /// The row, if it is one that can be stored.
    fn row(&self) -> Walk<SpanRow<'a>> {
        let parent_span_id = match self.parent_span_id.len() {
            // OTLP writes a root's parent as empty; an all-zero one means the same.
            0 | SpanId::LEN => SpanId::from_slice(self.parent_span_id).ok(),
            _ => return Err(Unusual),
        };
        Ok(SpanRow {
            trace_id: TraceId::from_slice(self.trace_id).map_err(|_| Unusual)?,
            span_id: SpanId::from_slice(self.span_id).map_err(|_| Unusual)?,
            parent_span_id,
            trace_state: self.trace_state,
            flags: self.flags,
            name: self.name,
            kind: self.kind,
            start: UnixNanos(self.start),
            end: UnixNanos(self.end),
            dropped_attributes_count: self.dropped_attributes_count,
            dropped_events_count: self.dropped_events_count,
            dropped_links_count: self.dropped_links_count,
            status: self.status,
        })
    }
}

/// Code and message.
fn read_status(message: &[u8]) -> Walk<(i32, &[u8])> {
    let mut code = 0;
    let mut text: &[u8] = &[];
    let mut seen = Seen::default();
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key()? {
        match key {
            status::MESSAGE => {
                seen.once(key)?;
                text = fields.bytes()?;
            }
            status::CODE => {
                seen.once(key)?;
                code = fields.varint_i32()?;
            }
            _ => fields.skip_unknown(key, status::LAST)?,
        }
    }
    Ok((code, text))
}

fn push_event(message: &[u8], columns: &mut EventsBuilder, limits: &RecordLimits) -> Walk<()> {
    let mut attributes = 0;
    let mut time = UnixNanos(0);
    let mut name: &[u8] = &[];
    let mut dropped_attributes_count = 0;
    let mut seen = Seen::default();
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key()? {
        match key {
            event::ATTRIBUTES => {
                attributes += 1;
                push_attribute(fields.bytes()?, &mut columns.attributes, limits)?;
            }
            event::TIME_UNIX_NANO => {
                seen.once(key)?;
                time = UnixNanos(fields.fixed64()?);
            }
            event::NAME => {
                seen.once(key)?;
                name = fields.bytes()?;
            }
            event::DROPPED_ATTRIBUTES_COUNT => {
                seen.once(key)?;
                dropped_attributes_count = fields.varint_u32()?;
            }
            _ => fields.skip_unknown(key, event::LAST)?,
        }
    }
    within(attributes, limits.attributes)?;
    within(name.len(), limits.value_bytes)?;
    columns.push(time.to_column(), name, dropped_attributes_count);
    Ok(())
}

fn push_link(message: &[u8], columns: &mut LinksBuilder, limits: &RecordLimits) -> Walk<()> {
    let mut attributes = 0;
    let mut row = LinkRow::default();
    let mut seen = Seen::default();
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key()? {
        if key == link::ATTRIBUTES {
            attributes += 1;
            push_attribute(fields.bytes()?, &mut columns.attributes, limits)?;
            continue;
        }
        if key >> 3 > link::LAST {
            fields.skip(key)?;
            continue;
        }
        seen.once(key)?;
        match key {
            link::TRACE_ID => row.trace_id = fields.bytes()?,
            link::SPAN_ID => row.span_id = fields.bytes()?,
            link::TRACE_STATE => row.trace_state = fields.bytes()?,
            link::DROPPED_ATTRIBUTES_COUNT => row.dropped_attributes_count = fields.varint_u32()?,
            link::FLAGS => row.flags = fields.fixed32()?,
            _ => return Err(Unusual),
        }
    }
    within(attributes, limits.attributes)?;
    within(row.trace_state.len(), limits.value_bytes)?;
    columns.push(&row);
    Ok(())
}
