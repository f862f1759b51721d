//! Decompresses request bodies, never past a limit: the only place that uses gzip and zstd decoders.
//!
//! The limit is on the output side, so a small body that unpacks to gigabytes costs no more than
//! the limit, and every piece of output is admitted before it is buffered.

#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::io::{self, Read};

use bytes::Bytes;
use model::otlp::Encoding;

use super::compression::Compression;
use super::look::check_records;
use crate::admission::Ticket;
use crate::error::Refusal;

// Output grows in steps of this size; each step is admitted as a whole.
const STEP_BYTES: usize = 64 * 1024;

// Beyond this the length is found out before more is kept. Most bodies are shorter, and unpacked once.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

// Telemetry is compressed to a tenth, roughly: with so much set aside, output is not copied as it grows.
const EXPECTED_RATIO: usize = 10;

// Go's encoder uses windows of up to 32 MiB at its best level; beyond that is not telemetry.
const ZSTD_WINDOW_LOG_MAX: u32 = 25;

/// Decompresses `body` to at most `limit_bytes`, admitted by `ticket`. Bodies that are not
/// compressed are returned as they are. What becomes long is looked at before more is kept: `records` says
/// which encoding its records have, if it holds any.
pub(crate) fn decompress(
    compression: Compression,
    body: Bytes,
    records: Option<Encoding>,
    limit_bytes: usize,
    ticket: &mut Ticket,
) -> Result<Bytes, Refusal> {
    match compression {
        Compression::Identity => Ok(body),
        Compression::Snappy => unpack_snappy(&body, limit_bytes, ticket),
        Compression::Gzip | Compression::Deflate | Compression::Zstd => {
            let capped = Capped {
                source: &body,
                limit_bytes,
                compression,
            };
            let unpacked = capped.read(records, ticket);
            unpacked.map_err(|failure| capped.refusal(failure))
        }
    }
}

/// Refuses a body that begins like this when the beginning alone is damaged, or longer than `limit_bytes` once it is
/// decompressed. Keeps nothing.
pub(crate) fn check_beginning(
    compression: Compression,
    beginning: &[u8],
    limit_bytes: usize,
) -> Result<(), Refusal> {
    match compression {
        Compression::Identity => Ok(()),
        Compression::Snappy => within(snappy_length(beginning)?, limit_bytes),
        Compression::Gzip | Compression::Deflate | Compression::Zstd => {
            let capped = Capped {
                source: beginning,
                limit_bytes,
                compression,
            };
            match capped.count() {
                // That it is cut short is no wonder.
                Err(Failure::Read(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
                Err(failure) => Err(capped.refusal(failure)),
                Ok(_) => Ok(()),
            }
        }
    }
}

/// The most that a byte of snappy can stand for: a copy of 64 bytes takes three.
const SNAPPY_RATIO_MAX: usize = 22;

/// A block says how long it becomes, so that this is known before any memory is taken for it.
fn unpack_snappy(block: &[u8], limit_bytes: usize, ticket: &mut Ticket) -> Result<Bytes, Refusal> {
    let length = snappy_length(block)?;
    if length > block.len().saturating_mul(SNAPPY_RATIO_MAX) {
        let problem = io::Error::other("it says that it becomes longer than it can");
        return Err(Compression::Snappy.corrupt(problem));
    }
    within(length, limit_bytes)?;
    ticket.grow(length)?;
    let unpacked = snap::raw::Decoder::new().decompress_vec(block);
    let unpacked = unpacked.map(Bytes::from);
    unpacked.map_err(|error| Compression::Snappy.corrupt(io::Error::other(error)))
}

/// How long a block says it becomes.
fn snappy_length(block: &[u8]) -> Result<usize, Refusal> {
    let length = snap::raw::decompress_len(block);
    length.map_err(|error| Compression::Snappy.corrupt(io::Error::other(error)))
}

fn within(length: usize, limit_bytes: usize) -> Result<(), Refusal> {
    if length > limit_bytes {
        return Err(Refusal::TooLarge { limit_bytes });
    }
    Ok(())
}

struct Capped<'a> {
    source: &'a [u8],
    limit_bytes: usize,
    compression: Compression,
}

enum Failure {
    Refused(Refusal),
    Read(io::Error),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl Capped<'_> {
    /// What is long is unpacked twice: the first time only its length is found out, so that a bomb takes no memory,
    /// and the second time the memory it takes is exactly what it needs.
    fn read(&self, records: Option<Encoding>, ticket: &mut Ticket) -> Result<Bytes, Failure> {
        let mut decoder = self.open()?;
        let kept_max = self.limit_bytes.min(KEPT_BYTES_MAX);
        let expected = self.source.len().saturating_mul(EXPECTED_RATIO);
        let mut output = Vec::with_capacity(expected.min(kept_max));
        while output.len() < kept_max {
            let step = (kept_max - output.len()).min(STEP_BYTES);
            ticket.grow(step)?;
            if read_step(&mut decoder, step, &mut output)? < step {
                return Ok(Bytes::from(output));
            }
        }
        let length = output.len() + self.count_rest(&mut decoder, output.len())?;
        if length == output.len() {
            return Ok(Bytes::from(output));
        }
        if let Some(encoding) = records {
            check_records(encoding, &output, ticket)?;
        }
        drop((output, decoder));
        ticket.grow(length - kept_max)?;
        let mut output = Vec::with_capacity(length);
        read_step(&mut self.open()?, length, &mut output)?;
        Ok(Bytes::from(output))
    }

    /// How long it becomes; stops at the limit.
    fn count(&self) -> Result<usize, Failure> {
        self.count_rest(&mut self.open()?, 0)
    }

    fn refusal(&self, failure: Failure) -> Refusal {
        match failure {
            Failure::Refused(refusal) => refusal,
            Failure::Read(source) => self.compression.corrupt(source),
        }
    }

    /// How many bytes come after the first `length`; stops at the limit.
    fn count_rest(&self, decoder: &mut impl Read, length: usize) -> Result<usize, Failure> {
        let mut count = 0;
        let mut scratch = vec![0; STEP_BYTES];
        loop {
            let read = match decoder.read(&mut scratch) {
                Ok(0) => return Ok(count),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            count += read;
            within(length + count, self.limit_bytes)?;
        }
    }

    #[expect(
        clippy::disallowed_types,
        reason = "this is the size-capped place for zstd"
    )]
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self.compression {
            // A gzip body may hold several members one after the other.
            Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(self.source)),
            Compression::Deflate => Box::new(flate2::read::ZlibDecoder::new(self.source)),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(self.source)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(decoder)
            }
            Compression::Identity | Compression::Snappy => Box::new(self.source),
        })
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
        decompress(compression, body, None, LIMIT_BYTES, &mut ticket)
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

        let refused =
            decompress(Compression::Gzip, bomb, None, LIMIT_BYTES, &mut ticket).unwrap_err();

        assert!(matches!(
            refused,
            Refusal::TooLarge {
                limit_bytes: LIMIT_BYTES
            }
        ));
        assert_eq!(admission.in_flight_bytes(), LIMIT_BYTES);
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
            None,
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

        let refused =
            decompress(Compression::Snappy, block, None, usize::MAX, &mut ticket).unwrap_err();

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

    #[test]
    fn what_is_long_is_counted_before_it_is_kept() {
        let long = vec![7; 2 * KEPT_BYTES_MAX + 1];
        for compression in COMPRESSED {
            if compression == Compression::Snappy {
                continue; // It says how long it is.
            }
            let body = compress(compression, &long);
            let admission = Admission::new(100 * KEPT_BYTES_MAX, 10);

            let mut ticket = admission.ticket(None).unwrap();
            let unpacked = decompress(compression, body.clone(), None, long.len(), &mut ticket);
            assert_eq!(unpacked.unwrap(), long);
            assert_eq!(admission.in_flight_bytes(), long.len());
            drop(ticket);

            let mut ticket = admission.ticket(None).unwrap();
            let refused = decompress(compression, body, None, long.len() - 1, &mut ticket);
            assert!(matches!(refused, Err(Refusal::TooLarge { .. })));
            assert_eq!(admission.in_flight_bytes(), KEPT_BYTES_MAX);
        }
    }

    #[test]
    fn a_bomb_is_known_by_its_beginning_and_what_is_only_cut_short_is_not_one() {
        for compression in COMPRESSED {
            let body = compress(compression, &vec![7; 100 * LIMIT_BYTES]);
            let beginning = body.slice(..body.len() / 2);
            let refused = check_beginning(compression, &beginning, LIMIT_BYTES);
            assert!(
                matches!(
                    refused,
                    Err(Refusal::TooLarge {
                        limit_bytes: LIMIT_BYTES
                    })
                ),
                "{compression:?}"
            );
            check_beginning(compression, &beginning, 100 * LIMIT_BYTES).unwrap();
        }
        let noise = b"neither gzip nor zstd nor zlib";
        for compression in [Compression::Gzip, Compression::Deflate, Compression::Zstd] {
            let refused = check_beginning(compression, noise, LIMIT_BYTES);
            assert!(
                matches!(refused, Err(Refusal::Corrupt { .. })),
                "{compression:?}"
            );
        }
    }

    #[test]
    fn what_unpacks_to_no_request_is_not_kept_beyond_its_beginning() {
        let body = compress(Compression::Zstd, &vec![0; 4 * KEPT_BYTES_MAX]);
        let admission = Admission::new(100 * KEPT_BYTES_MAX, 10);
        let mut ticket = admission.ticket(None).unwrap();
        let records = Some(Encoding::Protobuf);

        let refused = decompress(
            Compression::Zstd,
            body,
            records,
            9 * KEPT_BYTES_MAX,
            &mut ticket,
        );

        assert!(matches!(refused, Err(Refusal::BadPayload { .. })));
        assert_eq!(admission.in_flight_bytes(), KEPT_BYTES_MAX);
    }
}
