//! Reads the export requests that `spandrel shop synth --out` wrote: eight bytes of magic, then for
//! each request its signal (one byte), its records and its length (32 bits each, little-endian) and
//! the message.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;

const MAGIC: &[u8; 8] = b"SPSYNTH1";
/// A longer message is not one of the generator's.
const MESSAGE_BYTES_MAX: u32 = 256 << 20;

/// A request that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExportRequest {
    /// Spans or log records in it.
    pub(crate) records: u64,
    /// The message.
    pub(crate) body: Bytes,
}

/// The requests of a file, in their order.
pub(crate) struct Requests(BufReader<File>);

impl Requests {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let mut input = BufReader::with_capacity(1 << 20, file);
        let mut magic = [0; MAGIC.len()];
        input
            .read_exact(&mut magic)
            .context("the workload is empty")?;
        if &magic != MAGIC {
            bail!("{} is not a file of export requests", path.display());
        }
        Ok(Self(input))
    }

    /// The next request; `None` at the end.
    pub(crate) fn read(&mut self) -> Result<Option<ExportRequest>> {
        let Some((records, len)) = self.head()? else {
            return Ok(None);
        };
        let mut body = vec![0; len as usize];
        self.0
            .read_exact(&mut body)
            .context("the workload ends within a request")?;
        Ok(Some(ExportRequest {
            records,
            body: body.into(),
        }))
    }

    /// Passes over requests until so many records were passed over.
    pub(crate) fn skip(&mut self, mut records: u64) -> Result<()> {
        while records > 0
            && let Some((skipped, len)) = self.head()?
        {
            self.0.seek_relative(i64::from(len))?;
            records = records.saturating_sub(skipped);
        }
        Ok(())
    }

    fn head(&mut self) -> Result<Option<(u64, u32)>> {
        let mut signal = [0];
        if self.0.read(&mut signal)? == 0 {
            return Ok(None);
        }
        let records = self.number()?;
        let len = self.number()?;
        if len > MESSAGE_BYTES_MAX {
            bail!("a message of {len} bytes is not one of the generator's");
        }
        Ok(Some((u64::from(records), len)))
    }

    fn number(&mut self) -> Result<u32> {
        let mut number = [0; 4];
        self.0
            .read_exact(&mut number)
            .context("the workload ends within the head of a request")?;
        Ok(u32::from_le_bytes(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(directory: &tempfile::TempDir, requests: &[(u32, &[u8])]) -> std::path::PathBuf {
        let mut bytes = MAGIC.to_vec();
        for (records, body) in requests {
            bytes.push(1);
            bytes.extend(records.to_le_bytes());
            bytes.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
            bytes.extend(*body);
        }
        let path = directory.path().join("workload");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn requests_come_in_their_order_and_can_be_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory, &[(500, b"first"), (500, b"second"), (7, b"")]);

        let mut requests = Requests::open(&path).unwrap();
        requests.skip(500).unwrap();
        let second = ExportRequest {
            records: 500,
            body: Bytes::from_static(b"second"),
        };
        assert_eq!(requests.read().unwrap(), Some(second));
        assert_eq!(requests.read().unwrap().unwrap().records, 7);
        assert_eq!(requests.read().unwrap(), None);
    }

    #[test]
    fn a_file_that_ends_within_a_request_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory, &[(500, b"first")]);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, whole.split_last().unwrap().1).unwrap();

        assert!(Requests::open(&path).unwrap().read().is_err());
        std::fs::write(&path, b"something else").unwrap();
        assert!(Requests::open(&path).is_err());
    }
}
