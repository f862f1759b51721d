//! Turns signals into the stop token that everything waits on.

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Listens for Ctrl-C and SIGTERM.
#[derive(Debug)]
pub(crate) struct Signals {
    token: CancellationToken,
    // Held so that the listener lives as long as the process waits for it.
    _listener: JoinSet<()>,
}

impl Signals {
    /// Starts to listen. The first signal asks everything to finish; a second one ends the process at once.
    ///
    /// # Errors
    /// When the system refuses to deliver signals.
    pub(crate) fn listen() -> Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        let token = CancellationToken::new();
        let stop = token.clone();
        let mut listener = JoinSet::new();
        listener.spawn(async move {
            next(&mut interrupt, &mut terminate).await;
            stop.cancel();
            next(&mut interrupt, &mut terminate).await;
            tracing::warn!("asked twice: stopping without finishing");
            std::process::exit(130);
        });
        Ok(Self {
            token,
            _listener: listener,
        })
    }

    /// Cancelled by the first signal.
    pub(crate) fn token(&self) -> CancellationToken {
        self.token.clone()
    }
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
