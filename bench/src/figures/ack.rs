//! How long acknowledgements took.

use super::Figures;
use crate::{replay::Replayed, stats::Quantiles};

/// Median, 99th percentile and longest under a load that is described by a word.
pub(super) fn figures(load: &str, replayed: &Replayed, figures: &mut Figures) {
    if let Some(all) = Quantiles::of(&replayed.ack_millis) {
        figures.add(format!("ack {load}, p50"), "ms", all.p50);
        figures.add(format!("ack {load}, p99"), "ms", all.p99);
        figures.add(format!("ack {load}, max"), "ms", all.max);
    }
    if replayed.failed > 0 {
        let complaint = replayed.complaint.as_deref().unwrap_or("no answer");
        let failed = replayed.failed;
        figures.remark(format!("{failed} records failed {load}: {complaint}"));
    }
    if replayed.retries > 0 {
        let retries = replayed.retries;
        figures.remark(format!("{retries} requests had to be sent again {load}"));
    }
}
