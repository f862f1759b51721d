//! Reads request bodies piece by piece: each piece is counted and admitted before it is kept.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};

use crate::admission::Ticket;
use crate::config::CollectorConfig;
use crate::error::{BoxError, Refusal};

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

/// Reads the whole body. `inspect` sees what is there after each piece, and may refuse early.
///
/// The declared length only refuses early; the limits count what really arrives.
pub(crate) async fn receive<B>(
    body: &mut B,
    limits: BodyLimits,
    ticket: &mut Ticket,
    inspect: impl Fn(&[u8]) -> Result<(), Refusal>,
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
    match timeout(limits.timeout, read_all(body, limits, ticket, inspect)).await {
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
    inspect: impl Fn(&[u8]) -> Result<(), Refusal>,
) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let max_bytes = limits.max_bytes;
    let began = Instant::now();
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
        received.push(piece);
        inspect(received.as_slice())?;
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

    fn push(&mut self, piece: Bytes) {
        *self = match std::mem::replace(self, Self::Nothing) {
            Self::Nothing => Self::One(piece),
            Self::One(first) => {
                let mut pieces = BytesMut::with_capacity(first.len() + piece.len());
                pieces.extend_from_slice(&first);
                pieces.extend_from_slice(&piece);
                Self::Many(pieces)
            }
            Self::Many(mut pieces) => {
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

    use http_body::Frame;
    use http_body_util::{Full, StreamBody};
    use tokio_stream::StreamExt as _;

    use super::*;
    use crate::admission::Admission;

    const LIMITS: BodyLimits = BodyLimits {
        max_bytes: 10,
        timeout: Duration::from_secs(30),
        rate_min: 1000,
    };

    fn pieces(pieces: &[&'static [u8]]) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        let frames: Vec<_> = pieces
            .iter()
            .map(|piece| Ok(Frame::data(Bytes::from_static(piece))))
            .collect();
        StreamBody::new(tokio_stream::iter(frames))
    }

    fn ticket() -> Ticket {
        Admission::new(100, 10).ticket(None).unwrap()
    }

    #[tokio::test]
    async fn pieces_without_a_declared_length_are_joined_up_to_the_limit() {
        let mut ticket = ticket();
        let mut body = pieces(&[b"abc", b"", b"defg", b"hij"]);

        let received = receive(&mut body, LIMITS, &mut ticket, |_| Ok(()))
            .await
            .unwrap();

        assert_eq!(received, b"abcdefghij".as_slice());
    }

    #[tokio::test]
    async fn the_limit_holds_whatever_length_is_declared() {
        let mut ticket = ticket();
        let mut undeclared = pieces(&[b"abcdef", b"ghijk"]);
        let mut declared = Full::new(Bytes::from_static(b"abcdefghijk"));

        let refused = receive(&mut undeclared, LIMITS, &mut ticket, |_| Ok(()))
            .await
            .unwrap_err();
        assert!(matches!(refused, Refusal::TooLarge { limit_bytes: 10 }));
        let refused = receive(&mut declared, LIMITS, &mut ticket, |_| Ok(()))
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
        let admission = Admission::new(8, 10);
        let mut other = admission.ticket(None).unwrap();
        other.grow(2).unwrap();
        let mut ticket = admission.ticket(None).unwrap();
        let mut body = pieces(&[b"abc", b"def"]);

        let refused = receive(&mut body, LIMITS, &mut ticket, |_| Ok(()))
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
        let mut ticket = ticket();
        let mut body = StreamBody::new(tokio_stream::pending::<Result<Frame<Bytes>, Infallible>>());

        let refused = receive(&mut body, LIMITS, &mut ticket, |_| Ok(()))
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
            let mut ticket = ticket();
            let pieces = tokio_stream::iter(0..30_u8).then(move |_| async move {
                tokio::time::sleep(Duration::from_secs(pause)).await;
                Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x")))
            });
            let mut body = StreamBody::new(Box::pin(pieces));

            let received = receive(&mut body, limits, &mut ticket, |_| Ok(())).await;

            match received {
                Ok(bytes) => assert!(is_taken && bytes.len() == 30),
                Err(refused) => {
                    assert!(!is_taken);
                    assert!(matches!(refused, Refusal::BodyTooSlow { rate_min: 1 }));
                }
            }
        }
    }
}
