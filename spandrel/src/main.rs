//! The one binary: command line, wiring, logging and shutdown.

mod cli;
mod client;
mod clock;
mod demo;
mod doors;
mod export;
mod handles;
mod import;
mod ingest_status;
mod logging;
mod memory;
mod memory_guard;
mod memory_status;
mod process_memory;
mod serve;
mod shutdown;
mod token;

use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Runtime;

/// How long threads that still work are waited for at the end: whoever needed them has given them up.
const THREADS_TIME_MAX: Duration = Duration::from_secs(1);

/// Gives memory back to the system when it is not needed any more.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let outcome = Runtime::new()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            let outcome = runtime.block_on(cli::run());
            runtime.shutdown_timeout(THREADS_TIME_MAX);
            outcome
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::print_error(&error);
            ExitCode::FAILURE
        }
    }
}
