//! When requests are due.

use std::time::{Duration, Instant};

/// How fast requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    /// As fast as the server answers: each connection sends when its last answer is there.
    Full,
    /// So many records a second, whether or not the server keeps up.
    PerSecond(f64),
}

impl Pace {
    /// The moment at which a request is due that has so many records before it.
    pub(crate) fn due(self, began: Instant, records_before: u64) -> Instant {
        match self {
            // It counts from when it is sent: at full speed there is no other moment.
            Self::Full => Instant::now(),
            Self::PerSecond(rate) => {
                began + Duration::from_secs_f64(records_before as f64 / rate.max(f64::MIN_POSITIVE))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_due_by_the_records_before_it_and_nothing_else() {
        let began = Instant::now();
        let pace = Pace::PerSecond(20_000.0);

        assert_eq!(pace.due(began, 0), began);
        assert_eq!(pace.due(began, 500), began + Duration::from_millis(25));
        assert_eq!(pace.due(began, 20_000), began + Duration::from_secs(1));
    }
}
