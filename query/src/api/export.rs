//! `/api/v1/export`: records as a file, sent while it is written.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use hyper::body::Frame;
use model::Signal;
use storage::export::{Export, ExportError, ExportFormat};
use storage::{Filter, Snapshot};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::Api;
use super::params::Params;
use crate::error::QueryError;
use crate::lang;

/// Exports that run at a time; they read everything, and are not in the way of queries.
const EXPORTS_AT_A_TIME: usize = 1;
/// Parts of a file that wait for the client.
const PARTS_WAITING: usize = 2;
/// Size of a part.
const PART_BYTES: usize = 256 * 1024;
/// Longest that a client may take no part.
const STALL_MAX: Duration = Duration::from_secs(60);

/// Allowances to run an export.
pub(super) type Permits = Arc<Semaphore>;

/// The allowances of one server.
pub(super) fn permits() -> Permits {
    Arc::new(Semaphore::new(EXPORTS_AT_A_TIME))
}

/// `GET /api/v1/export`
pub(super) async fn export(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Response, QueryError> {
    let export = parse(query.as_deref())?;
    let permit = Arc::clone(&api.exports).try_acquire_owned();
    let permit = permit.map_err(|_| QueryError::Overloaded)?;
    let (parts, waiting) = mpsc::channel(PARTS_WAITING);
    let mut writer = PartWriter {
        part: Vec::with_capacity(PART_BYTES),
        parts,
        runtime: Handle::current(),
    };
    let name = format!("{}.{}", export.signal, export.format.ending());
    let content_type = match export.format {
        ExportFormat::Parquet => "application/vnd.apache.parquet",
        ExportFormat::JsonLines | ExportFormat::OtlpLines => "application/jsonl",
    };
    let storage = api.pool.storage().clone();
    // Whoever reads the body sees how it ends: without the last part it is an error.
    tokio::task::spawn_blocking(move || {
        let written = write(&export, &storage.snapshot(), &mut writer);
        // A client that has seen the end may ask for the next export at once.
        drop(permit);
        let ended = written.and_then(|()| Ok(writer.send(Part::End)?));
        if let Err(error) = ended {
            tracing::warn!(%error, "export ended early");
        }
    });
    let body = Body::new(Parts {
        waiting,
        is_complete: false,
    });
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    let disposition = format!("attachment; filename=\"{name}\"");
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

fn parse(query: Option<&str>) -> Result<Export, QueryError> {
    let params = Params::strict(query, &["signal", "format", "q", "start", "end"])?;
    let signal = params.parsed("signal", |text| match text {
        "traces" => Ok(Signal::Traces),
        "logs" => Ok(Signal::Logs),
        _ => Err("signal must be traces or logs".to_owned()),
    })?;
    let signal = signal
        .ok_or_else(|| QueryError::invalid("signal", "signal must be given: traces or logs"))?;
    let format = params.parsed("format", |text| match text {
        "parquet" => Ok(ExportFormat::Parquet),
        "jsonl" => Ok(ExportFormat::JsonLines),
        "otlp" => Ok(ExportFormat::OtlpLines),
        _ => Err("format must be parquet, jsonl or otlp".to_owned()),
    })?;
    let all = lang::compile(params.text("q").unwrap_or_default(), signal)
        .map_err(|error| QueryError::invalid("q", error.to_string()))?;
    let time = params.time_range()?;
    Ok(Export {
        signal,
        filter: Filter { time, all },
        format: format.unwrap_or(ExportFormat::Parquet),
    })
}

/// Writes everything that can be read. An error when that is not all, so that nobody takes the file for complete.
fn write(export: &Export, snapshot: &Snapshot, writer: &mut PartWriter) -> Result<(), ExportError> {
    let exported = export.write_snapshot(snapshot, &mut *writer)?;
    io::Write::flush(writer)?;
    for unread in &exported.unread {
        tracing::error!(%unread, "left out of an export");
    }
    if exported.unread.is_empty() {
        Ok(())
    } else {
        Err(io::Error::other("not everything could be read").into())
    }
}

/// A piece of the file, or the word that there are no more.
enum Part {
    Bytes(Bytes),
    End,
}

/// Hands on what is written in parts, and waits for the client.
struct PartWriter {
    part: Vec<u8>,
    parts: mpsc::Sender<Part>,
    runtime: Handle,
}

impl PartWriter {
    fn send(&self, part: Part) -> io::Result<()> {
        let sent = self
            .runtime
            .block_on(async { timeout(STALL_MAX, self.parts.send(part)).await });
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::Error::other("the client is gone")),
            Err(_elapsed) => Err(io::Error::other("the client takes nothing")),
        }
    }
}

impl io::Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.extend_from_slice(bytes);
        if self.part.len() >= PART_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.part.is_empty() {
            return Ok(());
        }
        let part = std::mem::replace(&mut self.part, Vec::with_capacity(PART_BYTES));
        self.send(Part::Bytes(part.into()))
    }
}

/// The body of the answer. It fails when the parts end without the last one.
struct Parts {
    waiting: mpsc::Receiver<Part>,
    is_complete: bool,
}

impl hyper::body::Body for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.is_complete {
            return Poll::Ready(None);
        }
        self.waiting.poll_recv(context).map(|part| match part {
            Some(Part::Bytes(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Part::End) => {
                self.is_complete = true;
                None
            }
            None => Some(Err(io::Error::other("the export ended early"))),
        })
    }
}
