use std::io::Write as _;

use model::SpanReader;
use tempfile::NamedTempFile;

use super::*;

/// What a file comes to: the names of its spans, and the report.
fn read(format: Option<Format>, text: &str) -> (Vec<String>, Report) {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let (sender, mut portions) = mpsc::channel(100);
    let mut decoder = Decoder::new(format, sender);
    assert!(decoder.read(file.path()).is_continue());
    let report = decoder.finish();
    let mut names = Vec::new();
    while let Ok(portion) = portions.try_recv() {
        assert_eq!(portion.signal, Signal::Traces);
        let batch = otlp::replay(Signal::Traces, &portion.payload).unwrap();
        assert_eq!(batch.num_rows() as u64, portion.record_count);
        let reader = SpanReader::new(&batch).unwrap();
        let spans = (0..batch.num_rows()).map(|row| reader.span(row).unwrap());
        names.extend(spans.map(|span| span.name));
    }
    (names, report)
}

fn otlp_line(name: &str) -> String {
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"{name}"}}]}}]}}]}}"#
    )
}

#[test]
fn lines_of_different_formats_are_read_side_by_side() {
    let text = format!(
        "{}\n{}\n{}\n",
        otlp_line("otlp"),
        r#"{"data":[{"spans":[{"traceID":"1","spanID":"2","operationName":"jaeger","startTime":1}]}]}"#,
        r#"[{"traceId":"1","id":"2","name":"zipkin","timestamp":1}]"#,
    );
    let (names, report) = read(None, &text);
    assert_eq!(names, ["otlp", "jaeger", "zipkin"]);
    assert_eq!((report.failures(), report.skipped_count()), (0, 0));
}

#[test]
fn a_document_over_many_lines_gives_the_line_and_column_of_what_is_skipped() {
    let text = "[\n {\"traceId\":\"1\",\"id\":\"2\",\"name\":\"good\",\"timestamp\":1},\n  {\"id\":\"2\"}\n]\n";
    let (names, report) = read(None, text);
    assert_eq!(names, ["good"]);
    let (reason, count, place) = &report.skipped()[0];
    assert_eq!(
        (reason.as_str(), *count),
        ("not a span: missing field `traceId`", 1)
    );
    assert!(place.to_string().ends_with(":3:3"), "{place}");
}

#[test]
fn a_bad_line_is_a_failure_and_the_lines_around_it_are_read() {
    let text = format!(
        "{}\n{{\"resourceSpans\":[\n{}\n",
        otlp_line("a"),
        otlp_line("b")
    );
    let (names, report) = read(None, &text);
    assert_eq!(names, ["a", "b"]);
    assert_eq!(report.failures(), 1);
    assert!(
        report.first_failure().contains(":2:"),
        "{}",
        report.first_failure()
    );
}

#[test]
fn records_that_are_not_valid_are_skipped_and_metrics_are_named() {
    let bad = otlp_line("a").replace("b7ad6b7169203331", "b7");
    let text = format!("{bad}\n{{\"resourceMetrics\":[]}}\n{}\n", otlp_line("b"));
    let (names, report) = read(None, &text);
    assert_eq!(names, ["b"]);
    let reasons: Vec<_> = report.skipped().iter().map(|it| it.0.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "span \"a\": span id has 1 bytes instead of 8",
            "neither traces nor logs, which is all that is kept"
        ]
    );
}

#[test]
fn many_spans_become_several_portions_and_none_is_lost() {
    let tag = "x".repeat(4000);
    let span = |index: usize| {
        format!(
            r#"{{"traceId":"1","id":"{:x}","name":"{index}","timestamp":1,"tags":{{"t":"{tag}"}}}}"#,
            index + 1
        )
    };
    let spans: Vec<_> = (0..1001).map(span).collect();
    let (names, report) = read(Some(Format::Zipkin), &format!("[{}]", spans.join(",")));
    let expected: Vec<_> = (0..1001).map(|index| index.to_string()).collect();
    assert_eq!(names, expected);
    assert_eq!(report.failures(), 0);
}
