//! Looks at the beginning of a long body while the rest arrives: what will be refused in the end is refused before
//! it is all in memory.

use bytes::Bytes;
use model::otlp::{Encoding, least_memory};

use super::compression::Compression;
use super::decode::check_beginning;
use super::framing::Framing;
use crate::admission::Ticket;
use crate::decoders::Decoders;
use crate::error::Refusal;

/// How much of a body has arrived when it is first looked at. Most are shorter.
pub(crate) const FIRST_LOOK_BYTES: usize = 1024 * 1024;
/// Each further look is at so many times as much, so that all together take less than half as long as one at the
/// whole.
const NEXT_LOOK_TIMES: usize = 4;

/// What the head of a request says of its body.
pub(crate) struct Look<'a> {
    pub(crate) decoders: &'a Decoders,
    pub(crate) framing: Framing,
    pub(crate) compression: Compression,
    /// How spans or log records of OTLP are written; `None` when the body holds something else.
    pub(crate) records: Option<Encoding>,
    /// The largest body after decompression.
    pub(crate) limit_bytes: usize,
}

impl Look<'_> {
    /// Refuses a body whose first bytes these are, when it is certain that all of it would be refused.
    pub(super) async fn at(&self, beginning: Bytes, ticket: &Ticket) -> Result<(), Refusal> {
        let framed = self.framing.contents(self.compression, beginning);
        let Some((compression, contents)) = framed else {
            return Ok(());
        };
        let (limit_bytes, records) = (self.limit_bytes, self.records);
        let look = move || match (compression, records) {
            (Compression::Identity, Some(encoding)) => least_of(encoding, &contents),
            _ => check_beginning(compression, &contents, limit_bytes).map(|()| 0),
        };
        ticket.check_possible(self.decoders.run(look).await?)
    }
}

/// Refuses records that begin like this, when it is certain that all of them would be refused.
pub(super) fn check_records(
    encoding: Encoding,
    beginning: &[u8],
    ticket: &Ticket,
) -> Result<(), Refusal> {
    ticket.check_possible(least_of(encoding, beginning)?)
}

/// How much of a body is there at the look after the one at `bytes`.
pub(super) fn next_look(bytes: usize) -> usize {
    bytes.saturating_mul(NEXT_LOOK_TIMES)
}

fn least_of(encoding: Encoding, beginning: &[u8]) -> Result<usize, Refusal> {
    least_memory(encoding, beginning).map_err(|source| Refusal::BadPayload { source })
}
