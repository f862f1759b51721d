//! The table of cases by outcome.

use std::collections::BTreeMap;

use super::case::{Case, Expected, Wire};

#[derive(Default)]
pub(super) struct Table {
    lines: Vec<String>,
    groups: Vec<(&'static str, usize)>,
    outcomes: BTreeMap<String, usize>,
}

impl Table {
    pub(super) fn add(&mut self, group: &'static str, case: &Case) {
        let outcome = outcome(case);
        self.lines.push(format!(
            "{outcome:<26} {group}: {} ({})",
            case.name, case.why
        ));
        match self.groups.last_mut() {
            Some((last, count)) if *last == group => *count += 1,
            _ => self.groups.push((group, 1)),
        }
        *self.outcomes.entry(outcome).or_default() += 1;
    }

    pub(super) fn count(&self) -> usize {
        self.lines.len()
    }

    #[expect(
        clippy::print_stdout,
        reason = "the table is what a reader asks for with --nocapture"
    )]
    pub(super) fn print(&self) {
        println!("\n{}\n", self.lines.join("\n"));
        for (group, count) in &self.groups {
            println!("{count:>5}  {group}");
        }
        println!();
        for (outcome, count) in &self.outcomes {
            println!("{count:>5}  {outcome}");
        }
        println!("{:>5}  in all", self.count());
    }
}

fn outcome(case: &Case) -> String {
    let is_grpc = case.request.wire == Wire::Grpc;
    match (&case.expected, is_grpc) {
        (Expected::Success, false) => "HTTP 200".to_owned(),
        (Expected::Success, true) => "gRPC OK".to_owned(),
        (Expected::Partial { .. }, false) => "HTTP 200, partial".to_owned(),
        (Expected::Partial { .. }, true) => "gRPC OK, partial".to_owned(),
        (Expected::Refused { http, .. }, false) => format!("HTTP {http}"),
        (Expected::Refused { code, .. }, true) => format!("gRPC {:?}", tonic::Code::from(*code)),
        (Expected::Plain { http }, _) => format!("HTTP {http}, no OTLP"),
    }
}
