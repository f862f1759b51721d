//! Counts who was turned away, and prints it as Prometheus text.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::door::Guard;

const TURNED_AWAY: &str = "spandrel_access_turned_away_total";

/// Why somebody was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The request is for a name that is not this server's.
    Host,
}

impl Reason {
    const ALL: [Self; 1] = [Self::Host];

    fn label(self) -> &'static str {
        match self {
            Self::Host => "host",
        }
    }
}

/// How many were turned away at one door.
#[derive(Debug, Default)]
pub(crate) struct Turned([AtomicU64; Reason::ALL.len()]);

impl Turned {
    pub(crate) fn count(&self, reason: Reason) {
        for (counter, candidate) in self.0.iter().zip(Reason::ALL) {
            if candidate == reason {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Appends the counters of all doors in the Prometheus text format.
pub(crate) fn render(out: &mut String, guards: &[Arc<Guard>]) {
    out.push_str(
        "# HELP spandrel_access_turned_away_total Connections and requests turned away, by door and \
         reason.\n# TYPE spandrel_access_turned_away_total counter\n",
    );
    for guard in guards {
        for (counter, reason) in guard.turned().0.iter().zip(Reason::ALL) {
            let (door, reason) = (guard.name(), reason.label());
            let count = counter.load(Ordering::Relaxed);
            let written = writeln!(
                out,
                "{TURNED_AWAY}{{door=\"{door}\",reason=\"{reason}\"}} {count}"
            );
            debug_assert!(written.is_ok(), "writing to a String cannot fail");
        }
    }
}
