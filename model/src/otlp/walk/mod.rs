//! OTLP bytes straight into column builders, without objects in between.
//!
//! The walk takes requests of which every record can be stored and which are written the way encoders write
//! them. Whatever is unusual (a record to reject, a field of the wrong kind, a singular field that comes twice,
//! a group, damaged bytes) makes it give up, and the way by owned objects decides. What the walk does take
//! gives the same batch as that way.

mod envelopes;
mod logs;
mod traces;
mod values;
pub(crate) mod wire;

#[cfg(test)]
mod rewrite;
#[cfg(test)]
mod tests;

use arrow_array::RecordBatch;

use crate::columns::{LogBatchBuilder, SpanBatchBuilder};
use crate::signal::Signal;

/// The request is not one for the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unusual;

pub(crate) type Walk<T> = Result<T, Unusual>;

/// The batch of an export request; `None` when the request is not one for the walk.
pub(super) fn batch(signal: Signal, body: &[u8]) -> Option<RecordBatch> {
    let (row_count, record_bytes) = envelopes::count_records(body).ok()?;
    match signal {
        Signal::Traces => {
            let mut builder = SpanBatchBuilder::new(row_count, record_bytes);
            envelopes::walk(body, &mut builder).ok()?;
            builder.finish().ok()
        }
        Signal::Logs => {
            let mut builder = LogBatchBuilder::new(row_count, record_bytes);
            envelopes::walk(body, &mut builder).ok()?;
            builder.finish().ok()
        }
    }
}
