//! What the run came to, as tables, and which promises it broke.

use std::collections::BTreeMap;
use std::fmt;

use crate::account::Account;
use crate::load::Load;
use crate::page::Page;
use crate::server::{Ended, Memory};
use crate::stats::Quantiles;

const DURATION: &str = "spandrel_ingest_request_duration_seconds";
const BUDGET: &str = "spandrel_process_memory_budget_bytes";
/// Ways to end that a sender is not to try again after are all others.
const HARMLESS: [&str; 4] = ["accepted", "overloaded", "not_stored", "interrupted"];

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) is_throttled: bool,
    pub(crate) seconds: u64,
    pub(crate) load: Load,
    pub(crate) memory: Memory,
    pub(crate) page: Page,
    pub(crate) stored: BTreeMap<String, u64>,
    pub(crate) ended: Ended,
}

impl Report {
    fn stored_of(&self, account: &Account) -> u64 {
        self.stored
            .get(&account.service)
            .copied()
            .unwrap_or_default()
    }

    fn total(&self, count: fn(&Account) -> u64) -> u64 {
        self.load.accounts.iter().map(count).sum()
    }

    fn budget_bytes(&self) -> u64 {
        self.page.sum(BUDGET, &[])
    }

    /// Requests that were answered with a code that makes senders drop them.
    fn refused_for_good(&self) -> u64 {
        let requests = self.page.requests().into_iter();
        let refused = requests.filter(|it| !HARMLESS.contains(&it.outcome.as_str()));
        refused.map(|it| it.count).sum()
    }

    /// The promises that were not kept; empty when all were.
    pub(crate) fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for account in &self.load.accounts {
            let (service, stored) = (&account.service, self.stored_of(account));
            if stored != account.delivered {
                let delivered = account.delivered;
                broken.push(format!(
                    "{service}: {delivered} delivered and {stored} stored"
                ));
            }
            if account.refused > 0 {
                broken.push(format!("{service}: {} refused for good", account.refused));
            }
            // Only senders that keep to OTLP can be promised this; SDKs give up by themselves.
            let is_patient = !account.admitted_seconds.is_empty();
            if is_patient && account.given_up > 0 {
                let given_up = account.given_up;
                broken.push(format!("{service}: {given_up} held and never taken"));
            }
            if !account.is_complete() {
                broken.push(format!("{service}: the account does not add up"));
            }
        }
        if self.refused_for_good() > 0 {
            let count = self.refused_for_good();
            broken.push(format!("{count} requests refused for good"));
        }
        // The server only looks at what it holds itself; mapped files are to leave room for that all the same.
        if self.memory.resident_bytes > self.budget_bytes() {
            broken.push("the memory budget".to_owned());
        }
        if !self.ended.status.success() {
            broken.push(format!("the server ended with {}", self.ended.status));
        }
        broken
    }

    fn write_accounts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| service | sender | made | delivered | given up | dropped by its queue | stored \
             | export p50, s | p99, s | drain, s |\n\
             | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
        )?;
        for it in &self.load.accounts {
            let took = Quantiles::of(&it.export_seconds).unwrap_or_default();
            writeln!(
                f,
                "| {} | {}, {} | {} | {} | {} | {} | {} | {:.1} | {:.1} | {:.1} |",
                it.service,
                it.sender,
                it.protocol,
                it.made,
                it.delivered,
                it.given_up,
                it.dropped,
                self.stored_of(it),
                took.p50,
                took.p99,
                it.drain_seconds,
            )?;
        }
        writeln!(
            f,
            "| **all** | | {} | {} | {} | {} | {} | | | |\n",
            self.total(|it| it.made),
            self.total(|it| it.delivered),
            self.total(|it| it.given_up),
            self.total(|it| it.dropped),
            self.stored.values().sum::<u64>(),
        )
    }

    fn write_requests(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| protocol | outcome | reason | requests |\n| --- | --- | --- | ---: |"
        )?;
        for it in self.page.requests() {
            writeln!(
                f,
                "| {} | {} | {} | {} |",
                it.protocol, it.outcome, it.reason, it.count
            )?;
        }
        writeln!(f)?;
        for protocol in ["otlp_grpc", "otlp_http"] {
            let labels = [("signal", "traces"), ("protocol", protocol)];
            let of = |share| self.page.quantile(DURATION, &labels, share);
            if let (Some(p50), Some(p99)) = (of(0.5), of(0.99)) {
                writeln!(
                    f,
                    "- {protocol}: any answer after {p50:.3} s (p50), {p99:.3} s (p99)"
                )?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        self.write_accounts(f)?;
        self.write_requests(f)?;
        let accounts = self.load.accounts.iter();
        let admitted: Vec<f64> = accounts
            .flat_map(|it| it.admitted_seconds.clone())
            .collect();
        if let Some(took) = Quantiles::of(&admitted) {
            let (p50, p99, max) = (took.p50, took.p99, took.max);
            writeln!(
                f,
                "- admitted requests of the senders by the letter: acknowledged after {p50:.3} s (p50), \
                 {p99:.3} s (p99), {max:.3} s (max)"
            )?;
        }
        let (made, accepted) = (self.total(|it| it.made), self.load.accepted_meanwhile);
        writeln!(
            f,
            "- offered {made} spans in {} s, {accepted} of them accepted meanwhile: a load of {:.1} times \
             that{}",
            self.seconds,
            made as f64 / accepted.max(1) as f64,
            if self.is_throttled {
                ""
            } else {
                " (unthrottled)"
            },
        )?;
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        writeln!(
            f,
            "- memory: {:.1} MiB anonymous at most, of a budget of {:.1} MiB; {:.1} MiB of mapped files at \
             most; {:.1} MiB resident in all at most",
            mebibytes(self.memory.anonymous_bytes),
            mebibytes(self.budget_bytes()),
            mebibytes(self.memory.mapped_bytes),
            mebibytes(self.memory.resident_bytes),
        )?;
        writeln!(
            f,
            "- refused for good: {} requests; no sender held anything {:.1} s after the last span; the server \
             ended with {} after {:.1} s",
            self.refused_for_good(),
            self.load.took.as_secs_f64() - self.seconds as f64,
            self.ended.status,
            self.ended.took.as_secs_f64(),
        )?;
        match self.broken().as_slice() {
            [] => write!(f, "- every promise was kept"),
            broken => write!(f, "- **broken**: {}", broken.join("; ")),
        }
    }
}
