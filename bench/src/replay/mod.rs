//! Sends the requests of a workload over OTLP/HTTP as protobuf, without compression, on some keep-alive
//! connections: as fast as the server answers, or at a rate.

mod outcome;
mod pace;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{StatusCode, header};
use tokio::{
    sync::{Mutex, mpsc},
    task::{JoinSet, spawn_blocking},
    time::sleep,
};

pub(crate) use self::{outcome::Replayed, pace::Pace};
use crate::{
    connection::{Connection, Response},
    workload::requests::{ExportRequest, Requests},
};

const PROTOBUF: &str = "application/x-protobuf";
/// Requests that were read and wait for a connection.
const READY_REQUESTS_MAX: usize = 32;
/// A request that the server asks to send again is given up after so many times.
const TRIES_MAX: u32 = 100;
/// The wait before another try when the server does not say.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Which requests of a workload, and how.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    pub(crate) file: PathBuf,
    /// Records at the start of the file that are passed over.
    pub(crate) skip: u64,
    /// Records to send.
    pub(crate) count: u64,
    pub(crate) pace: Pace,
    pub(crate) connections: usize,
}

/// Where requests go.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
}

/// A request and the moment at which it should be sent.
struct Due {
    request: ExportRequest,
    at: Instant,
}

impl Replay {
    /// Sends everything and waits for the last answer.
    pub(crate) async fn run(&self, target: &Target) -> Result<Replayed> {
        let (sender, receiver) = mpsc::channel(READY_REQUESTS_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        let began = Instant::now();
        let mut connections = JoinSet::new();
        for _ in 0..self.connections {
            connections.spawn(work(target.clone(), Arc::clone(&receiver)));
        }
        drop(receiver);
        let replay = self.clone();
        let runtime = tokio::runtime::Handle::current();
        let reading = spawn_blocking(move || replay.read(began, &sender, &runtime));
        let mut sum = Replayed::default();
        while let Some(ended) = connections.join_next().await {
            sum.merge(ended?);
        }
        reading
            .await
            .context("the thread that reads the workload failed")??;
        sum.elapsed = began.elapsed();
        Ok(sum)
    }

    /// Hands requests out, each at its time. Blocking.
    fn read(
        &self,
        began: Instant,
        sender: &mpsc::Sender<Due>,
        runtime: &tokio::runtime::Handle,
    ) -> Result<()> {
        let mut requests = Requests::open(&self.file)?;
        requests.skip(self.skip)?;
        let mut records = 0;
        while records < self.count
            && let Some(request) = requests.read()?
        {
            let at = self.pace.due(began, records);
            runtime.block_on(tokio::time::sleep_until(at.into()));
            records += request.records;
            if sender.blocking_send(Due { request, at }).is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// What one connection does: one request after the other.
async fn work(target: Target, requests: Arc<Mutex<mpsc::Receiver<Due>>>) -> Replayed {
    let mut connection = Connection::to(target.address);
    let mut sum = Replayed::default();
    loop {
        let next = requests.lock().await.recv().await;
        let Some(Due { request, at }) = next else {
            return sum;
        };
        export(&mut connection, &target.path, &request, at, &mut sum).await;
    }
}

/// Sends one request until the server takes or refuses it. The time counts from the moment it was
/// due, so that a slow server cannot slow its own test down.
async fn export(
    connection: &mut Connection,
    path: &str,
    request: &ExportRequest,
    due: Instant,
    sum: &mut Replayed,
) {
    sum.requests += 1;
    sum.bytes += request.body.len() as u64;
    for _ in 0..TRIES_MAX {
        let body = Bytes::clone(&request.body);
        match connection.post(path, PROTOBUF, body).await {
            Ok(response) if response.status.is_success() => {
                sum.accept(request.records, &response.body);
                sum.ack_millis.push(due.elapsed().as_secs_f64() * 1e3);
                return;
            }
            Ok(response) if is_retryable(response.status) => {
                sum.retries += 1;
                sleep(retry_pause(&response)).await;
            }
            Ok(response) => {
                let text = String::from_utf8_lossy(&response.body).into_owned();
                return sum.fail(request.records, &format!("{}: {text}", response.status));
            }
            Err(error) => return sum.fail(request.records, &format!("{error:#}")),
        }
    }
    sum.fail(
        request.records,
        "the server asked too often for another try",
    );
}

fn is_retryable(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

fn retry_pause(response: &Response) -> Duration {
    let value = response.headers.get(header::RETRY_AFTER);
    let seconds = value.and_then(|value| value.to_str().ok()?.parse().ok());
    seconds.map_or(RETRY_PAUSE, Duration::from_secs)
}
