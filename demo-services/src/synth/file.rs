//! Files of export requests, written once and replayed as often as needed.
//!
//! A file begins with the eight bytes `SPSYNTH1`. Each request follows as: one byte for the signal
//! (1 traces, 2 logs), the number of its records and the length of its message in bytes (both 32
//! bits, little-endian), and the message, an `ExportTraceServiceRequest` or
//! `ExportLogsServiceRequest` of OTLP.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::Path,
};

use super::requests::{ExportRequest, Signal};

const MAGIC: &[u8; 8] = b"SPSYNTH1";
const HEAD_BYTES: usize = 9;
/// A longer message is not one that was written here.
const MESSAGE_BYTES_MAX: u32 = 256 << 20;

/// The nine bytes before a message.
pub(super) fn head(request: &ExportRequest) -> [u8; HEAD_BYTES] {
    let signal = match request.signal {
        Signal::Traces => 1,
        Signal::Logs => 2,
    };
    let [a, b, c, d] = request.records.to_le_bytes();
    let len = u32::try_from(request.bytes.len()).unwrap_or(u32::MAX);
    let [e, f, g, h] = len.to_le_bytes();
    [signal, a, b, c, d, e, f, g, h]
}

/// Writes requests to a file.
pub(super) struct Writer(BufWriter<File>);

impl Writer {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        out.write_all(MAGIC)?;
        Ok(Self(out))
    }

    pub(super) fn write(&mut self, request: &ExportRequest) -> io::Result<()> {
        self.0.write_all(&head(request))?;
        self.0.write_all(&request.bytes)
    }

    /// The last bytes are in the file afterwards.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Reads the requests of a file.
pub(super) struct Reader(BufReader<File>);

impl Reader {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut input = BufReader::with_capacity(1 << 20, File::open(path)?);
        let mut magic = [0; MAGIC.len()];
        input.read_exact(&mut magic)?;
        if &magic != MAGIC {
            return Err(invalid("this is not a file of export requests"));
        }
        Ok(Self(input))
    }

    /// `None` at the end; a file that ends within a request is an error.
    pub(super) fn read(&mut self) -> io::Result<Option<ExportRequest>> {
        let mut signal = [0];
        if self.0.read(&mut signal)? == 0 {
            return Ok(None);
        }
        let signal = match signal {
            [1] => Signal::Traces,
            [2] => Signal::Logs,
            _ => return Err(invalid("a request is of no known signal")),
        };
        let records = self.number()?;
        let len = self.number()?;
        if len > MESSAGE_BYTES_MAX {
            return Err(invalid("a message is too long"));
        }
        let mut bytes = vec![0; len as usize];
        self.0.read_exact(&mut bytes)?;
        Ok(Some(ExportRequest {
            signal,
            records,
            bytes: bytes.into(),
        }))
    }

    fn number(&mut self) -> io::Result<u32> {
        let mut number = [0; 4];
        self.0.read_exact(&mut number)?;
        Ok(u32::from_le_bytes(number))
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
