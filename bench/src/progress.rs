//! Tells on the terminal what goes on.

use std::{fmt::Display, time::Instant};

/// Since when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress(Instant);

impl Progress {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    /// A line with the seconds since the start.
    pub(crate) fn say(self, what: impl Display) {
        println!("[{:>6.1} s] {what}", self.0.elapsed().as_secs_f64());
    }
}
