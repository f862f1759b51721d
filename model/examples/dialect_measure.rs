//! CPU time per record of what other protocols cost beside OTLP: into OTLP protobuf, and that into a batch.
//!
//! `dialect_measure [ROUNDS]`. The requests are made here: 1000 records each, of 20 resources.
#![expect(
    clippy::print_stdout,
    reason = "a measurement is for whoever runs it in a terminal"
)]

use std::error::Error;
use std::fs::read_to_string;

use bytes::Bytes;
use model::dialect::json_lines::{Defaults, translate_lines};
use model::dialect::{TranslateError, Translated, loki, zipkin};
use model::otlp::{Encoding, decode};
use model::{Signal, UnixNanos};
use serde_json::json;

const ROUNDS: usize = 7;
const RECORDS: usize = 1000;
/// Requests in a round: Linux counts CPU time in steps of some milliseconds.
const REQUESTS: usize = 100;
const START: u64 = 1_790_000_000_000_000_000;

type Translate = fn(&[u8]) -> Result<Translated, TranslateError>;

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = std::env::args()
        .nth(1)
        .map_or(Ok(ROUNDS), |it| it.parse())?;
    let cases: [(&str, Signal, String, Translate); 3] = [
        ("zipkin json", Signal::Traces, spans(), |body| {
            zipkin::translate_json(body, &mut |_| true)
        }),
        ("loki json", Signal::Logs, streams(), |body| {
            loki::translate_json(body, UnixNanos(START), &mut |_| true)
        }),
        ("json lines", Signal::Logs, lines(), |body| {
            translate_lines(body, &Defaults::default(), &mut |_| true)
        }),
    ];
    for (name, signal, body, translate) in cases {
        let payload = Bytes::from(translate(body.as_bytes())?.payload);
        println!("{name}: {} bytes, {} as OTLP", body.len(), payload.len());
        let into_otlp = best(rounds, || {
            translate(body.as_bytes())
                .map(|it| it.payload.len())
                .map_err(Into::into)
        })?;
        let into_batch = best(rounds, || {
            let accepted = decode(signal, Encoding::Protobuf, payload.clone())?;
            Ok(accepted.batch.num_rows())
        })?;
        println!("  into OTLP          {into_otlp:.3} us/record");
        println!("  OTLP into a batch  {into_batch:.3} us/record");
    }
    Ok(())
}

/// Microseconds of CPU per record in the best round, since other programs only ever add time.
fn best(
    rounds: usize,
    mut run: impl FnMut() -> Result<usize, Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    let mut best = f64::INFINITY;
    for _ in 0..rounds {
        let began = cpu_nanos()?;
        for _ in 0..REQUESTS {
            std::hint::black_box(run()?);
        }
        let nanos = (cpu_nanos()? - began) as f64;
        best = best.min(nanos / 1e3 / (REQUESTS * RECORDS) as f64);
    }
    Ok(best)
}

/// CPU time of this thread, as Linux counts it for the scheduler.
fn cpu_nanos() -> Result<u64, Box<dyn Error>> {
    let text = read_to_string("/proc/thread-self/schedstat")?;
    let nanos = text.split_whitespace().next().ok_or("no CPU time")?;
    Ok(nanos.parse()?)
}

fn spans() -> String {
    let span = |index: usize| {
        json!({
            "traceId": format!("{:032x}", index / 10 + 1),
            "id": format!("{:016x}", index + 1),
            "parentId": format!("{:016x}", index / 2 + 1),
            "kind": "SERVER",
            "name": "get /cart/{id}",
            "timestamp": START / 1000 + index as u64,
            "duration": 1500,
            "localEndpoint": { "serviceName": format!("service-{}", index % 20), "ipv4": "10.0.0.7", "port": 8080 },
            "annotations": [{ "timestamp": START / 1000 + index as u64, "value": "ws" }],
            "tags": { "http.method": "GET", "http.path": "/cart/17", "http.status_code": "200", "user": "u-1" },
        })
    };
    json!((0..RECORDS).map(span).collect::<Vec<_>>()).to_string()
}

fn streams() -> String {
    let entry = |index: usize| {
        json!([
            (START + index as u64).to_string(),
            format!("level=info msg=\"order placed\" order={index} duration=12ms"),
            { "trace_id": format!("{:032x}", index + 1), "user": "u-1" },
        ])
    };
    let stream = |number: usize| {
        let entries: Vec<_> = (0..RECORDS / 20)
            .map(|it| entry(number * 50 + it))
            .collect();
        json!({ "stream": { "app": format!("service-{number}"), "env": "prod", "pod": "p-1" }, "values": entries })
    };
    json!({ "streams": (0..20).map(stream).collect::<Vec<_>>() }).to_string()
}

fn lines() -> String {
    let line = |index: usize| {
        json!({
            "time": "2026-11-25T13:32:07.123Z", "level": "info", "msg": format!("order {index} placed"),
            "service": format!("service-{}", index % 20), "trace_id": format!("{:032x}", index + 1),
            "span_id": format!("{:016x}", index + 1), "order": index, "duration_ms": 12.5,
            "http": { "method": "POST", "route": "/order" },
        })
        .to_string()
    };
    (0..RECORDS).map(line).collect::<Vec<_>>().join("\n")
}
