//! What became of an import, for the person who ran it.

use std::fmt::{self, Write as _};
use std::time::Duration;

use model::Signal;

use super::input::Document;

/// Reasons that are told apart; what else is skipped is counted together.
const REASONS_MAX: usize = 20;
/// Failures that are told one by one.
const FAILURES_TOLD_MAX: usize = 20;

/// Where a record was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    file: String,
    line: usize,
    column: usize,
}

impl Place {
    /// The place so many bytes after the beginning of a document.
    pub(super) fn new(file: &str, document: &Document, offset: usize) -> Self {
        let before = document.text.as_bytes().get(..offset).unwrap_or_default();
        let line_start = before.iter().rposition(|byte| *byte == b'\n');
        Self {
            file: file.to_owned(),
            line: document.line + before.iter().filter(|byte| **byte == b'\n').count(),
            column: before.len() - line_start.map_or(0, |at| at + 1) + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// What the server took.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) spans: u64,
    pub(super) log_records: u64,
    /// Records the server rejected: reason, count, and where their portion begins.
    pub(super) rejected: Vec<(String, u64, Place)>,
    pub(super) failures: Vec<String>,
}

impl Sent {
    pub(super) fn add(&mut self, signal: Signal, count: u64) {
        match signal {
            Signal::Traces => self.spans += count,
            Signal::Logs => self.log_records += count,
        }
    }
}

/// What was read, and what became of it.
#[derive(Debug, Default)]
pub(super) struct Report {
    sent: Sent,
    skipped: Vec<(String, u64, Place)>,
    skipped_for_other_reasons: u64,
    failures: Vec<String>,
    failure_count: usize,
}

impl Report {
    /// Counts records that are left out.
    pub(super) fn skip(&mut self, reason: String, count: u64, place: &dyn Fn() -> Place) {
        let known = self.skipped.iter_mut().find(|it| it.0 == reason);
        if let Some((_, known_count, _)) = known {
            *known_count += count;
        } else if self.skipped.len() < REASONS_MAX {
            self.skipped.push((reason, count, place()));
        } else {
            self.skipped_for_other_reasons += count;
        }
    }

    /// Something could not be read or sent.
    pub(super) fn fail(&mut self, problem: String) {
        self.failure_count += 1;
        if self.failures.len() < FAILURES_TOLD_MAX {
            self.failures.push(problem);
        }
    }

    pub(super) fn add_sent(&mut self, mut sent: Sent) {
        for (reason, count, place) in std::mem::take(&mut sent.rejected) {
            let reason = format!("rejected by the server: {reason}");
            self.skip(reason, count, &|| place.clone());
        }
        for problem in std::mem::take(&mut sent.failures) {
            self.fail(problem);
        }
        self.sent = sent;
    }

    pub(super) fn failures(&self) -> usize {
        self.failure_count
    }

    /// For people: what was imported, skipped and failed.
    pub(super) fn text(&self, took: Duration) -> String {
        let mut text = format!(
            "imported {} spans and {} log records in {:.1} s\n",
            self.sent.spans,
            self.sent.log_records,
            took.as_secs_f64()
        );
        // Writing to a string cannot fail.
        for (reason, count, place) in &self.skipped {
            let _written = writeln!(text, "skipped {count}: {reason} (first at {place})");
        }
        if self.skipped_for_other_reasons > 0 {
            let count = self.skipped_for_other_reasons;
            let _written = writeln!(text, "skipped {count} for other reasons");
        }
        for problem in &self.failures {
            let _written = writeln!(text, "failed: {problem}");
        }
        let untold = self.failure_count - self.failures.len();
        if untold > 0 {
            let _written = writeln!(text, "failed: {untold} more");
        }
        text
    }
}

#[cfg(test)]
impl Report {
    pub(super) fn skipped(&self) -> &[(String, u64, Place)] {
        &self.skipped
    }

    pub(super) fn skipped_count(&self) -> u64 {
        self.skipped.iter().map(|it| it.1).sum::<u64>() + self.skipped_for_other_reasons
    }

    pub(super) fn first_failure(&self) -> &str {
        self.failures.first().map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_with_the_place_of_the_first_and_their_number_is_bounded() {
        let document = Document {
            text: "[\n{},\n  {}]".to_owned(),
            line: 5,
        };
        let mut report = Report::default();
        report.skip("odd".to_owned(), 1, &|| Place::new("a.json", &document, 8));
        report.skip("odd".to_owned(), 2, &|| Place::new("a.json", &document, 0));
        for number in 0..REASONS_MAX {
            report.skip(format!("reason {number}"), 1, &|| {
                Place::new("a.json", &document, 0)
            });
        }
        report.fail("b.json: no such file".to_owned());
        report.add_sent(Sent {
            spans: 7,
            ..Sent::default()
        });
        let text = report.text(Duration::from_millis(1250));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "imported 7 spans and 0 log records in 1.2 s");
        assert_eq!(lines[1], "skipped 3: odd (first at a.json:7:3)");
        assert_eq!(lines[2], "skipped 1: reason 0 (first at a.json:5:1)");
        assert_eq!(lines[21], "skipped 1 for other reasons");
        assert_eq!(lines[22], "failed: b.json: no such file");
        assert_eq!((lines.len(), report.failures()), (23, 1));
    }
}
