//! The bytes of the WAL: file header and entry frame. docs/formats/wal.md describes them.

use bytes::Bytes;
use model::signal::Signal;

/// Every WAL file begins with this.
const FILE_MAGIC: [u8; 8] = *b"SPNDRWAL";
/// Raised when a reader of an older version could not read the files.
pub(crate) const FORMAT_VERSION: u32 = 1;
/// Magic, version, first sequence, CRC of these.
pub(crate) const FILE_HEADER_BYTES: usize = 24;

/// Every entry begins with this; a reader that lost its way looks for it.
const ENTRY_MAGIC: [u8; 4] = *b"SWE\x01";
/// Magic, payload length, sequence, signal, padding, payload CRC, header CRC.
pub(crate) const ENTRY_HEADER_BYTES: usize = 28;
/// Largest payload of an entry; the receivers stop far below it.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 256 << 20;

/// One acknowledged export request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Position in the log; every entry has the number after that of the one before it.
    pub(crate) sequence: u64,
    /// What the payload holds.
    pub(crate) signal: Signal,
    /// OTLP protobuf bytes of what was accepted.
    pub(crate) payload: Bytes,
}

/// Why bytes are not the frame of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadFrame {
    /// Fewer bytes are left than the frame needs.
    CutShort,
    /// Magic or header CRC is wrong: nothing in the header can be trusted.
    Header,
    /// The header is whole and the payload, which ends at `end`, is not.
    Payload { end: usize },
    /// Written by a newer version: the frame is whole and its signal is not known.
    UnknownSignal { end: usize },
}

/// The header of a file whose first entry will have this sequence.
pub(crate) fn encode_file_header(first_sequence: u64) -> [u8; FILE_HEADER_BYTES] {
    let mut header = [0; FILE_HEADER_BYTES];
    header[..8].copy_from_slice(&FILE_MAGIC);
    header[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    header[12..20].copy_from_slice(&first_sequence.to_le_bytes());
    let crc = crc32fast::hash(&header[..20]);
    header[20..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// Whether the bytes begin with a whole header of a version we read.
pub(crate) fn is_file_header(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..FILE_HEADER_BYTES) else {
        return false;
    };
    header[..8] == FILE_MAGIC
        && u32_at(header, 8) == FORMAT_VERSION
        && u32_at(header, 20) == crc32fast::hash(&header[..20])
}

/// Appends the frame of an entry to `out`.
pub(crate) fn encode_entry(out: &mut Vec<u8>, sequence: u64, signal: Signal, payload: &[u8]) {
    assert!(
        payload.len() <= PAYLOAD_BYTES_MAX,
        "the caller refuses larger payloads"
    );
    let start = out.len();
    out.extend_from_slice(&ENTRY_MAGIC);
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&[signal_code(signal), 0, 0, 0]);
    out.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let header_crc = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&header_crc.to_le_bytes());
    out.extend_from_slice(payload);
}

/// Reads the entry whose frame begins at `offset`; also returns where the next one begins.
pub(crate) fn decode_entry(file: &Bytes, offset: usize) -> Result<(Entry, usize), BadFrame> {
    let (payload_length, sequence) = decode_header(file, offset)?;
    let payload_start = offset + ENTRY_HEADER_BYTES;
    let end = payload_start + payload_length;
    if end > file.len() {
        return Err(BadFrame::CutShort);
    }
    let payload = file.slice(payload_start..end);
    if crc32fast::hash(&payload) != u32_at(file, offset + 20) {
        return Err(BadFrame::Payload { end });
    }
    let signal = signal_of_code(file[offset + 16]).ok_or(BadFrame::UnknownSignal { end })?;
    Ok((
        Entry {
            sequence,
            signal,
            payload,
        },
        end,
    ))
}

/// Where the next frame with a whole header begins, at `offset` or after it.
pub(crate) fn find_header(file: &[u8], mut offset: usize) -> Option<usize> {
    while offset + ENTRY_HEADER_BYTES <= file.len() {
        if decode_header(file, offset).is_ok() {
            return Some(offset);
        }
        offset += 1;
    }
    None
}

/// Payload length and sequence of the header at `offset`, if that is whole.
fn decode_header(file: &[u8], offset: usize) -> Result<(usize, u64), BadFrame> {
    let end = offset + ENTRY_HEADER_BYTES;
    let header = file.get(offset..end).ok_or(BadFrame::CutShort)?;
    if header[..4] != ENTRY_MAGIC || u32_at(header, 24) != crc32fast::hash(&header[..24]) {
        return Err(BadFrame::Header);
    }
    let length = u32_at(header, 4) as usize;
    if length > PAYLOAD_BYTES_MAX {
        return Err(BadFrame::Header);
    }
    Ok((length, u64_at(header, 8)))
}

fn signal_code(signal: Signal) -> u8 {
    match signal {
        Signal::Traces => 1,
        Signal::Logs => 2,
    }
}

fn signal_of_code(code: u8) -> Option<Signal> {
    match code {
        1 => Some(Signal::Traces),
        2 => Some(Signal::Logs),
        _ => None,
    }
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let mut value = [0; 4];
    value.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_le_bytes(value)
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_le_bytes(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_version_1_stay_as_they_are() {
        let mut file = encode_file_header(7).to_vec();
        encode_entry(&mut file, 7, Signal::Logs, b"abc");
        let golden = [
            "5350 4e44 5257 414c 0100 0000 0700 0000 0000 0000 0a57 6696",
            "5357 4501 0300 0000 0700 0000 0000 0000 0200 0000 c241 2435 f6e0 46d4 6162 63",
        ];
        let hex: String = file.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, golden.concat().replace(' ', ""));
    }

    #[test]
    fn every_flipped_bit_of_an_entry_is_noticed() {
        let mut good = Vec::new();
        encode_entry(&mut good, 3, Signal::Traces, b"payload");
        for position in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[position / 8] ^= 1 << (position % 8);
            assert!(
                decode_entry(&Bytes::from(bad), 0).is_err(),
                "bit {position}"
            );
        }
    }
}
