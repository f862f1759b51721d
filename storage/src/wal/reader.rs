//! Reads one WAL file: its whole entries, and the stretches of it that are not whole.

use std::ops::Range;

use bytes::Bytes;

use super::format::{self, BadFrame, Entry};

/// What one file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FileContents {
    /// Whole entries, in the order of the file.
    pub(crate) entries: Vec<Entry>,
    /// Byte ranges that are no whole entry although a whole header follows them.
    pub(crate) damaged: Vec<Range<usize>>,
    /// Where the bytes begin that no whole header follows; the length of the file if all is well.
    pub(crate) tail_start: usize,
    /// Whether these bytes are what a write leaves that did not come to its end: the beginning of an
    /// entry, or zeroes. Otherwise they may have been an entry once.
    pub(crate) is_tail_cut_short: bool,
}

/// Finds every whole entry of a file, wherever damage lies in it.
pub(crate) fn read_file(file: &Bytes) -> FileContents {
    let mut contents = FileContents::default();
    let mut offset = if format::is_file_header(file) {
        format::FILE_HEADER_BYTES
    } else {
        0
    };
    while offset < file.len() {
        match format::decode_entry(file, offset) {
            Ok((entry, next)) => {
                contents.entries.push(entry);
                offset = next;
            }
            Err(problem) => match next_frame(file, offset, problem) {
                Some(next) => {
                    contents.damaged.push(offset..next);
                    offset = next;
                }
                None => {
                    let is_zero = file.iter().skip(offset).all(|byte| *byte == 0);
                    contents.is_tail_cut_short = is_zero || problem == BadFrame::CutShort;
                    break;
                }
            },
        }
    }
    contents.tail_start = offset;
    contents
}

/// Where the first whole frame after a bad one begins.
///
/// A whole header tells where its damaged payload ends, so bytes of that payload are never taken
/// for a frame. A header alone proves nothing: the CRC of the payload must agree too.
fn next_frame(file: &Bytes, bad: usize, problem: BadFrame) -> Option<usize> {
    let mut from = match problem {
        BadFrame::CutShort | BadFrame::Header => bad + 1,
        BadFrame::UnknownSignal { end } => return Some(end),
        BadFrame::Payload { end } => end,
    };
    while let Some(candidate) = format::find_header(file, from) {
        match format::decode_entry(file, candidate) {
            Ok(_) | Err(BadFrame::UnknownSignal { .. }) => return Some(candidate),
            Err(BadFrame::Payload { end }) => from = end,
            Err(BadFrame::CutShort | BadFrame::Header) => from = candidate + 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use model::signal::Signal;

    use super::*;

    const PAYLOADS: [&[u8]; 3] = [b"first", b"", b"third and longest"];

    fn file() -> Vec<u8> {
        let mut file = format::encode_file_header(1).to_vec();
        for (sequence, payload) in (1..).zip(PAYLOADS) {
            format::encode_entry(&mut file, sequence, Signal::Traces, payload);
        }
        file
    }

    fn sequences(contents: &FileContents) -> Vec<u64> {
        contents
            .entries
            .iter()
            .map(|entry| entry.sequence)
            .collect()
    }

    #[test]
    fn a_file_cut_at_any_byte_gives_its_whole_entries_and_a_tail() {
        let whole = file();
        let mut ends = vec![format::FILE_HEADER_BYTES];
        for payload in PAYLOADS {
            ends.push(ends[ends.len() - 1] + format::ENTRY_HEADER_BYTES + payload.len());
        }
        for cut in 0..=whole.len() {
            let contents = read_file(&Bytes::from(whole[..cut].to_vec()));
            let expected = ends.iter().skip(1).filter(|end| **end <= cut).count();
            assert_eq!(contents.entries.len(), expected, "cut at {cut}");
            let tail_start = ends
                .iter()
                .rev()
                .find(|end| **end <= cut)
                .copied()
                .unwrap_or(0);
            assert_eq!(contents.tail_start, tail_start, "cut at {cut}");
            assert_eq!(contents.damaged, Vec::<Range<usize>>::new(), "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_byte_costs_one_entry_at_most() {
        let whole = file();
        for position in 0..whole.len() {
            let mut bad = whole.clone();
            bad[position] ^= 0xff;
            let contents = read_file(&Bytes::from(bad));
            assert!(
                contents.entries.len() >= 2,
                "byte {position}: {:?}",
                sequences(&contents)
            );
        }
    }

    #[test]
    fn a_tail_that_was_an_entry_once_is_told_from_one_that_never_was() {
        let whole = file();
        let last = whole.len() - PAYLOADS[2].len() - format::ENTRY_HEADER_BYTES;
        let is_cut_short = |file: Vec<u8>| {
            let contents = read_file(&Bytes::from(file));
            assert_eq!(contents.tail_start, last);
            contents.is_tail_cut_short
        };
        for cut in last + 1..whole.len() {
            assert!(is_cut_short(whole[..cut].to_vec()), "cut at {cut}");
        }
        let mut zeroed = whole.clone();
        zeroed[last..].fill(0);
        assert!(is_cut_short(zeroed));
        for position in last..whole.len() {
            let mut bad = whole.clone();
            bad[position] ^= 0xff;
            assert!(!is_cut_short(bad), "byte {position}");
        }
    }

    #[test]
    fn a_payload_that_holds_a_frame_is_not_taken_apart_when_another_entry_is_damaged() {
        let mut inner = Vec::new();
        format::encode_entry(&mut inner, 99, Signal::Logs, b"inner");
        let mut file = format::encode_file_header(1).to_vec();
        let damaged = file.len();
        format::encode_entry(&mut file, 1, Signal::Traces, b"x");
        format::encode_entry(&mut file, 2, Signal::Traces, &inner);
        file[damaged] ^= 1;
        assert_eq!(sequences(&read_file(&Bytes::from(file))), [2]);
    }
}
