//! A sender that does what OTLP asks of it: it keeps what it holds in a bounded queue and tries again, when the server
//! says to or after growing pauses, until it is delivered.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::account::Account;
use crate::exporter::{Answer, Exporter, Protocol};
use crate::spans::{SPANS, Spans};

/// Requests that wait in a queue, with as many spans as the queues of SDKs hold.
const QUEUE_REQUESTS: usize = 4;
const TICK: Duration = Duration::from_millis(10);
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// After the last span was made nothing is held longer than this.
const DRAIN_MAX: Duration = Duration::from_secs(1200);

/// What is to be sent, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Patient {
    pub(crate) service: String,
    /// Different for each sender.
    pub(crate) number: u64,
    pub(crate) protocol: Protocol,
    pub(crate) address: SocketAddr,
    pub(crate) time: Duration,
    pub(crate) spans_per_second: u32,
    pub(crate) exporters: usize,
}

impl Patient {
    /// Sends until the time is over and the queues are empty.
    pub(crate) async fn send(self) -> Result<Account> {
        let end = Instant::now() + self.time;
        let mut queues = Vec::new();
        let mut workers = JoinSet::new();
        for number in 0..self.exporters {
            let (queue, requests) = mpsc::channel(QUEUE_REQUESTS);
            queues.push(queue);
            let exporter = Exporter::to(self.address, self.protocol);
            // Exporters that began at once need not try again at once.
            let jitter = PAUSE_MIN * u32::try_from(number)? / u32::try_from(self.exporters)?;
            workers.spawn(export(exporter, requests, jitter, end));
        }
        let mut account = self.make(queues, end).await;
        for worker in workers.join_all().await {
            account.add(worker);
        }
        Ok(account)
    }

    /// Makes spans at the rate and hands them over, or drops them where a queue is full.
    async fn make(&self, queues: Vec<mpsc::Sender<Bytes>>, end: Instant) -> Account {
        let mut account = Account {
            service: self.service.clone(),
            sender: "by the letter".to_owned(),
            protocol: self.protocol.name().to_owned(),
            ..Account::default()
        };
        let mut spans = Spans::of(&self.service, self.number);
        let mut turn = queues.iter().cycle();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let began = Instant::now();
        while Instant::now() < end {
            ticks.tick().await;
            let due = began.elapsed().as_secs_f64() * f64::from(self.spans_per_second);
            while ((account.made + SPANS) as f64) <= due {
                account.made += SPANS;
                match turn.next().map(mpsc::Sender::try_reserve) {
                    Some(Ok(place)) => place.send(spans.next()),
                    Some(Err(_)) | None => account.dropped += SPANS,
                }
            }
        }
        account
    }
}

/// Exports what comes from the queue, one request after the other.
async fn export(
    exporter: Exporter,
    mut requests: mpsc::Receiver<Bytes>,
    jitter: Duration,
    end: Instant,
) -> Account {
    let mut account = Account::default();
    while let Some(request) = requests.recv().await {
        deliver(&exporter, &request, jitter, end + DRAIN_MAX, &mut account).await;
    }
    account.drain_seconds = end.elapsed().as_secs_f64();
    account
}

async fn deliver(
    exporter: &Exporter,
    request: &Bytes,
    jitter: Duration,
    deadline: Instant,
    account: &mut Account,
) {
    let began = Instant::now();
    let mut pause = PAUSE_MIN;
    loop {
        let sent = Instant::now();
        let told = match exporter.export(request.clone()).await {
            Ok(Answer::Accepted { rejected }) => {
                account.delivered += SPANS - rejected;
                account.refused += rejected;
                let seconds = sent.elapsed().as_secs_f64();
                account.admitted_seconds.push(seconds);
                account.export_seconds.push(began.elapsed().as_secs_f64());
                return;
            }
            Ok(Answer::Refused) => {
                account.refused += SPANS;
                return;
            }
            Ok(Answer::TryAgain { after }) => after,
            Err(_) => None,
        };
        let wait = told.unwrap_or(pause + jitter);
        pause = (pause * 2).min(PAUSE_MAX);
        if Instant::now() + wait > deadline {
            account.given_up += SPANS;
            return;
        }
        sleep(wait).await;
    }
}
