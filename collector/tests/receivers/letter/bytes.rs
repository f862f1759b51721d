//! Protobuf and compressed bodies, byte by byte.

use std::io::Write as _;

use super::case::{SPAN, TRACE};

/// A field of text, bytes or a message.
pub(super) fn len(tag: u64, bytes: &[u8]) -> Vec<u8> {
    [
        varint(tag << 3 | 2),
        varint(bytes.len() as u64),
        bytes.to_vec(),
    ]
    .concat()
}

/// A varint field.
pub(super) fn num(tag: u64, value: u64) -> Vec<u8> {
    [varint(tag << 3), varint(value)].concat()
}

/// A field of eight bytes.
pub(super) fn fixed64(tag: u64, value: u64) -> Vec<u8> {
    [varint(tag << 3 | 1), value.to_le_bytes().to_vec()].concat()
}

/// A field of four bytes.
pub(super) fn fixed32(tag: u64, value: u32) -> Vec<u8> {
    [varint(tag << 3 | 5), value.to_le_bytes().to_vec()].concat()
}

/// A group, which protobuf has left behind but decoders still skip.
pub(super) fn group(tag: u64, inner: &[u8]) -> Vec<u8> {
    [varint(tag << 3 | 3), inner.to_vec(), varint(tag << 3 | 4)].concat()
}

pub(super) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// The ids of every span here that has valid ones.
pub(super) fn ids() -> Vec<u8> {
    [len(1, &hex(TRACE)), len(2, &hex(SPAN))].concat()
}

pub(super) fn hex(text: &str) -> Vec<u8> {
    let byte = |digits: &[u8]| {
        let digits = std::str::from_utf8(digits).unwrap();
        u8::from_str_radix(digits, 16).unwrap()
    };
    text.as_bytes().chunks(2).map(byte).collect()
}

/// A request of one resource and scope without fields, with these records: for traces and logs alike.
pub(super) fn request(records: &[Vec<u8>]) -> Vec<u8> {
    let records: Vec<u8> = records.iter().flat_map(|record| len(2, record)).collect();
    len(1, &len(2, &records))
}

/// A request with one span of valid ids and these fields.
pub(super) fn span_request(fields: &[u8]) -> Vec<u8> {
    request(&[[&ids(), fields].concat()])
}

/// A span's attribute, from the fields of its value.
pub(super) fn attribute(key: &str, value: &[u8]) -> Vec<u8> {
    len(9, &[len(1, key.as_bytes()), len(2, value)].concat())
}

/// A gRPC message with its prefix.
pub(super) fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&[flag], length.to_be_bytes().as_slice(), message].concat()
}

pub(super) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstd(body: &[u8]) -> Vec<u8> {
    zstd::encode_all(body, 3).unwrap()
}
