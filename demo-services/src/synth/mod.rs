//! The synthetic source: any number of spans and log records, made from a seed and sent by OTLP as
//! fast as wanted, with a known right answer for every query. No SDK is in the path.
//!
//! A trace is planned from the seed and its index alone (`plan`), encoded straight into protocol
//! buffers (`spans`, `logs`), gathered into export requests (`requests`) and, on the way, counted
//! (`truth`). One thread does that; the requests are the same whatever becomes of them. They are
//! written to a file (`file`), sent at a rate (`send`), or both.
//!
//! - T-std: 20 services with 30 operations each, 1 to 19 spans a trace and 1 % of traces with 200 to
//!   2,000, 8 resource attributes, 10 to 12 span attributes of fixed cardinalities (4 methods, 600
//!   routes, 5 status codes, 30 user agents, 2^18 clients, 10,000 users, a session for each trace, a URL
//!   for each span), 2 % errors with an exception and its stack, links on 1 %; about 612 bytes a
//!   span.
//! - L-std: templates in twelve styles, one record for each span on average, half of them with the
//!   trace context of their span; about 320 bytes a record.

mod args;
mod dice;
mod file;
mod logs;
mod names;
mod plan;
mod probes;
mod requests;
mod send;
mod severity;
mod source;
mod spans;
mod styles;
mod summary;
mod templates;
mod time_text;
mod truth;
mod wire;

#[cfg(test)]
mod delivery_tests;
#[cfg(test)]
mod tests;

use std::{io, path::PathBuf, time::Duration};

use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet, spawn_blocking},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

pub use self::{
    args::{Epoch, SignalChoice, SynthArgs, SynthRate},
    requests::Workload,
    summary::Summary,
};
use self::{
    requests::ExportRequest,
    send::{Connection, Outcome},
    source::Origin,
    summary::Delivery,
};

use crate::tls::{ExporterTls, TlsError};

/// Requests that wait between the thread that makes them and the connections.
const READY_REQUESTS_MAX: usize = 16;

/// What to make and what to do with it.
#[derive(Clone, Debug)]
pub struct SynthConfig {
    /// Where requests come from.
    pub source: Source,
    /// Where requests go, OTLP over gRPC; nowhere if not given.
    pub otlp: Option<String>,
    /// How a server at https:// is known.
    pub tls: ExporterTls,
    /// When requests are sent.
    pub rate: SynthRate,
    /// Connections to the server, used in turn.
    pub connections: usize,
    /// Requests that may be under way at once, on all connections together.
    pub in_flight_max: usize,
    /// The file that requests are written to.
    pub out: Option<PathBuf>,
    /// Compute a digest of all requests.
    pub digest: bool,
}

/// Where requests come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// They are made.
    Made {
        /// What determines them.
        workload: Workload,
        /// The file that the right answers are written to.
        expect: Option<PathBuf>,
        /// Sample queries of each kind in that file.
        samples: usize,
    },
    /// They were written to this file before.
    Replayed(PathBuf),
}

/// Why requests could not be made, written or sent.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// There is nothing to do with the requests.
    #[error("nothing to do: give at least one of --otlp, --out, --expect and --digest")]
    NothingToDo,
    /// A file could not be read or written.
    #[error("cannot read or write {path:?}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The server is not there.
    #[error("cannot connect to {url}")]
    Connect {
        /// Where it was looked for.
        url: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// A file for encryption is missing.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The thread that makes requests failed.
    #[error("the thread that makes requests failed")]
    Thread(#[from] JoinError),
}

/// Makes or replays all requests, or those up to `shutdown`, waits for what is under way and sums up.
pub async fn run(config: SynthConfig, shutdown: CancellationToken) -> Result<Summary, SynthError> {
    let expects = matches!(
        &config.source,
        Source::Made {
            expect: Some(_),
            ..
        }
    );
    if config.otlp.is_none() && config.out.is_none() && !config.digest && !expects {
        return Err(SynthError::NothingToDo);
    }
    let mut connections = Vec::new();
    if let Some(url) = &config.otlp {
        let tls = config.tls.config(url)?;
        for _ in 0..config.connections {
            let connection = Connection::open(url, tls.clone()).await;
            connections.push(connection.map_err(|source| SynthError::Connect {
                url: url.clone(),
                source,
            })?);
        }
    }
    let (sender, receiver) = mpsc::channel(READY_REQUESTS_MAX);
    let origin = Origin::open(&config)?;
    let sender = (!connections.is_empty()).then_some(sender);
    let stop = shutdown.clone();
    let making = spawn_blocking(move || origin.run(sender.as_ref(), &stop));
    let began = Instant::now();
    let delivery = if connections.is_empty() {
        None
    } else {
        Some(deliver(&config, &connections, receiver, &shutdown).await)
    };
    let made = making.await??;
    Ok(Summary {
        made,
        delivery,
        elapsed: began.elapsed(),
    })
}

/// Sends what comes out of the channel: at a rate, each request is due at a moment that does not depend
/// on the server, and is dropped if too many are under way by then; without one, as soon as
/// there is room.
async fn deliver(
    config: &SynthConfig,
    connections: &[Connection],
    mut requests: mpsc::Receiver<ExportRequest>,
    shutdown: &CancellationToken,
) -> Delivery {
    let mut delivery = Delivery::default();
    let mut under_way: JoinSet<Outcome> = JoinSet::new();
    let start = Instant::now();
    let (mut records_before, mut number) = (0_u64, 0_usize);
    loop {
        let next = tokio::select! {
            next = requests.recv() => next,
            () = shutdown.cancelled() => None,
        };
        let Some(request) = next else { break };
        let due = match config.rate {
            SynthRate::Max => {
                while under_way.len() >= config.in_flight_max {
                    delivery.join(under_way.join_next().await);
                }
                Instant::now()
            }
            SynthRate::PerSecond(rate) => {
                let due = start + Duration::from_secs_f64(records_before as f64 / rate);
                tokio::select! {
                    () = sleep_until(due) => {}
                    () = shutdown.cancelled() => break,
                }
                due
            }
        };
        records_before += u64::from(request.records);
        delivery.late_max = delivery.late_max.max(due.elapsed());
        while let Some(ended) = under_way.try_join_next() {
            delivery.join(Some(ended));
        }
        if under_way.len() >= config.in_flight_max {
            delivery.dropped += u64::from(request.records);
            continue;
        }
        let connection = connections[number % connections.len()].clone();
        number += 1;
        under_way.spawn(connection.export(request, due, shutdown.clone()));
    }
    // The source must not wait for room that nobody makes.
    drop(requests);
    while let Some(ended) = under_way.join_next().await {
        delivery.join(Some(ended));
    }
    delivery
}
