//! The one binary: command line, wiring, logging and shutdown.

mod cli;
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

/// Gives memory back to the system when it is not needed any more.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::print_error(&error);
            ExitCode::FAILURE
        }
    }
}
