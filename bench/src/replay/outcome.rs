//! What became of the requests of a replay.

use std::time::Duration;

/// Counts of records, and how long acknowledgements took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replayed {
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
    /// Records that the server acknowledged.
    pub(crate) accepted: u64,
    /// Records that it refused, alone or with their request, or that got no answer.
    pub(crate) failed: u64,
    /// Requests that it asked to send again.
    pub(crate) retries: u64,
    /// Of each accepted request.
    pub(crate) ack_millis: Vec<f64>,
    pub(crate) elapsed: Duration,
    /// What the server said about a failure, the first time.
    pub(crate) complaint: Option<String>,
}

impl Replayed {
    /// Counts an acknowledged request by the body of its answer.
    pub(crate) fn accept(&mut self, records: u64, answer: &[u8]) {
        let rejected = rejected_records(answer).min(records);
        self.accepted += records - rejected;
        if rejected > 0 {
            self.fail(rejected, "partial success");
        }
    }

    pub(crate) fn fail(&mut self, records: u64, complaint: &str) {
        self.failed += records;
        self.complaint
            .get_or_insert_with(|| complaint.chars().take(300).collect());
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        self.bytes += other.bytes;
        self.accepted += other.accepted;
        self.failed += other.failed;
        self.retries += other.retries;
        self.ack_millis.extend(other.ack_millis);
        self.elapsed = self.elapsed.max(other.elapsed);
        self.complaint = self.complaint.take().or(other.complaint);
    }

    pub(crate) fn records_per_second(&self) -> f64 {
        self.accepted as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// The records that an `ExportTraceServiceResponse` or `ExportLogsServiceResponse` says were rejected:
/// field 1 (`partial_success`) and in it field 1 (the number). No answer, or JSON, rejects nothing.
fn rejected_records(answer: &[u8]) -> u64 {
    let Some((&0x0a, rest)) = answer.split_first() else {
        return 0;
    };
    let Some((len, rest)) = varint(rest) else {
        return 0;
    };
    let partial = usize::try_from(len).ok().and_then(|len| rest.get(..len));
    match partial.and_then(<[u8]>::split_first) {
        Some((&0x08, number)) => varint(number).map_or(0, |(value, _)| value),
        _ => 0,
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (place, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejected_records_are_read_from_the_answer() {
        assert_eq!(rejected_records(b""), 0);
        assert_eq!(rejected_records(b"{}"), 0);
        assert_eq!(rejected_records(&[0x0a, 0]), 0, "an empty partial success");
        assert_eq!(rejected_records(&[0x0a, 3, 0x08, 0xac, 0x02]), 300);
        assert_eq!(
            rejected_records(&[0x0a, 4, 0x12, 2, b'n', b'o']),
            0,
            "a warning"
        );
        assert_eq!(rejected_records(&[0x0a, 9, 0x08]), 0, "cut off");
    }

    #[test]
    fn rejected_records_are_failed_ones() {
        let mut sum = Replayed::default();
        sum.accept(500, &[0x0a, 3, 0x08, 0xac, 0x02]);
        sum.accept(500, &[]);

        assert_eq!((sum.accepted, sum.failed), (700, 300));
        assert_eq!(sum.complaint.as_deref(), Some("partial success"));
    }
}
