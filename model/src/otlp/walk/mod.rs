//! OTLP bytes straight into column builders, without objects in between.
//!
//! The walk takes requests of which every record can be stored and which are written the way encoders write
//! them. Whatever is unusual (a record to reject, a field of the wrong kind, a singular field that comes twice,
//! a group, damaged bytes) makes it give up, and the way by owned objects decides. What the walk does take
//! gives the same batch as that way.

mod envelopes;
mod logs;
pub(super) mod redact;
mod traces;
mod values;
pub(crate) mod wire;

#[cfg(test)]
mod redact_tests;
#[cfg(test)]
pub(super) mod rewrite;
#[cfg(test)]
mod tests;

use arrow_array::RecordBatch;

use crate::columns::{LogBatchBuilder, SpanBatchBuilder};
use crate::otlp::limits::{RecordLimits, Room};
use crate::signal::Signal;

/// Bytes of a row of fixed-width columns, of either signal, roughly.
pub(super) const ROW_BYTES: usize = 160;

/// The request is not one for the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unusual;

pub(crate) type Walk<T> = Result<T, Unusual>;

/// Leaves what is over a limit to others, who cut it down to that.
#[inline]
fn within(found: usize, most: usize) -> Walk<()> {
    if found > most {
        return Err(Unusual);
    }
    Ok(())
}

/// The batch of an export request; `None` when the request is not one for the walk, and when there is no room
/// for the batch.
pub(super) fn batch(
    signal: Signal,
    body: &[u8],
    limits: &RecordLimits,
    room: &mut Room<'_>,
) -> Option<RecordBatch> {
    let (row_count, record_bytes) = envelopes::count_records(body).ok()?;
    // What the builders set aside to begin with.
    if !room.has(
        row_count
            .saturating_mul(ROW_BYTES)
            .saturating_add(record_bytes),
    ) {
        return None;
    }
    match signal {
        Signal::Traces => {
            let mut builder = SpanBatchBuilder::new(row_count, record_bytes);
            envelopes::walk(body, &mut builder, limits, room).ok()?;
            builder.finish().ok()
        }
        Signal::Logs => {
            let mut builder = LogBatchBuilder::new(row_count, record_bytes);
            envelopes::walk(body, &mut builder, limits, room).ok()?;
            builder.finish().ok()
        }
    }
}
