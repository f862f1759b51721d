//! Decompresses request bodies, never past a limit: the only place that uses gzip and zstd decoders.
//!
//! The limit is on the output side, so a small body that unpacks to gigabytes costs no more than
//! the limit, and every piece of output is admitted before it is buffered.

#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::io::{self, Read};

use bytes::Bytes;

use crate::admission::Ticket;
use crate::error::Refusal;

// Output grows in steps of this size; each step is admitted as a whole.
const STEP_BYTES: usize = 64 * 1024;

// Go's encoder uses windows of up to 32 MiB at its best level; beyond that is not telemetry.
const ZSTD_WINDOW_LOG_MAX: u32 = 25;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Identity,
    Gzip,
    Zstd,
    Deflate,
    /// One block of snappy without a frame. Nothing announces it: Loki's protobuf is always in one.
    Snappy,
}

impl Compression {
    /// Reads the value of a `Content-Encoding` or `grpc-encoding` header; absent means identity.
    pub(crate) fn from_name(name: Option<&str>) -> Result<Self, Refusal> {
        let name = name.unwrap_or("").trim();
        match name.to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            // HTTP's deflate is zlib's format, and the OpenTelemetry Collector sends it under both names.
            "deflate" | "zlib" => Ok(Self::Deflate),
            _ => Err(Refusal::UnsupportedCoding {
                coding: name.to_owned(),
            }),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
            Self::Snappy => "snappy",
        }
    }
}

/// Decompresses `body` to at most `limit_bytes`, admitted by `ticket`. Bodies that are not
/// compressed are returned as they are.
#[expect(
    clippy::disallowed_types,
    reason = "this is the size-capped place for zstd"
)]
pub(crate) fn decompress(
    compression: Compression,
    body: Bytes,
    limit_bytes: usize,
    ticket: &mut Ticket,
) -> Result<Bytes, Refusal> {
    let corrupt = |source| Refusal::Corrupt {
        coding: compression.name(),
        source,
    };
    let source: &[u8] = &body;
    match compression {
        Compression::Identity => Ok(body),
        // A gzip body may hold several members one after the other.
        Compression::Gzip => Capped {
            limit_bytes,
            compression,
            ticket,
        }
        .read(flate2::read::MultiGzDecoder::new(source)),
        Compression::Deflate => Capped {
            limit_bytes,
            compression,
            ticket,
        }
        .read(flate2::read::ZlibDecoder::new(source)),
        Compression::Snappy => unpack_snappy(source, limit_bytes, ticket),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(source).map_err(corrupt)?;
            decoder
                .window_log_max(ZSTD_WINDOW_LOG_MAX)
                .map_err(corrupt)?;
            Capped {
                limit_bytes,
                compression,
                ticket,
            }
            .read(decoder)
        }
    }
}

/// The most that a byte of snappy can stand for: a copy of 64 bytes takes three.
const SNAPPY_RATIO_MAX: usize = 22;

/// A block says how long it becomes, so that this is known before any memory is taken for it.
fn unpack_snappy(block: &[u8], limit_bytes: usize, ticket: &mut Ticket) -> Result<Bytes, Refusal> {
    let corrupt = |error: snap::Error| Refusal::Corrupt {
        coding: Compression::Snappy.name(),
        source: io::Error::other(error),
    };
    let length = snap::raw::decompress_len(block).map_err(corrupt)?;
    if length > block.len().saturating_mul(SNAPPY_RATIO_MAX) {
        return Err(Refusal::Corrupt {
            coding: Compression::Snappy.name(),
            source: io::Error::other("it says that it becomes longer than it can"),
        });
    }
    if length > limit_bytes {
        return Err(Refusal::TooLarge { limit_bytes });
    }
    ticket.grow(length)?;
    let unpacked = snap::raw::Decoder::new().decompress_vec(block);
    unpacked.map(Bytes::from).map_err(corrupt)
}

struct Capped<'a> {
    limit_bytes: usize,
    compression: Compression,
    ticket: &'a mut Ticket,
}

impl Capped<'_> {
    fn read(self, mut decoder: impl Read) -> Result<Bytes, Refusal> {
        let mut output = Vec::new();
        loop {
            // One byte past the limit is read, so that a body of exactly the limit is accepted.
            let room = (self.limit_bytes - output.len()).saturating_add(1);
            let step = room.min(STEP_BYTES);
            self.ticket.grow(step)?;
            let read =
                read_step(&mut decoder, step, &mut output).map_err(|source| Refusal::Corrupt {
                    coding: self.compression.name(),
                    source,
                })?;
            if output.len() > self.limit_bytes {
                return Err(Refusal::TooLarge {
                    limit_bytes: self.limit_bytes,
                });
            }
            if read < step {
                return Ok(Bytes::from(output));
            }
        }
    }
}

/// Reads until `step` bytes are there or the input ends; returns how many were read.
fn read_step(decoder: &mut impl Read, step: usize, output: &mut Vec<u8>) -> io::Result<usize> {
    let step = u64::try_from(step).map_err(io::Error::other)?;
    decoder.by_ref().take(step).read_to_end(output)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::admission::Admission;

    const LIMIT_BYTES: usize = 200_000;

    fn compress(compression: Compression, body: &[u8]) -> Bytes {
        let level = flate2::Compression::default();
        let compressed = match compression {
            Compression::Identity => body.to_vec(),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(body).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Deflate => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(body).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(body, 0).unwrap(),
            Compression::Snappy => snap::raw::Encoder::new().compress_vec(body).unwrap(),
        };
        Bytes::from(compressed)
    }

    fn unpack(compression: Compression, body: Bytes) -> Result<Bytes, Refusal> {
        let mut ticket = Admission::new(10 * LIMIT_BYTES, 10).ticket(None).unwrap();
        decompress(compression, body, LIMIT_BYTES, &mut ticket)
    }

    const COMPRESSED: [Compression; 4] = [
        Compression::Gzip,
        Compression::Zstd,
        Compression::Deflate,
        Compression::Snappy,
    ];

    #[test]
    fn every_compression_gives_the_body_back() {
        let body: Vec<u8> = (0..=250).cycle().take(LIMIT_BYTES).collect();

        for compression in COMPRESSED {
            assert_eq!(
                unpack(compression, compress(compression, &body)).unwrap(),
                body
            );
            assert_eq!(
                unpack(compression, compress(compression, b"")).unwrap(),
                b"".as_slice()
            );
        }
    }

    #[test]
    fn one_byte_over_the_limit_is_refused() {
        let body = vec![7; LIMIT_BYTES + 1];

        for compression in COMPRESSED {
            let refused = unpack(compression, compress(compression, &body)).unwrap_err();
            assert!(matches!(
                refused,
                Refusal::TooLarge {
                    limit_bytes: LIMIT_BYTES
                }
            ));
        }
    }

    #[test]
    fn a_bomb_takes_no_more_than_the_limit() {
        let admission = Admission::new(100 * LIMIT_BYTES, 10);
        let bomb = compress(Compression::Gzip, &vec![0; 50 * LIMIT_BYTES]);
        let mut ticket = admission.ticket(None).unwrap();

        let refused = decompress(Compression::Gzip, bomb, LIMIT_BYTES, &mut ticket).unwrap_err();

        assert!(matches!(
            refused,
            Refusal::TooLarge {
                limit_bytes: LIMIT_BYTES
            }
        ));
        assert_eq!(admission.in_flight_bytes(), LIMIT_BYTES + 1);
    }

    #[test]
    fn output_without_room_is_refused_as_overload() {
        let body = compress(Compression::Zstd, &vec![0; LIMIT_BYTES]);
        let admission = Admission::new(2 * LIMIT_BYTES, 10);
        let mut other = admission.ticket(None).unwrap();
        other.grow(3 * LIMIT_BYTES / 2).unwrap();

        let refused = decompress(
            Compression::Zstd,
            body,
            LIMIT_BYTES,
            &mut admission.ticket(None).unwrap(),
        );

        assert!(matches!(refused.unwrap_err(), Refusal::Overloaded { .. }));
    }

    #[test]
    fn gzip_of_several_members_is_read_whole() {
        let mut body = compress(Compression::Gzip, b"one ").to_vec();
        body.extend_from_slice(&compress(Compression::Gzip, b"two"));

        assert_eq!(
            unpack(Compression::Gzip, Bytes::from(body)).unwrap(),
            b"one two".as_slice()
        );
    }

    #[test]
    fn damaged_and_cut_bodies_are_corrupt() {
        for compression in COMPRESSED {
            let whole = compress(compression, &[9; 1000]);
            let cut = whole.slice(..whole.len() - 3);
            let noise = Bytes::from_static(b"neither gzip nor zstd nor zlib");
            for body in [cut, noise] {
                let refused = unpack(compression, body).unwrap_err();
                assert!(
                    matches!(refused, Refusal::Corrupt { .. }),
                    "{compression:?}: {refused}"
                );
            }
        }
    }

    #[test]
    fn a_block_that_says_it_becomes_huge_takes_no_memory() {
        // A varint of 64 MiB, and then nothing that could become so much.
        let block = Bytes::from_static(&[0x80, 0x80, 0x80, 0x20, 0, b'x']);
        let admission = Admission::new(1000, 10);
        let mut ticket = admission.ticket(None).unwrap();

        let refused = decompress(Compression::Snappy, block, usize::MAX, &mut ticket).unwrap_err();

        assert_eq!(
            refused.message(),
            "the body is not valid snappy: it says that it becomes longer than it can"
        );
        assert_eq!(admission.in_flight_bytes(), 0);
    }

    #[test]
    fn names_of_compressions_ignore_case() {
        assert_eq!(Compression::from_name(None).unwrap(), Compression::Identity);
        assert_eq!(
            Compression::from_name(Some("GZIP")).unwrap(),
            Compression::Gzip
        );
        assert_eq!(
            Compression::from_name(Some(" zstd ")).unwrap(),
            Compression::Zstd
        );
        assert_eq!(
            Compression::from_name(Some("zlib")).unwrap(),
            Compression::Deflate
        );
        let refused = Compression::from_name(Some("br")).unwrap_err();
        assert_eq!(
            refused.message(),
            "content encoding \"br\" is not supported; use gzip, zstd or none"
        );
    }
}
