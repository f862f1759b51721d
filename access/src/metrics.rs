//! Counts who was turned away, and prints it as Prometheus text.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::door::Guard;
use crate::live::Watched;

const TURNED_AWAY: &str = "spandrel_access_turned_away_total";
const IS_CURRENT: &str = "spandrel_access_file_is_current";
const CHANGES: &str = "spandrel_access_file_changes_total";

/// Why somebody was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The request is for a name that is not this server's.
    Host,
    /// The request has no token of this server.
    Token,
    /// The connection could not be encrypted, or its certificate is of no authority.
    Handshake,
}

impl Reason {
    const ALL: [Self; 3] = [Self::Host, Self::Token, Self::Handshake];

    fn label(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Token => "token",
            Self::Handshake => "handshake",
        }
    }
}

/// How many were turned away at one door.
#[derive(Debug, Default)]
pub(crate) struct Turned([AtomicU64; Reason::ALL.len()]);

impl Turned {
    /// Counts one more; returns how many there were before.
    pub(crate) fn count(&self, reason: Reason) -> u64 {
        let position = Reason::ALL.iter().position(|it| *it == reason);
        let counter = position.and_then(|it| self.0.get(it));
        counter.map_or(0, |counter| counter.fetch_add(1, Ordering::Relaxed))
    }
}

/// Appends the counters of all doors, and the state of watched files, in the Prometheus text format.
pub(crate) fn render(out: &mut String, guards: &[Arc<Guard>], watched: &[Arc<dyn Watched>]) {
    let help = "Connections and requests turned away, by door and reason.";
    head(out, TURNED_AWAY, "counter", help);
    for guard in guards {
        for (counter, reason) in guard.turned().0.iter().zip(Reason::ALL) {
            let (door, reason) = (guard.name(), reason.label());
            let count = counter.load(Ordering::Relaxed);
            let labels = format!("door=\"{door}\",reason=\"{reason}\"");
            sample(out, TURNED_AWAY, &labels, count);
        }
    }
    let states = || watched.iter().filter_map(|it| it.state());
    let help = "Whether what the file says now is what counts.";
    head(out, IS_CURRENT, "gauge", help);
    for (file, is_current, _) in states() {
        let labels = format!("file=\"{file}\"");
        sample(out, IS_CURRENT, &labels, u64::from(is_current));
    }
    let help = "Changes of the file that count since the start.";
    head(out, CHANGES, "counter", help);
    for (file, _, changes) in states() {
        sample(out, CHANGES, &format!("file=\"{file}\""), changes);
    }
}

fn head(out: &mut String, name: &str, form: &str, help: &str) {
    push(
        out,
        format_args!("# HELP {name} {help}\n# TYPE {name} {form}\n"),
    );
}

fn sample(out: &mut String, name: &str, labels: &str, value: u64) {
    push(out, format_args!("{name}{{{labels}}} {value}\n"));
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}
