//! Bodies, honest and hostile.

use std::io::Write as _;

use anyhow::Result;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

/// A length-delimited field of protobuf.
pub(crate) fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![tag << 3 | 2];
    let mut rest = bytes.len();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out.extend_from_slice(bytes);
    out
}

fn span(fields: &[u8]) -> Vec<u8> {
    [
        field(1, &[1; 16]),
        field(2, &[2; 8]),
        field(5, b"span"),
        fields.to_vec(),
    ]
    .concat()
}

/// A request of one record of each signal: envelopes are alike.
fn request(record: &[u8]) -> Vec<u8> {
    field(1, &field(2, &field(2, record)))
}

pub(crate) fn one_span() -> Vec<u8> {
    request(&span(&[]))
}

/// Lists in lists, this deep.
pub(crate) fn nested(depth: usize) -> Vec<u8> {
    // From the inside out and back to front, so that nothing is copied again and again.
    let mut value = Vec::new();
    for _ in 0..depth {
        for tag in [2, 1, 6] {
            let length = value.len();
            push_reversed(&mut value, tag, length);
        }
    }
    value.reverse();
    request(&span(&field(
        9,
        &[field(1, b"k"), field(2, &value)].concat(),
    )))
}

fn push_reversed(out: &mut Vec<u8>, tag: u8, length: usize) {
    let mut head = vec![tag << 3 | 2];
    let mut rest = length;
    while rest >= 0x80 {
        head.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    head.push(rest as u8);
    out.extend(head.iter().rev());
}

pub(crate) fn nested_json(depth: usize) -> Vec<u8> {
    let open = r#"{"arrayValue":{"values":["#.repeat(depth);
    let close = "]}}".repeat(depth);
    let span = r#""traceId":"01010101010101010101010101010101","spanId":"0202020202020202""#;
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{span},"attributes":[{{"key":"k","value":{open}1{close}}}]}}]}}]}}]}}"#
    )
    .into_bytes()
}

pub(crate) fn million_attributes() -> Vec<u8> {
    let mut attributes = Vec::new();
    for number in 0..1_000_000 {
        let key = format!("key.{number}");
        let entry = [field(1, key.as_bytes()), field(2, &field(1, b"v"))].concat();
        attributes.extend_from_slice(&field(9, &entry));
    }
    request(&span(&attributes))
}

/// Two bytes each.
pub(crate) fn empty_records(bytes: usize) -> Vec<u8> {
    let records = field(2, &[]).repeat(bytes / 2);
    field(1, &field(2, &records))
}

pub(crate) fn json_zeros(bytes: usize) -> Vec<u8> {
    let zeros = "0,".repeat(bytes / 2);
    format!(r#"{{"unknown":[{zeros}0],"resourceSpans":[]}}"#).into_bytes()
}

/// Ten gigabytes of zeroes in ten megabytes: many members, each of 64 MiB.
pub(crate) fn gzip_bomb() -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 64 << 20])?;
    Ok(encoder.finish()?.repeat(160))
}

pub(crate) fn deflate_bomb() -> Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..160 {
        encoder.write_all(&vec![0; 4 << 20])?;
    }
    Ok(encoder.finish()?)
}

pub(crate) fn zstd_bomb() -> Result<Vec<u8>> {
    let frame = zstd::encode_all(vec![0; 64 << 20].as_slice(), 1)?;
    Ok(frame.repeat(160))
}
