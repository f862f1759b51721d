//! The one binary: command line, wiring, logging and shutdown.

mod cli;
mod clock;
mod demo;
mod logging;
mod process_memory;
mod serve;
mod shutdown;

use std::process::ExitCode;

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
