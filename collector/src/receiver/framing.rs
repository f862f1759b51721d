//! What is around the contents of a body: nothing over plain HTTP, a prefix over gRPC.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use bytes::Bytes;

use super::compression::Compression;
use crate::error::Refusal;

/// One byte of flags and four of length before each message of gRPC.
pub(super) const PREFIX_BYTES: usize = 5;

/// How the contents are framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// The body is the contents.
    Plain,
    /// The body is one message of gRPC.
    Grpc {
        /// The largest contents.
        max_bytes: usize,
    },
}

impl Framing {
    /// How long the body becomes, once that can be told from its first bytes. Refuses one that declares too much.
    pub(super) fn body_bytes(self, beginning: &[u8]) -> Result<Option<usize>, Refusal> {
        let Self::Grpc { max_bytes } = self else {
            return Ok(None);
        };
        let Some(&[_, ref length @ ..]) = beginning.first_chunk::<PREFIX_BYTES>() else {
            return Ok(None);
        };
        match usize::try_from(u32::from_be_bytes(*length)) {
            Ok(length) if length <= max_bytes => Ok(Some(PREFIX_BYTES + length)),
            _ => Err(Refusal::TooLarge {
                limit_bytes: max_bytes,
            }),
        }
    }

    /// The contents of a body that begins like this, and how they are compressed, if that can be told.
    pub(super) fn contents(
        self,
        compression: Compression,
        beginning: Bytes,
    ) -> Option<(Compression, Bytes)> {
        match (self, beginning.first()) {
            (Self::Plain, _) => Some((compression, beginning)),
            (Self::Grpc { .. }, Some(0)) if beginning.len() >= PREFIX_BYTES => {
                Some((Compression::Identity, beginning.slice(PREFIX_BYTES..)))
            }
            (Self::Grpc { .. }, Some(1)) if beginning.len() >= PREFIX_BYTES => {
                Some((compression, beginning.slice(PREFIX_BYTES..)))
            }
            (Self::Grpc { .. }, _) => None,
        }
    }
}

/// A message of gRPC.
pub(super) struct Message {
    pub(super) is_compressed: bool,
    pub(super) body: Bytes,
}

/// The one message of a unary request.
pub(super) fn unframe(framed: Bytes) -> Result<Message, Refusal> {
    let Some(&[flag, ref length @ ..]) = framed.first_chunk::<PREFIX_BYTES>() else {
        return Err(Refusal::BadFrame {
            reason: "the message is missing",
        });
    };
    let body = framed.slice(PREFIX_BYTES..);
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if body.len() < length {
        return Err(Refusal::BadFrame {
            reason: "the message is cut short",
        });
    }
    if body.len() > length {
        return Err(Refusal::BadFrame {
            reason: "a unary request has more than one message",
        });
    }
    match flag {
        0 => Ok(Message {
            is_compressed: false,
            body,
        }),
        1 => Ok(Message {
            is_compressed: true,
            body,
        }),
        _ => Err(Refusal::BadFrame {
            reason: "the compressed flag is neither 0 nor 1",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(bytes: &[u8]) -> Result<Message, String> {
        unframe(Bytes::copy_from_slice(bytes)).map_err(|refusal| refusal.message())
    }

    #[test]
    fn a_unary_request_is_one_whole_message() {
        let plain = framed(b"\x00\x00\x00\x00\x03abc").unwrap();
        assert!(!plain.is_compressed);
        assert_eq!(plain.body, b"abc".as_slice());

        let compressed = framed(b"\x01\x00\x00\x00\x01z").unwrap();
        assert!(compressed.is_compressed);
        assert_eq!(compressed.body, b"z".as_slice());
    }

    #[test]
    fn bad_frames_are_told_apart() {
        let reason = |bytes| framed(bytes).err().unwrap();

        assert_eq!(reason(b""), "bad gRPC message: the message is missing");
        assert_eq!(
            reason(b"\x00\x00\x00\x00"),
            "bad gRPC message: the message is missing"
        );
        assert_eq!(
            reason(b"\x00\x00\x00\x00\x04abc"),
            "bad gRPC message: the message is cut short"
        );
        assert_eq!(
            reason(b"\x00\x00\x00\x00\x01ab"),
            "bad gRPC message: a unary request has more than one message"
        );
        assert_eq!(
            reason(b"\x02\x00\x00\x00\x01a"),
            "bad gRPC message: the compressed flag is neither 0 nor 1"
        );
    }

    #[test]
    fn a_message_is_refused_by_its_declared_length() {
        let framing = Framing::Grpc { max_bytes: 255 };
        let read = |beginning| framing.body_bytes(beginning);

        assert_eq!(
            read(b"\x00\x00\x00\x01").unwrap(),
            None,
            "not all of it is there"
        );
        assert_eq!(read(b"\x00\x00\x00\x00\xff").unwrap(), Some(260));
        let refused = read(b"\x00\x00\x00\x01\x00").unwrap_err();
        assert!(matches!(refused, Refusal::TooLarge { limit_bytes: 255 }));
        assert!(read(b"\x00\xff\xff\xff\xff").is_err());
        assert_eq!(
            Framing::Plain.body_bytes(b"\x00\xff\xff\xff\xff").unwrap(),
            None
        );
    }

    #[test]
    fn only_what_is_flagged_is_compressed() {
        let framing = Framing::Grpc { max_bytes: 255 };
        let contents = |beginning: &'static [u8]| {
            framing.contents(Compression::Gzip, Bytes::from_static(beginning))
        };

        let message = Bytes::from_static(b"ab");
        let plain = contents(b"\x00\x00\x00\x00\x09ab");
        assert_eq!(plain, Some((Compression::Identity, message.clone())));
        let compressed = contents(b"\x01\x00\x00\x00\x09ab");
        assert_eq!(compressed, Some((Compression::Gzip, message.clone())));
        assert_eq!(contents(b"\x02\x00\x00\x00\x09ab"), None);
        assert_eq!(contents(b"\x00"), None);
        let plain = Framing::Plain.contents(Compression::Gzip, message.clone());
        assert_eq!(plain, Some((Compression::Gzip, message)));
    }
}
