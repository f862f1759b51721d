//! OTLP to the letter: hand-written requests, each with what it must get and why.
//!
//! Requests are written byte by byte, so that nothing between a case and the wire repairs them. Every case has
//! a storage of its own, and all that is in it afterwards is compared. Run with `--nocapture` for the table.
#![expect(clippy::too_many_lines, reason = "a table of cases is read row by row")]

mod browsers;
mod bytes;
mod case;
mod check;
mod compression;
mod grpc;
mod ids;
mod json_refused;
mod json_spans;
mod json_values;
mod logs;
mod media;
mod metrics;
mod paths;
mod protobuf;
mod send;
mod sizes;
mod table;
mod transport;

use crate::support::Receivers;
use case::Case;

/// Fewer would mean that a group is no longer run.
const CASES_MIN: usize = 150;

fn groups() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("HTTP/1.1 and HTTP/2", transport::cases()),
        ("paths and methods", paths::cases()),
        ("media types", media::cases()),
        ("compression", compression::cases()),
        ("sizes", sizes::cases()),
        ("gRPC", grpc::cases()),
        ("JSON: spans", json_spans::cases()),
        ("JSON: values", json_values::cases()),
        ("JSON: refused", json_refused::cases()),
        ("protobuf", protobuf::cases()),
        ("ids and partial success", ids::cases()),
        ("log records", logs::cases()),
        ("metrics", metrics::cases()),
        ("web pages", browsers::cases()),
    ]
}

#[tokio::test]
async fn every_request_gets_what_otlp_says() {
    let mut table = table::Table::default();
    let mut failures = Vec::new();
    for (group, cases) in groups() {
        for case in cases {
            let receivers = Receivers::start_with(&case.flags).await;
            let reply = send::send(&receivers, &case.request).await;
            let stored = receivers.stored();
            let problems = check::problems(&case, &reply, &stored);
            if !problems.is_empty() {
                let problems = problems.join("\n    ");
                let why = case.why;
                failures.push(format!(
                    "{group}: {}\n    ({why})\n    {problems}",
                    case.name
                ));
            }
            table.add(group, &case);
        }
    }
    table.print();
    let failed = failures.len();
    assert!(
        failures.is_empty(),
        "{failed} cases fail\n{}",
        failures.join("\n")
    );
    assert!(table.count() >= CASES_MIN, "only {} cases", table.count());
}
