//! Reads request bodies piece by piece: each piece is counted and admitted before it is kept.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};

use crate::admission::Ticket;
use crate::config::CollectorConfig;
use crate::error::{BoxError, Refusal};
use crate::receiver::look::{FIRST_LOOK_BYTES, Look, next_look};

// How much of a refused body is read and dropped, and for how long. A sender over HTTP/1 that is
// cut off while it writes sees a broken connection instead of the answer, and sends it all again.
const DISCARD_BYTES_MAX: usize = 256 * 1024 * 1024;
const DISCARD_TIME_MAX: Duration = Duration::from_secs(5);

/// The bounds of one body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    pub(crate) max_bytes: usize,
    pub(crate) timeout: Duration,
    /// Bytes a second, after [`SLOW_START`].
    pub(crate) rate_min: usize,
}

// Slow networks stall for a moment, and small bodies take no more than one.
const SLOW_START: Duration = Duration::from_secs(5);

impl From<&CollectorConfig> for BodyLimits {
    fn from(config: &CollectorConfig) -> Self {
        Self {
            max_bytes: config.max_request_bytes,
            timeout: config.body_timeout,
            rate_min: config.body_rate_min,
        }
    }
}

/// Reads the whole body. `look` sees the beginning of a long one while the rest arrives, and may refuse it early.
///
/// A declared length refuses early and says how much memory to set aside; the limits count what really arrives.
pub(crate) async fn receive<B>(
    body: &mut B,
    limits: BodyLimits,
    ticket: &mut Ticket,
    look: &Look<'_>,
) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let declared_bytes = body.size_hint().lower();
    if usize::try_from(declared_bytes).map_or(true, |bytes| bytes > limits.max_bytes) {
        return Err(Refusal::TooLarge {
            limit_bytes: limits.max_bytes,
        });
    }
    ticket.check_room(declared_bytes)?;
    match timeout(limits.timeout, read_all(body, limits, ticket, look)).await {
        Ok(received) => received,
        Err(_elapsed) => Err(Refusal::BodyTimeout {
            seconds: limits.timeout.as_secs(),
        }),
    }
}

async fn read_all<B>(
    body: &mut B,
    limits: BodyLimits,
    ticket: &mut Ticket,
    look: &Look<'_>,
) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let max_bytes = limits.max_bytes;
    let began = Instant::now();
    // Zero where nothing is declared; it has been held against the limit.
    let mut whole_bytes = usize::try_from(body.size_hint().lower()).unwrap_or(max_bytes);
    let mut next_look_bytes = FIRST_LOOK_BYTES;
    let mut received = Received::Nothing;
    loop {
        // Each byte buys time, so that whoever keeps to the rate is never cut off.
        let bought = received.len() as u64 * 1000 / limits.rate_min as u64;
        let deadline = began + SLOW_START + Duration::from_millis(bought);
        let Ok(frame) = timeout_at(deadline, body.frame()).await else {
            let rate_min = limits.rate_min;
            return Err(Refusal::BodyTooSlow { rate_min });
        };
        let Some(frame) = frame else {
            return Ok(received.into_bytes());
        };
        let frame = frame.map_err(|error| Refusal::BodyBroken {
            source: error.into(),
        })?;
        let Ok(piece) = frame.into_data() else {
            continue; // Trailers; no OTLP client sends any that matter.
        };
        if piece.len() > max_bytes - received.len() {
            return Err(Refusal::TooLarge {
                limit_bytes: max_bytes,
            });
        }
        ticket.grow(piece.len())?;
        received.push(piece, whole_bytes);
        if let Some(framed_bytes) = look.framing.body_bytes(received.as_slice())? {
            whole_bytes = framed_bytes;
        }
        let is_whole = received.len() == whole_bytes;
        if received.len() >= next_look_bytes && !is_whole {
            next_look_bytes = next_look(next_look_bytes);
            let beginning = received.into_bytes();
            look.at(beginning.clone(), ticket).await?;
            // Nobody else has it any more, so that it is not copied.
            received = Received::Many(BytesMut::from(beginning));
        }
    }
}

/// Reads and drops the rest of a refused body, within bounds, so that the sender gets its answer.
pub(crate) async fn discard<B>(body: &mut B)
where
    B: Body<Data = Bytes> + Unpin,
{
    let drop_rest = async {
        let mut dropped_bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            dropped_bytes += frame.data_ref().map_or(0, Bytes::len);
            if dropped_bytes > DISCARD_BYTES_MAX {
                break;
            }
        }
    };
    if timeout(DISCARD_TIME_MAX, drop_rest).await.is_err() {
        tracing::debug!("sender of a refused request is too slow, connection will be closed");
    }
}

/// How much to set aside for a body of which `needed_bytes` have arrived. A long one is not copied again and again as
/// it grows, nor held twice meanwhile; and who only says that it will be long gets little.
fn capacity(needed_bytes: usize, whole_bytes: usize) -> usize {
    let most = if needed_bytes < FIRST_LOOK_BYTES {
        4 * needed_bytes
    } else {
        usize::MAX
    };
    whole_bytes.min(most).max(needed_bytes)
}

// Most requests arrive in one piece, which is then used as it is, without a copy.
enum Received {
    Nothing,
    One(Bytes),
    Many(BytesMut),
}

impl Received {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Nothing => &[],
            Self::One(piece) => piece,
            Self::Many(pieces) => pieces,
        }
    }

    fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Adds a piece of a body that says it becomes `whole_bytes` long.
    fn push(&mut self, piece: Bytes, whole_bytes: usize) {
        let needed_bytes = self.len() + piece.len();
        let capacity = capacity(needed_bytes, whole_bytes);
        *self = match std::mem::replace(self, Self::Nothing) {
            Self::Nothing => Self::One(piece),
            Self::One(first) => {
                let mut pieces = BytesMut::with_capacity(capacity);
                pieces.extend_from_slice(&first);
                pieces.extend_from_slice(&piece);
                Self::Many(pieces)
            }
            Self::Many(mut pieces) => {
                if pieces.capacity() < needed_bytes {
                    pieces.reserve(capacity - pieces.len());
                }
                pieces.extend_from_slice(&piece);
                Self::Many(pieces)
            }
        };
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::One(piece) => piece,
            Self::Many(pieces) => pieces.freeze(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http_body::Frame;
    use http_body_util::{Full, StreamBody};
    use tokio_stream::StreamExt as _;

    use super::*;
    use crate::admission::Admission;
    use crate::decoders::Decoders;
    use crate::decoders::tests::decoders;
    use crate::receiver::compression::Compression;
    use crate::receiver::framing::Framing;
    use model::otlp::Encoding;

    const LIMITS: BodyLimits = BodyLimits {
        max_bytes: 10,
        timeout: Duration::from_secs(30),
        rate_min: 1000,
    };

    /// Bounds that many looks are within.
    const LONG: BodyLimits = BodyLimits {
        max_bytes: 64 * FIRST_LOOK_BYTES,
        ..LIMITS
    };

    fn pieces(pieces: &[&'static [u8]]) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        let frames: Vec<_> = pieces
            .iter()
            .map(|piece| Ok(Frame::data(Bytes::from_static(piece))))
            .collect();
        StreamBody::new(tokio_stream::iter(frames))
    }

    fn look(decoders: &Decoders) -> Look<'_> {
        Look {
            decoders,
            framing: Framing::Plain,
            compression: Compression::Identity,
            records: Some(Encoding::Protobuf),
            limit_bytes: LONG.max_bytes,
        }
    }

    fn ticket() -> Ticket {
        Admission::new(100, 10).ticket(None).unwrap()
    }

    #[tokio::test]
    async fn pieces_without_a_declared_length_are_joined_up_to_the_limit() {
        let (mut ticket, decoders) = (ticket(), decoders());
        let mut body = pieces(&[b"abc", b"", b"defg", b"hij"]);

        let received = receive(&mut body, LIMITS, &mut ticket, &look(&decoders))
            .await
            .unwrap();

        assert_eq!(received, b"abcdefghij".as_slice());
    }

    #[tokio::test]
    async fn the_limit_holds_whatever_length_is_declared() {
        let (mut ticket, decoders) = (ticket(), decoders());
        let mut undeclared = pieces(&[b"abcdef", b"ghijk"]);
        let mut declared = Full::new(Bytes::from_static(b"abcdefghijk"));

        let refused = receive(&mut undeclared, LIMITS, &mut ticket, &look(&decoders))
            .await
            .unwrap_err();
        assert!(matches!(refused, Refusal::TooLarge { limit_bytes: 10 }));
        let refused = receive(&mut declared, LIMITS, &mut ticket, &look(&decoders))
            .await
            .unwrap_err();
        assert!(matches!(refused, Refusal::TooLarge { limit_bytes: 10 }));
        assert_eq!(
            declared.size_hint().lower(),
            11,
            "the declared body was not read"
        );
    }

    #[tokio::test]
    async fn bytes_without_room_are_refused_and_not_kept() {
        let (admission, decoders) = (Admission::new(8, 10), decoders());
        let mut other = admission.ticket(None).unwrap();
        other.grow(2).unwrap();
        let mut ticket = admission.ticket(None).unwrap();
        let mut body = pieces(&[b"abc", b"def"]);

        let refused = receive(&mut body, LIMITS, &mut ticket, &look(&decoders))
            .await
            .unwrap_err();

        assert!(matches!(
            refused,
            Refusal::Overloaded { limit_bytes: 8, .. }
        ));
        assert_eq!(admission.in_flight_bytes(), 2 + 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_is_given_up() {
        let (mut ticket, decoders) = (ticket(), decoders());
        let mut body = StreamBody::new(tokio_stream::pending::<Result<Frame<Bytes>, Infallible>>());

        let refused = receive(&mut body, LIMITS, &mut ticket, &look(&decoders))
            .await
            .unwrap_err();

        assert!(matches!(refused, Refusal::BodyTooSlow { rate_min: 1000 }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_given_up_and_one_that_keeps_the_rate_is_not() {
        let limits = BodyLimits {
            max_bytes: 100,
            timeout: Duration::from_secs(60),
            rate_min: 1,
        };
        for (pause, is_taken) in [(2, false), (1, true)] {
            let (mut ticket, decoders) = (ticket(), decoders());
            let pieces = tokio_stream::iter(0..30_u8).then(move |_| async move {
                tokio::time::sleep(Duration::from_secs(pause)).await;
                Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x")))
            });
            let mut body = StreamBody::new(Box::pin(pieces));

            let received = receive(&mut body, limits, &mut ticket, &look(&decoders)).await;

            match received {
                Ok(bytes) => assert!(is_taken && bytes.len() == 30),
                Err(refused) => {
                    assert!(!is_taken);
                    assert!(matches!(refused, Refusal::BodyTooSlow { rate_min: 1 }));
                }
            }
        }
    }

    /// So many pieces of so many bytes, and how many of them have been asked for.
    fn long(
        piece: Vec<u8>,
        count: usize,
    ) -> (
        impl Body<Data = Bytes, Error = Infallible> + Unpin,
        Arc<AtomicUsize>,
    ) {
        let asked = Arc::new(AtomicUsize::new(0));
        let (piece, counter) = (Bytes::from(piece), Arc::clone(&asked));
        let frames = tokio_stream::iter(0..count).map(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(Frame::data(piece.clone()))
        });
        (StreamBody::new(frames), asked)
    }

    #[tokio::test]
    async fn what_cannot_be_a_request_is_read_no_further_than_the_first_look() {
        let admission = Admission::new(1000 * FIRST_LOOK_BYTES, 10);
        let (mut ticket, decoders) = (admission.ticket(None).unwrap(), decoders());
        let (mut body, asked) = long(vec![0; FIRST_LOOK_BYTES / 16], 1000);

        let refused = receive(&mut body, LONG, &mut ticket, &look(&decoders)).await;

        assert!(matches!(refused, Err(Refusal::BadPayload { .. })));
        assert_eq!(asked.load(Ordering::Relaxed), 16);
    }

    #[tokio::test]
    async fn records_that_could_never_be_decoded_are_read_no_further_than_the_second_look() {
        let admission = Admission::new(256 * FIRST_LOOK_BYTES, 10);
        let (mut ticket, decoders) = (admission.ticket(None).unwrap(), decoders());
        // Records of two bytes, in a resource and a scope that say they have a lot of them.
        let head = [
            &[0x0a, 0xff, 0xff, 0xff, 0x7f][..],
            &[0x12, 0xff, 0xff, 0xff, 0x7e],
        ]
        .concat();
        let (head, _) = long(head, 1);
        let (records, asked) = long([0x12, 0].repeat(FIRST_LOOK_BYTES / 16), 1000);
        let frames = head.into_data_stream().chain(records.into_data_stream());
        let mut body = StreamBody::new(frames.map(|piece| piece.map(Frame::data)));

        let refused = receive(&mut body, LONG, &mut ticket, &look(&decoders)).await;

        assert!(matches!(refused, Err(Refusal::TooMuchMemory { .. })));
        assert_eq!(asked.load(Ordering::Relaxed), 32);
    }

    #[tokio::test]
    async fn a_long_body_is_received_whole() {
        let admission = Admission::new(1000 * FIRST_LOOK_BYTES, 10);
        let (mut ticket, decoders) = (admission.ticket(None).unwrap(), decoders());
        // A field that requests do not have.
        let piece = [&[0x3a, 0xfd, 0x1f][..], &[7; 4093]].concat();
        let (mut body, _) = long(piece.clone(), 5000);

        let received = receive(&mut body, LONG, &mut ticket, &look(&decoders)).await;

        assert_eq!(received.unwrap(), piece.repeat(5000));
        assert_eq!(admission.in_flight_bytes(), 5000 * 4096);
    }

    #[test]
    fn memory_is_set_aside_in_proportion_to_what_has_arrived() {
        assert_eq!(capacity(10, 0), 10);
        assert_eq!(capacity(10, 30), 30);
        assert_eq!(capacity(10, 64 * FIRST_LOOK_BYTES), 40);
        assert_eq!(
            capacity(FIRST_LOOK_BYTES, 64 * FIRST_LOOK_BYTES),
            64 * FIRST_LOOK_BYTES
        );
        assert_eq!(capacity(100, 30), 100, "more than was declared");
    }
}
