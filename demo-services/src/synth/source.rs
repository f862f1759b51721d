//! Makes or reads requests on a thread of its own, and writes, digests and hands them on.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    Source, SynthConfig, SynthError, file,
    requests::{ExportRequest, Generator, Signal},
    truth::Expected,
    wire,
};

/// What was made.
#[derive(Clone, Debug, Default)]
pub(super) struct Made {
    pub(super) requests: u64,
    pub(super) spans: u64,
    pub(super) span_bytes: u64,
    pub(super) log_records: u64,
    pub(super) log_bytes: u64,
    /// SHA-256 of all requests in their order, each with its head as it stands in a file.
    pub(super) digest: Option<String>,
    /// Whether all of it was made, that is, whether nobody stopped it.
    pub(super) is_complete: bool,
}

/// Where requests come from and where they are kept, opened.
pub(super) struct Origin {
    requests: Requests,
    expect: Option<PathBuf>,
    out: Option<(PathBuf, file::Writer)>,
    digest: Option<Sha256>,
}

enum Requests {
    Made(Box<Generator>),
    Replayed(PathBuf, file::Reader),
}

impl Origin {
    /// Opens the files, so that what is wrong with them is known before anything is sent.
    pub(super) fn open(config: &SynthConfig) -> Result<Self, SynthError> {
        let (requests, expect) = match &config.source {
            Source::Made {
                workload,
                expect,
                samples,
            } => {
                let generator = Generator::new(*workload, expect.as_ref().map(|_| *samples));
                (Requests::Made(Box::new(generator)), expect.clone())
            }
            Source::Replayed(path) => {
                let reader = file::Reader::open(path).map_err(at(path))?;
                (Requests::Replayed(path.clone(), reader), None)
            }
        };
        let out = match &config.out {
            Some(path) => Some((path.clone(), file::Writer::create(path).map_err(at(path))?)),
            None => None,
        };
        Ok(Self {
            requests,
            expect,
            out,
            digest: config.digest.then(Sha256::new),
        })
    }

    /// Goes through all requests, or those up to `shutdown` or the end of who takes them. Blocking.
    pub(super) fn run(
        mut self,
        sender: Option<&mpsc::Sender<ExportRequest>>,
        shutdown: &CancellationToken,
    ) -> Result<Made, SynthError> {
        let mut made = Made::default();
        made.is_complete = loop {
            if shutdown.is_cancelled() {
                break false;
            }
            let Some(request) = self.next()? else {
                break true;
            };
            made.add(&request);
            if let Some((path, out)) = &mut self.out {
                out.write(&request).map_err(at(path))?;
            }
            if let Some(digest) = &mut self.digest {
                digest.update(file::head(&request));
                digest.update(&request.bytes);
            }
            if sender.is_some_and(|sender| sender.blocking_send(request).is_err()) {
                break false;
            }
        };
        if let Some((path, out)) = self.out {
            out.finish().map_err(at(&path))?;
        }
        made.digest = self.digest.map(|digest| {
            let mut text = Vec::new();
            for byte in digest.finalize() {
                wire::hex(&mut text, u128::from(byte), 2);
            }
            String::from_utf8_lossy(&text).into_owned()
        });
        if let (Requests::Made(generator), Some(path)) = (self.requests, self.expect)
            && let Some((truth, names, templates)) = generator.into_truth()
        {
            write_json(&path, &truth.expected(&names, &templates)).map_err(at(&path))?;
        }
        Ok(made)
    }

    fn next(&mut self) -> Result<Option<ExportRequest>, SynthError> {
        match &mut self.requests {
            Requests::Made(generator) => Ok(generator.next()),
            Requests::Replayed(path, reader) => reader.read().map_err(at(path)),
        }
    }
}

impl Made {
    fn add(&mut self, request: &ExportRequest) {
        self.requests += 1;
        let (records, bytes) = match request.signal {
            Signal::Traces => (&mut self.spans, &mut self.span_bytes),
            Signal::Logs => (&mut self.log_records, &mut self.log_bytes),
        };
        *records += u64::from(request.records);
        *bytes += request.bytes.len() as u64;
    }
}

fn write_json(path: &Path, expected: &Expected) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    serde_json::to_writer_pretty(&mut out, expected)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> SynthError {
    let path = path.to_owned();
    move |source| SynthError::File { path, source }
}
