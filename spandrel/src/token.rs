//! `spandrel token`: tokens for senders.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command talks to the terminal"
)]

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use access::NewToken;
use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};

/// What to do with tokens.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token for a sender.
    ///
    /// Prints the token, which can be seen only now, on the standard output. The server is given its hash: a line
    /// for the file of --ingest-token-file.
    New(NewArgs),
}

#[derive(Debug, Args)]
struct NewArgs {
    /// Who gets it: a name for metrics and for the file
    name: String,
    /// Append the line to this file instead of printing it
    #[arg(long, env = "SPANDREL_INGEST_TOKEN_FILE", value_name = "FILE")]
    ingest_token_file: Option<PathBuf>,
}

/// Does it.
///
/// # Errors
/// When no token can be made, or the file cannot be written.
pub(crate) fn run(args: TokenArgs) -> Result<()> {
    let TokenCommand::New(args) = args.command;
    let new = NewToken::generate(&args.name)?;
    match &args.ingest_token_file {
        Some(path) => {
            append(path, &new.line)
                .with_context(|| format!("cannot append to {}", path.display()))?;
            eprintln!("The line for it is in {}. The token:", path.display());
        }
        None => {
            eprintln!(
                "The line for the file of --ingest-token-file:\n\n  {}\n",
                new.line
            );
            eprintln!("The token for the sender, which cannot be seen again:\n");
        }
    }
    println!("{}", new.token.expose());
    Ok(())
}

/// Appends a line, in a file that only its owner reads where there is none yet.
fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.append(true).create(true).mode(0o600).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_all()
}
