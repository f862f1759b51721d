//! How long a record takes from its acknowledgement to its first appearance, by its id and in a search:
//! single records are sent beside the load and looked for.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use tokio::time::sleep;

use super::Figures;
use crate::{
    clock::now_unix_nano,
    connection::Connection,
    probe_request::{self, SERVICE},
    queries::{Answer, Ask},
    stats::Quantiles,
    systems::server::Server,
    workload::{
        Signal,
        truth::{LogProbe, TraceProbe},
    },
};

/// A record that is not visible by then counts as this late.
const GIVE_UP: Duration = Duration::from_secs(20);
const LOOK_INTERVAL: Duration = Duration::from_millis(1);
const PROBE_INTERVAL: Duration = Duration::from_millis(50);
/// Searches for a probe begin and end this far from now.
const MARGIN_NANOS: u64 = 3_600_000_000_000;
const MILLI_NANOS: u64 = 1_000_000;

/// Milliseconds from acknowledgement to visibility.
#[derive(Default)]
pub(super) struct Visible {
    by_id: Vec<f64>,
    by_search: Vec<f64>,
}

impl Visible {
    /// Sends one record after the other and looks for each until whoever waits for this stops. Never
    /// ends but by an error.
    pub(super) async fn watch(&mut self, server: &Server, signal: Signal) -> Result<()> {
        let mut number = 0;
        let target = server.target(signal);
        let mut sending = Connection::to(target.address);
        let (mut ids, mut searches) = (server.connect(), server.connect());
        loop {
            number += 1;
            let now = now_unix_nano();
            let id = u128::from(now) << 64 | u128::from(u64::MAX - number);
            let body = probe_request::encode(signal, id, now);
            let answer = sending
                .post(&target.path, "application/x-protobuf", body)
                .await?;
            let acknowledged = Instant::now();
            if !answer.status.is_success() {
                bail!("a single record was answered with {}", answer.status);
            }
            let [by_id, by_search] = questions(signal, id, now);
            let (by_id, by_search) = tokio::join!(
                appears(server, &mut ids, &by_id, acknowledged),
                appears(server, &mut searches, &by_search, acknowledged),
            );
            self.by_id.push(by_id);
            self.by_search.push(by_search);
            sleep(PROBE_INTERVAL).await;
        }
    }

    pub(super) fn figures(&self, figures: &mut Figures) {
        for (how, millis) in [("by id", &self.by_id), ("by search", &self.by_search)] {
            let Some(all) = Quantiles::of(millis) else {
                figures.remark("no single record was looked for: the load was too short");
                return;
            };
            figures.add(format!("ack to visible {how}, p50"), "ms", all.p50);
            figures.add(format!("ack to visible {how}, p99"), "ms", all.p99);
        }
    }
}

/// Looks again and again until it is there.
async fn appears(server: &Server, connection: &mut Connection, ask: &Ask, since: Instant) -> f64 {
    loop {
        let is_there = match server.ask(connection, ask).await {
            Ok(Some(Answer::Spans(spans))) => spans > 0,
            Ok(Some(Answer::Traces(traces))) => !traces.is_empty(),
            Ok(Some(Answer::Logs(times))) => !times.is_empty(),
            // Some answer with an error until the service is known.
            _ => false,
        };
        let passed = since.elapsed();
        if is_there || passed > GIVE_UP {
            return passed.as_secs_f64() * 1e3;
        }
        sleep(LOOK_INTERVAL).await;
    }
}

/// What finds a probe by its id and what finds it in a search.
fn questions(signal: Signal, id: u128, now: u64) -> [Ask; 2] {
    let trace_id = format!("{id:032x}");
    let start_unix_nano = now.saturating_sub(MARGIN_NANOS) / MILLI_NANOS * MILLI_NANOS;
    let end_unix_nano = (now + MARGIN_NANOS) / MILLI_NANOS * MILLI_NANOS;
    match signal {
        Signal::Traces => {
            let probe = TraceProbe {
                service: Some(SERVICE.to_owned()),
                attributes: [(probe_request::ATTRIBUTE.to_owned(), trace_id.clone())].into(),
                start_unix_nano,
                end_unix_nano,
                ..TraceProbe::default()
            };
            let by_id = Ask::Trace {
                id: trace_id,
                spans: 1,
            };
            [by_id, Ask::Traces(Arc::new(probe))]
        }
        Signal::Logs => {
            let probe = LogProbe {
                text: trace_id.clone(),
                start_unix_nano,
                end_unix_nano,
                ..LogProbe::default()
            };
            let by_id = Ask::LogsOfTrace {
                id: trace_id,
                count: 1,
            };
            [by_id, Ask::Logs(Arc::new(probe))]
        }
    }
}
