use std::collections::{BTreeMap, BTreeSet};

use clap::Parser;
use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value},
    logs::v1::LogRecord,
    resource::v1::Resource,
    trace::v1::Span,
};
use prost::Message;
use tokio_util::sync::CancellationToken;

use super::{
    Source, SynthArgs, SynthConfig, SynthError, SynthRate, Workload,
    requests::{ExportRequest, Generator, Signal},
    run,
    styles::STYLES,
    truth::{Answer, Expected, ExpectedService, words},
};

const WORKLOAD: Workload = Workload {
    traces: true,
    logs: true,
    count: 30_000,
    seed: 7,
    batch: 500,
    end_nanos: 1_767_225_600_000_000_000,
};

#[derive(Parser)]
struct Synth {
    #[command(flatten)]
    args: SynthArgs,
}

fn config(flags: &[&str]) -> SynthConfig {
    let flags = ["synth", "--epoch", "2026-01-01T00:00:00Z"]
        .iter()
        .chain(flags);
    Synth::try_parse_from(flags).unwrap().args.into()
}

async fn digest(flags: &[&str]) -> String {
    let summary = run(config(flags), CancellationToken::new()).await.unwrap();
    assert!(summary.is_complete());
    summary.digest().unwrap().to_owned()
}

#[test]
fn flags_are_understood() {
    let made = config(&[
        "--signal", "both", "--rate", "20k/s", "--count", "30000", "--seed", "7",
    ]);
    assert_eq!(made.rate, SynthRate::PerSecond(20_000.0));
    let Source::Made {
        workload,
        expect: None,
        samples: 100,
    } = made.source
    else {
        panic!("{:?}", made.source);
    };
    assert_eq!(format!("{workload:?}"), format!("{WORKLOAD:?}"));
    for refused in [
        ["--rate", "0/s"],
        ["--count", "0"],
        ["--batch", "0"],
        ["--epoch", "later"],
    ] {
        assert!(
            Synth::try_parse_from(["synth"].iter().chain(&refused)).is_err(),
            "{refused:?}"
        );
    }
    assert!(Synth::try_parse_from(["synth", "--replay", "a", "--expect", "b"]).is_err());
}

#[tokio::test]
async fn requests_that_go_nowhere_are_not_made() {
    let refused = run(config(&[]), CancellationToken::new()).await;
    assert!(matches!(refused, Err(SynthError::NothingToDo)));
}

#[tokio::test]
async fn the_digest_depends_on_the_seed_and_not_on_connections_or_the_way_through_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("requests");
    let file = path.to_str().unwrap();
    let flags = ["--digest", "--count", "3000", "--signal", "both"];
    let with = |more: &[&'static str]| [&flags[..], more].concat();

    let first = digest(&with(&["--connections", "1"])).await;
    assert_eq!(first.len(), 64);
    assert_eq!(first, digest(&with(&["--connections", "9"])).await);
    assert_ne!(first, digest(&with(&["--seed", "2"])).await);
    assert_eq!(
        first,
        digest(&[&flags[..], &["--out", file]].concat()).await
    );
    assert_eq!(first, digest(&["--digest", "--replay", file]).await);
}

#[test]
fn a_file_that_ends_within_a_request_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("requests");
    let mut writer = super::file::Writer::create(&path).unwrap();
    let request = Generator::new(WORKLOAD, None).next().unwrap();
    writer.write(&request).unwrap();
    writer.finish().unwrap();

    let whole = std::fs::read(&path).unwrap();
    let mut reader = super::file::Reader::open(&path).unwrap();
    assert_eq!(reader.read().unwrap(), Some(request));
    assert_eq!(reader.read().unwrap(), None);

    std::fs::write(&path, whole.split_last().unwrap().1).unwrap();
    let mut reader = super::file::Reader::open(&path).unwrap();
    assert!(reader.read().is_err());
}

#[test]
fn records_have_the_size_of_the_workload() {
    let mut sums = BTreeMap::new();
    for request in Generator::new(WORKLOAD, None) {
        let (records, bytes) = sums.entry(request.signal).or_insert((0, 0));
        *records += request.records;
        *bytes += request.bytes.len();
    }

    let average = |signal| {
        let (records, bytes) = sums[&signal];
        assert_eq!(records, 30_000);
        bytes / 30_000
    };
    let (span, log) = (average(Signal::Traces), average(Signal::Logs));
    assert!((594..630).contains(&span), "{span} bytes per span");
    assert!((304..336).contains(&log), "{log} bytes per log record");
}

#[test]
fn what_is_expected_equals_a_recount_of_what_is_sent() {
    let mut generator = Generator::new(WORKLOAD, Some(100));
    let mut recount = Recount::default();
    for request in generator.by_ref() {
        recount.request(&request);
    }
    let (truth, names, templates) = generator.into_truth().unwrap();
    let expected = truth.expected(&names, &templates);

    assert_eq!(expected.spans, 30_000);
    assert_eq!(expected.log_records, 30_000);
    assert_eq!(expected.services, recount.services);
    assert_eq!(expected.traces as usize, recount.traces.len());
    assert_eq!(
        expected.log_records_with_trace_context,
        recount.with_context
    );
    assert!((14_500..15_500).contains(&recount.with_context));
    recount.holds_for_samples(&expected);
    recount.holds_for_templates(&expected);
}

#[derive(Default)]
struct Recount {
    services: BTreeMap<String, ExpectedService>,
    traces: BTreeMap<String, u64>,
    logs_of_traces: BTreeMap<String, u64>,
    attributes: BTreeMap<String, BTreeMap<String, BTreeSet<Vec<u8>>>>,
    words: BTreeMap<String, u64>,
    bodies: Vec<String>,
    with_context: u64,
    span_ids: BTreeSet<Vec<u8>>,
}

impl Recount {
    fn request(&mut self, request: &ExportRequest) {
        let bytes = request.bytes.as_ref();
        let mut records = 0;
        if request.signal == Signal::Traces {
            let decoded = ExportTraceServiceRequest::decode(bytes).unwrap();
            assert_eq!(decoded.encoded_len(), bytes.len());
            for group in decoded.resource_spans {
                let service = service(group.resource.as_ref().unwrap());
                for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                    self.span(&service, &span);
                    records += 1;
                }
            }
        } else {
            let decoded = ExportLogsServiceRequest::decode(bytes).unwrap();
            assert_eq!(decoded.encoded_len(), bytes.len());
            for group in decoded.resource_logs {
                let service = service(group.resource.as_ref().unwrap());
                for record in group
                    .scope_logs
                    .into_iter()
                    .flat_map(|scope| scope.log_records)
                {
                    self.log(&service, &record);
                    records += 1;
                }
            }
        }
        assert_eq!(records, request.records);
    }

    fn span(&mut self, service: &str, span: &Span) {
        let counts = self.services.entry(service.into()).or_default();
        counts.spans += 1;
        let status = counts.operations.entry(span.name.clone()).or_default();
        match &span.status {
            Some(failed) => {
                assert_eq!((failed.code, span.events.len()), (2, 1));
                status.error += 1;
            }
            None => status.unset += 1,
        }
        assert!(
            self.span_ids.insert(span.span_id.clone()),
            "span ids are unique"
        );
        assert!(span.start_time_unix_nano < span.end_time_unix_nano);
        assert!(span.end_time_unix_nano <= WORKLOAD.end_nanos);
        assert!((10..=12).contains(&span.attributes.len()));
        *self.traces.entry(hex(&span.trace_id)).or_default() += 1;
        for attribute in &span.attributes {
            let values = self.attributes.entry(attribute.key.clone()).or_default();
            let traces = values.entry(text(attribute)).or_default();
            traces.insert(span.trace_id.clone());
        }
    }

    fn log(&mut self, service: &str, record: &LogRecord) {
        self.services.entry(service.into()).or_default().log_records += 1;
        if !record.trace_id.is_empty() {
            self.with_context += 1;
            *self
                .logs_of_traces
                .entry(hex(&record.trace_id))
                .or_default() += 1;
        }
        let Some(Value::StringValue(body)) =
            record.body.as_ref().and_then(|body| body.value.as_ref())
        else {
            panic!("{record:?} has no body");
        };
        let folded = body.to_ascii_lowercase();
        for word in words(folded.as_bytes()).collect::<BTreeSet<_>>() {
            let word = String::from_utf8(word.to_vec()).unwrap();
            *self.words.entry(word).or_default() += 1;
        }
        self.bodies.push(body.clone());
    }

    fn holds_for_samples(&self, expected: &Expected) {
        let queries = &expected.queries;
        let check = |answers: &[Answer], count: &dyn Fn(&str) -> u64| {
            assert!(!answers.is_empty());
            for answer in answers {
                let value = answer.value.as_str().unwrap();
                assert_eq!(answer.count, count(value), "{value}");
            }
        };
        check(&queries.traces, &|id| self.traces[id]);
        check(&queries.logs_of_traces, &|id| self.logs_of_traces[id]);
        check(&queries.words, &|word| self.words[word]);
        check(&queries.letter_words, &|word| self.words[word]);
        assert_eq!(queries.words.len(), 100);
        let sizes = queries
            .attributes
            .iter()
            .map(|(key, answers)| (key.as_str(), answers.len()));
        let expected_sizes = [
            ("client.address", 100),
            ("http.request.method", 4),
            ("http.response.status_code", 5),
            ("http.route", 100),
            ("session.id", 100),
            ("url.full", 100),
            ("user.id", 100),
            ("user_agent.original", 30),
        ];
        assert_eq!(sizes.collect::<Vec<_>>(), expected_sizes);
        for (key, answers) in &queries.attributes {
            check(answers, &|value| self.attributes[key][value].len() as u64);
        }
    }

    /// Finds the template of each body by its constant text.
    fn holds_for_templates(&self, expected: &Expected) {
        let mut counts = vec![0; expected.templates.len()];
        for body in &self.bodies {
            let fits = |place: &usize| is_made_from(body, &expected.templates[*place].template);
            let mut fitting = (0..counts.len()).filter(fits);
            counts[fitting.next().expect(body)] += 1;
            assert_eq!(fitting.next(), None, "{body}");
        }
        let records: Vec<u64> = expected.templates.iter().map(|one| one.records).collect();
        assert_eq!(records, counts);
        for style in STYLES {
            let of_style = expected
                .templates
                .iter()
                .filter(|one| one.style == style.name);
            assert!(
                of_style.map(|one| one.records).sum::<u64>() > 0,
                "{}",
                style.name
            );
        }
    }
}

/// Whether a template gives such a body: its constant texts follow one another, and what lies between
/// them may stand for the names there.
fn is_made_from(body: &str, template: &str) -> bool {
    let mut pieces = template.split('<');
    let Some(mut rest) = pieces.next().and_then(|first| body.strip_prefix(first)) else {
        return false;
    };
    let mut pieces = pieces
        .map(|piece| piece.split_once('>').unwrap())
        .peekable();
    while let Some((name, text)) = pieces.next() {
        let is_last = pieces.peek().is_none();
        let (value, after) = match (text, is_last) {
            (_, true) => match rest.strip_suffix(text) {
                Some(value) => (value, ""),
                None => return false,
            },
            // Two blanks in a row: there is no telling where one ends.
            ("", false) => continue,
            _ => match split(name, rest, text) {
                Some(parts) => parts,
                None => return false,
            },
        };
        if !may_stand_for(name, value) {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

/// Cuts what stands for a name off, up to the text behind it. Times with spaces have fixed lengths.
fn split<'a>(name: &str, rest: &'a str, text: &str) -> Option<(&'a str, &'a str)> {
    let len = match name {
        "clf" => 26,
        "slash" => 19,
        "syslog" => 15,
        _ => return rest.split_once(text),
    };
    let (value, rest) = rest.split_at_checked(len)?;
    Some((value, rest.strip_prefix(text)?))
}

fn may_stand_for(name: &str, value: &str) -> bool {
    match name {
        "agent" => value.starts_with("Mozilla/5.0"),
        "path" => value.contains("/api/v"),
        "clf" | "slash" | "syslog" => true,
        _ => !value.is_empty() && !value.contains([' ', '"', '\n']),
    }
}

fn service(resource: &Resource) -> String {
    assert_eq!(resource.attributes.len(), 8);
    text(resource.attributes.first().unwrap())
}

fn text(attribute: &KeyValue) -> String {
    match attribute
        .value
        .as_ref()
        .and_then(|value| value.value.as_ref())
    {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    }
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
