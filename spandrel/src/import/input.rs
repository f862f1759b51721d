//! Files as documents: a line each where every line is JSON by itself, else the whole file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::de::IgnoredAny;

/// Stands for the standard input.
pub(super) const STDIN: &str = "-";
/// Largest document: it is in memory as a whole.
const DOCUMENT_BYTES_MAX: usize = 512 << 20;
/// Bytes that are read from a file at a time.
const READ_BYTES: usize = 256 << 10;
/// What some editors put at the beginning of a file.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A piece of a file that is JSON by itself, or should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) text: String,
    /// The line on which it begins, from 1.
    pub(super) line: usize,
}

/// The documents of a file, in their order.
pub(super) struct Documents {
    reader: Box<dyn BufRead>,
    lines_read: usize,
    is_first: bool,
}

impl Documents {
    /// Opens a file, or the standard input.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let reader: Box<dyn BufRead> = if path == Path::new(STDIN) {
            Box::new(BufReader::with_capacity(READ_BYTES, io::stdin()))
        } else {
            Box::new(BufReader::with_capacity(READ_BYTES, File::open(path)?))
        };
        Ok(Self::new(reader))
    }

    fn new(reader: Box<dyn BufRead>) -> Self {
        Self {
            reader,
            lines_read: 0,
            is_first: true,
        }
    }

    /// The next document; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Document>> {
        loop {
            let mut bytes = Vec::new();
            if self.read_line(&mut bytes)? == 0 {
                return Ok(None);
            }
            self.lines_read += 1;
            let line = self.lines_read;
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            if std::mem::take(&mut self.is_first) && ends_within(&bytes) {
                self.read_rest(&mut bytes)?;
            }
            let text = String::from_utf8(bytes)
                .with_context(|| format!("line {line} is not text in UTF-8"))?;
            let text = match text.strip_prefix(BYTE_ORDER_MARK) {
                Some(rest) => rest.to_owned(),
                None => text,
            };
            return Ok(Some(Document { text, line }));
        }
    }

    fn read_line(&mut self, bytes: &mut Vec<u8>) -> Result<usize> {
        let limit = DOCUMENT_BYTES_MAX as u64 + 1;
        let read = self.reader.by_ref().take(limit).read_until(b'\n', bytes)?;
        self.check_size(bytes)?;
        Ok(read)
    }

    fn read_rest(&mut self, bytes: &mut Vec<u8>) -> Result<()> {
        let limit = DOCUMENT_BYTES_MAX as u64 + 1;
        self.reader.by_ref().take(limit).read_to_end(bytes)?;
        self.check_size(bytes)
    }

    fn check_size(&self, bytes: &[u8]) -> Result<()> {
        ensure!(
            bytes.len() <= DOCUMENT_BYTES_MAX,
            "the document after line {} is larger than {DOCUMENT_BYTES_MAX} bytes",
            self.lines_read
        );
        Ok(())
    }
}

/// Whether JSON begins in these bytes and does not end in them.
fn ends_within(bytes: &[u8]) -> bool {
    let bytes = bytes
        .strip_prefix(BYTE_ORDER_MARK.as_bytes())
        .unwrap_or(bytes);
    serde_json::from_slice::<IgnoredAny>(bytes).is_err_and(|error| error.is_eof())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(text: &'static str) -> Vec<(usize, String)> {
        let mut documents = Documents::new(Box::new(text.as_bytes()));
        let mut found = Vec::new();
        while let Some(document) = documents.next().unwrap() {
            found.push((document.line, document.text));
        }
        found
    }

    #[test]
    fn every_line_is_a_document_when_the_first_one_is() {
        let found = documents("\u{feff}{\"a\":1}\n\n{\"b\":2\n[]");
        let texts: Vec<_> = found
            .iter()
            .map(|(line, text)| (*line, text.trim()))
            .collect();
        assert_eq!(texts, [(1, "{\"a\":1}"), (3, "{\"b\":2"), (4, "[]")]);
    }

    #[test]
    fn a_document_of_many_lines_is_read_as_a_whole() {
        let text = "\n{\n \"a\": 1\n}\n";
        assert_eq!(documents(text), [(2, "{\n \"a\": 1\n}\n".to_owned())]);
        assert_eq!(documents(""), []);
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error_with_their_line() {
        let mut documents = Documents::new(Box::new(&b"{}\n\xff\n"[..]));
        assert_eq!(documents.next().unwrap().unwrap().line, 1);
        let error = documents.next().unwrap_err();
        assert_eq!(error.to_string(), "line 2 is not text in UTF-8");
    }
}
