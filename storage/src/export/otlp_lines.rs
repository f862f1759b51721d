//! OTLP JSON lines: what the OpenTelemetry Collector's file exporter writes and its `otlpjsonfile` receiver
//! reads.

use model::otlp::json::{write_logs, write_spans};
use model::{LogRecord, Span};

use super::records::Records;

/// Largest line of more than one record. The Collector cuts lines of more than 1 MiB unless told otherwise.
const LINE_BYTES_MAX: usize = 1_000_000;
/// Records of a line, before it is known how long they are.
const LINE_RECORDS: usize = 1000;

/// Writes the records as lines of an export request each.
pub(super) fn write(out: &mut Vec<u8>, records: &Records) -> Result<(), serde_json::Error> {
    match records {
        Records::Spans(spans) => {
            for some in spans.chunks(LINE_RECORDS) {
                write_lines(out, some, &span_line);
            }
        }
        Records::Logs(records) => {
            for some in records.chunks(LINE_RECORDS) {
                write_lines(out, some, &log_line);
            }
        }
    }
    Ok(())
}

fn span_line(out: &mut Vec<u8>, spans: &[Span]) {
    out.extend_from_slice(b"{\"resourceSpans\":");
    write_spans(out, spans);
    out.extend_from_slice(b"}\n");
}

fn log_line(out: &mut Vec<u8>, records: &[LogRecord]) {
    out.extend_from_slice(b"{\"resourceLogs\":");
    write_logs(out, records);
    out.extend_from_slice(b"}\n");
}

/// Writes one line, or two of half as many records when it would be too long.
fn write_lines<T>(out: &mut Vec<u8>, records: &[T], line: &dyn Fn(&mut Vec<u8>, &[T])) {
    let start = out.len();
    line(out, records);
    if out.len() - start > LINE_BYTES_MAX && records.len() > 1 {
        out.truncate(start);
        let (left, right) = records.split_at(records.len() / 2);
        write_lines(out, left, line);
        write_lines(out, right, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_halved_until_they_fit_and_no_record_is_lost() {
        let line = |out: &mut Vec<u8>, sizes: &[usize]| {
            for size in sizes {
                out.extend(std::iter::repeat_n(b'x', *size));
                out.push(b' ');
            }
            out.push(b'\n');
        };
        let mut out = Vec::new();
        write_lines(&mut out, &[400_000, 400_000, 400_000, 2_000_000], &line);
        let lines: Vec<_> = out.split_inclusive(|byte| *byte == b'\n').collect();
        let records = |line: &[u8]| line.iter().filter(|byte| **byte == b' ').count();
        let counts: Vec<_> = lines.iter().map(|line| records(line)).collect();
        assert_eq!(counts, [2, 1, 1]);
    }
}
