//! Hostile input against a running server, beside a sender that means well: what the attacker is answered, what
//! memory the attack takes, and what the other sender notices of it.
//!
//! `attacks SPANDREL_BINARY [SECONDS] [WORD]` starts the binary on free ports of the loopback interface, in a
//! temporary directory, runs each attack for so many seconds, and prints a table; with WORD, only those attacks
//! whose name holds it.
#![expect(clippy::print_stdout, reason = "a benchmark talks to the terminal")]

#[path = "../../spandrel_process.rs"]
#[expect(dead_code, reason = "the other program asks over HTTP")]
mod spandrel_process;

mod floods;
mod honest;
mod payloads;
mod requests;
mod server;

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::honest::Honest;
use crate::server::Server;

const SECONDS: u64 = 5;
const SETTLE: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let binary = arguments
        .next()
        .context("usage: attacks SPANDREL_BINARY [SECONDS] [WORD]")?;
    let seconds = arguments.next().map_or(Ok(SECONDS), |it| it.parse())?;
    let time = Duration::from_secs(seconds);
    let word = arguments.next().unwrap_or_default();
    let server = Server::start(&binary).await?;
    println!(
        "| attack | times | answers | extra RSS, MiB | honest p50, ms | p99, ms | p99 without, ms | honest refused |"
    );
    println!("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |");
    let attacks = requests::all().into_iter().chain(floods::all());
    for attack in attacks.filter(|it| it.name().contains(&word)) {
        let calm = Honest::send_for(server.otlp_http(), time).await?;
        let before = server.resident_bytes()?;
        let watch = server.watch_peak();
        let (done, beside) = tokio::join!(
            attack.run(&server, time),
            Honest::send_for(server.otlp_http(), time)
        );
        let peak = watch.stop().await?;
        let (done, beside) = (done?, beside?);
        println!(
            "| {} | {} | {} | {:.1} | {:.1} | {:.1} | {:.1} | {} |",
            attack.name(),
            done.times,
            done.answers(),
            peak.saturating_sub(before) as f64 / f64::from(1 << 20),
            beside.millis(50),
            beside.millis(99),
            calm.millis(99),
            beside.refused,
        );
        tokio::time::sleep(SETTLE).await;
    }
    server.stop().await
}
