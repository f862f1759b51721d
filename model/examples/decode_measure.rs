//! CPU time per record of turning export requests into batches: straight from bytes into columns, beside the
//! way by owned objects.
//!
//! `decode_measure FILE [ROUNDS] [RECORDS] [STEP]`, with a file of `spandrel shop synth --out FILE`. With RECORDS,
//! each request holds only its first so many records, as a lone SDK would send them; with STEP, only the steps
//! are run whose names hold that word, for a profiler.
#![expect(
    clippy::print_stdout,
    reason = "a measurement is for whoever runs it in a terminal"
)]

use std::error::Error;
use std::hint::black_box;
use std::sync::LazyLock;

use bytes::Bytes;
use model::Signal;
use model::otlp::testing::decode_by_objects;
use model::otlp::{Encoding, RecordLimits, decode, decode_redacted};
use model::redact::{DEFAULT_KEYS, Pattern, Rules};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

/// Rounds when none are asked for; the best counts, since other programs only ever add time.
const ROUNDS: usize = 7;
/// Records of a round at least: Linux counts CPU time in steps of some milliseconds.
const RECORDS_MIN: u64 = 200_000;
const MAGIC: &[u8] = b"SPSYNTH1";

/// One export request of the file.
struct Request {
    signal: Signal,
    records: u32,
    body: Bytes,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments
        .next()
        .ok_or("usage: decode_measure FILE [ROUNDS] [RECORDS] [STEP]")?;
    let rounds = arguments.next().map_or(Ok(ROUNDS), |it| it.parse())?;
    let mut requests = parse(Bytes::from(std::fs::read(path)?))?;
    if let Some(count) = arguments.next() {
        let count = count.parse()?;
        requests = requests
            .iter()
            .map(|it| shortened(it, count))
            .collect::<Result<_, _>>()?;
    }
    let wanted_step = arguments.next().unwrap_or_default();
    for (name, signal) in [("traces", Signal::Traces), ("logs", Signal::Logs)] {
        let requests: Vec<&Request> = requests.iter().filter(|it| it.signal == signal).collect();
        if requests.is_empty() {
            continue;
        }
        let records: u64 = requests.iter().map(|it| u64::from(it.records)).sum();
        let bytes: usize = requests.iter().map(|it| it.body.len()).sum();
        println!(
            "{name}: {} requests, {records} records, {bytes} bytes",
            requests.len()
        );
        println!(
            "  {:<28} {} bytes",
            "memory of the batches",
            batch_bytes(&requests)?
        );
        for (step, run) in STEPS.iter().filter(|(step, _)| step.contains(&wanted_step)) {
            let repeats = RECORDS_MIN.div_ceil(records.max(1));
            let best = measure(rounds, repeats, &requests, *run)?;
            let per_record = best / 1e3 / (records * repeats) as f64;
            println!("  {step:<28} {per_record:.3} us/record");
        }
    }
    Ok(())
}

type Step = fn(&Request) -> Result<(), Box<dyn Error>>;
const STEPS: [(&str, Step); 4] = [
    ("prost decode only", prost_only),
    ("by way of owned objects", by_objects),
    ("straight into columns", straight),
    ("the same without secrets", redacted),
];

fn prost_only(request: &Request) -> Result<(), Box<dyn Error>> {
    match request.signal {
        Signal::Traces => {
            black_box(ExportTraceServiceRequest::decode(request.body.as_ref())?);
        }
        Signal::Logs => {
            black_box(ExportLogsServiceRequest::decode(request.body.as_ref())?);
        }
    }
    Ok(())
}

fn by_objects(request: &Request) -> Result<(), Box<dyn Error>> {
    let body = Bytes::clone(&request.body);
    let accepted = decode_by_objects(request.signal, body)?;
    assert_eq!(accepted.batch.num_rows(), request.records as usize);
    Ok(())
}

fn straight(request: &Request) -> Result<(), Box<dyn Error>> {
    let body = Bytes::clone(&request.body);
    let accepted = decode(request.signal, Encoding::Protobuf, body)?;
    assert_eq!(accepted.batch.num_rows(), request.records as usize);
    Ok(())
}

fn redacted(request: &Request) -> Result<(), Box<dyn Error>> {
    static RULES: LazyLock<Option<Rules>> =
        LazyLock::new(|| Rules::new(DEFAULT_KEYS, &Pattern::ALL).unwrap_or_default());
    let body = Bytes::clone(&request.body);
    let (signal, encoding) = (request.signal, Encoding::Protobuf);
    let (limits, take) = (RecordLimits::default(), &mut |_| true);
    let (accepted, _) = decode_redacted(signal, encoding, body, &limits, RULES.as_ref(), take)?;
    assert_eq!(accepted.batch.num_rows(), request.records as usize);
    Ok(())
}

fn batch_bytes(requests: &[&Request]) -> Result<usize, Box<dyn Error>> {
    let mut bytes = 0;
    for request in requests {
        let body = Bytes::clone(&request.body);
        let accepted = decode(request.signal, Encoding::Protobuf, body)?;
        bytes += accepted.batch.get_array_memory_size();
    }
    Ok(bytes)
}

/// Nanoseconds of CPU of the best round.
fn measure(
    rounds: usize,
    repeats: u64,
    requests: &[&Request],
    run: Step,
) -> Result<f64, Box<dyn Error>> {
    let mut best = f64::INFINITY;
    for _ in 0..rounds.max(1) {
        let before = cpu_nanos()?;
        for _ in 0..repeats {
            for request in requests {
                run(request)?;
            }
        }
        best = best.min(cpu_nanos()? - before);
    }
    Ok(best)
}

/// Nanoseconds this process has spent on a CPU, as Linux counts them.
fn cpu_nanos() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanos = text.split(' ').next().ok_or("schedstat is empty")?;
    Ok(nanos.parse()?)
}

fn parse(file: Bytes) -> Result<Vec<Request>, Box<dyn Error>> {
    let damaged = || "this is not a file of export requests";
    let mut rest = file.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let mut requests = Vec::new();
    while !rest.is_empty() {
        let (head, after) = rest.split_at_checked(9).ok_or_else(damaged)?;
        let signal = match head[0] {
            1 => Signal::Traces,
            2 => Signal::Logs,
            _ => return Err(damaged().into()),
        };
        let records = u32::from_le_bytes(head[1..5].try_into()?);
        let len = u32::from_le_bytes(head[5..9].try_into()?);
        let (body, after) = after.split_at_checked(len as usize).ok_or_else(damaged)?;
        requests.push(Request {
            signal,
            records,
            body: file.slice_ref(body),
        });
        rest = after;
    }
    Ok(requests)
}

/// The request with no more than its first `count` records.
fn shortened(request: &Request, count: usize) -> Result<Request, Box<dyn Error>> {
    let mut left = count;
    let body = match request.signal {
        Signal::Traces => {
            let mut message = ExportTraceServiceRequest::decode(request.body.as_ref())?;
            for scope in message
                .resource_spans
                .iter_mut()
                .flat_map(|it| &mut it.scope_spans)
            {
                scope.spans.truncate(left);
                left -= scope.spans.len();
            }
            for resource in &mut message.resource_spans {
                resource.scope_spans.retain(|it| !it.spans.is_empty());
            }
            message
                .resource_spans
                .retain(|it| !it.scope_spans.is_empty());
            message.encode_to_vec()
        }
        Signal::Logs => {
            let mut message = ExportLogsServiceRequest::decode(request.body.as_ref())?;
            for scope in message
                .resource_logs
                .iter_mut()
                .flat_map(|it| &mut it.scope_logs)
            {
                scope.log_records.truncate(left);
                left -= scope.log_records.len();
            }
            for resource in &mut message.resource_logs {
                resource.scope_logs.retain(|it| !it.log_records.is_empty());
            }
            message.resource_logs.retain(|it| !it.scope_logs.is_empty());
            message.encode_to_vec()
        }
    };
    Ok(Request {
        signal: request.signal,
        records: u32::try_from(count - left)?,
        body: body.into(),
    })
}
