//! A sender that means well: small requests at a fixed rate over one connection that stays open.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval};

use crate::payloads;
use crate::requests::{post, status};

const EVERY: Duration = Duration::from_millis(20);

/// How long each acknowledgement took.
#[derive(Debug, Default)]
pub(crate) struct Honest {
    latencies: Vec<Duration>,
    /// Requests that were not acknowledged.
    pub(crate) refused: u64,
}

impl Honest {
    pub(crate) async fn send_for(address: SocketAddr, time: Duration) -> Result<Self> {
        let mut honest = Self::default();
        let body = payloads::one_span();
        let request = post("/v1/traces", "application/x-protobuf", None, &body);
        let mut connection: Option<TcpStream> = None;
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = Instant::now() + time;
        while Instant::now() < end {
            ticks.tick().await;
            // From when it wanted to send: that it has to connect again first is part of what it notices.
            let began = Instant::now();
            let answer = loop {
                let is_new = connection.is_none();
                let mut stream = match connection.take() {
                    Some(stream) => stream,
                    None => TcpStream::connect(address).await?,
                };
                match status(&mut stream, &request).await {
                    Ok(code) => {
                        connection = Some(stream);
                        break Some(code);
                    }
                    Err(_) if is_new => break None,
                    Err(_) => {}
                }
            };
            if answer == Some(200) {
                honest.latencies.push(began.elapsed());
            } else {
                honest.refused += 1;
            }
        }
        honest.latencies.sort_unstable();
        Ok(honest)
    }

    /// A percentile of the latencies.
    pub(crate) fn millis(&self, percent: usize) -> f64 {
        let index =
            (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        let latency = self.latencies.get(index).copied().unwrap_or_default();
        latency.as_secs_f64() * 1000.0
    }
}
