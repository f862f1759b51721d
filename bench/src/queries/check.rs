//! Holds answers against the truth.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answer, Ask, FoundTrace, LOGS_MAX, LOGS_OF_TRACE_MAX, TRACES_MAX};
use crate::workload::truth::TraceProbe;

/// What an answer is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Exactly what was asked for.
    Right,
    /// As much as was asked for and all of it fits, but something newer was left out.
    NotNewest,
    /// Too little, too much or something that does not fit, in words.
    Wrong(String),
    /// There was no such question.
    NotAvailable,
}

/// Judges an answer.
pub(crate) fn check(ask: &Ask, answer: &Answer) -> Verdict {
    match (ask, answer) {
        (_, Answer::NotAvailable) => Verdict::NotAvailable,
        (Ask::Trace { spans, .. }, Answer::Spans(found)) => equal("spans", *spans, *found),
        (Ask::Traces(probe) | Ask::WholeTraces(probe), Answer::Traces(found)) => {
            traces(probe, found)
        }
        (Ask::Services(names) | Ask::Operations { names, .. }, Answer::Names(found)) => {
            equal_names(names, found)
        }
        (Ask::Logs(probe), Answer::Logs(times)) => {
            let expected = probe.matching.min(LOGS_MAX as u64);
            match equal("log records", expected, times.len() as u64) {
                Verdict::Right => same_times(&probe.newest_unix_nano, times),
                other => other,
            }
        }
        (Ask::LogsOfTrace { count, .. }, Answer::Logs(times)) => {
            let expected = (*count).min(LOGS_OF_TRACE_MAX as u64);
            equal("log records", expected, times.len() as u64)
        }
        (Ask::LogCount(probe), Answer::Count(found)) => equal("matches", probe.matching, *found),
        _ => Verdict::Wrong("an answer of another kind".to_owned()),
    }
}

fn equal(what: &str, expected: u64, found: u64) -> Verdict {
    if expected == found {
        return Verdict::Right;
    }
    Verdict::Wrong(format!("{found} {what} instead of {expected}"))
}

fn equal_names(expected: &BTreeSet<String>, found: &BTreeSet<String>) -> Verdict {
    let missing = expected.difference(found).count();
    let strange = found.difference(expected).count();
    if missing + strange == 0 {
        return Verdict::Right;
    }
    Verdict::Wrong(format!(
        "{missing} names are missing, {strange} are strange"
    ))
}

fn traces(probe: &TraceProbe, found: &[FoundTrace]) -> Verdict {
    let ids: BTreeSet<&str> = found.iter().map(|one| one.trace_id.as_str()).collect();
    if ids.len() < found.len() {
        return Verdict::Wrong("a trace is in the answer twice".to_owned());
    }
    let strangers = found
        .iter()
        .filter(|one| one.is_match == Some(false))
        .count();
    if strangers > 0 {
        let all = found.len();
        return Verdict::Wrong(format!("{strangers} of {all} traces do not match"));
    }
    let expected = probe.matching.min(TRACES_MAX as u64);
    let count = equal("traces", expected, found.len() as u64);
    if count != Verdict::Right {
        return count;
    }
    let known: BTreeMap<&str, u64> = probe
        .newest
        .iter()
        .map(|known| (known.trace_id.as_str(), known.spans))
        .collect();
    let mut is_newest = true;
    for one in found {
        match (known.get(one.trace_id.as_str()), one.spans) {
            (Some(&spans), Some(found)) if spans != found => {
                let id = &one.trace_id;
                return Verdict::Wrong(format!("trace {id} has {found} spans instead of {spans}"));
            }
            (Some(_), _) => {}
            // All that match are known: what is not known does not match.
            (None, _) if probe.matching <= TRACES_MAX as u64 => {
                return Verdict::Wrong(format!("trace {} does not match", one.trace_id));
            }
            (None, _) => is_newest = false,
        }
    }
    if is_newest {
        Verdict::Right
    } else {
        Verdict::NotNewest
    }
}

fn same_times(expected: &[u64], found: &[u64]) -> Verdict {
    let sorted = |times: &[u64]| {
        let mut times = times.to_vec();
        times.sort_unstable();
        times
    };
    if sorted(expected) == sorted(found) {
        Verdict::Right
    } else {
        Verdict::NotNewest
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::workload::truth::{KnownTrace, LogProbe};

    fn found(id: &str, spans: Option<u64>, is_match: Option<bool>) -> FoundTrace {
        FoundTrace {
            trace_id: id.to_owned(),
            spans,
            is_match,
        }
    }

    fn probe(matching: u64, newest: &[&str]) -> Ask {
        let known = |id: &&str| KnownTrace {
            trace_id: (*id).to_owned(),
            spans: 7,
        };
        Ask::Traces(Arc::new(TraceProbe {
            matching,
            newest: newest.iter().map(known).collect(),
            ..TraceProbe::default()
        }))
    }

    fn is_wrong(ask: &Ask, answer: &Answer) -> bool {
        matches!(check(ask, answer), Verdict::Wrong(_))
    }

    #[test]
    fn a_trace_must_have_all_its_spans_and_a_missing_one_none() {
        let ask = |spans| Ask::Trace {
            id: "a".to_owned(),
            spans,
        };
        assert_eq!(check(&ask(3), &Answer::Spans(3)), Verdict::Right);
        assert!(is_wrong(&ask(3), &Answer::Spans(2)));
        assert!(is_wrong(&ask(3), &Answer::Spans(0)));
        assert_eq!(check(&ask(0), &Answer::Spans(0)), Verdict::Right);
        assert!(is_wrong(&ask(3), &Answer::Count(3)));
    }

    #[test]
    fn a_short_answer_is_wrong() {
        let ask = probe(2, &["a", "b"]);
        let both = [found("b", Some(7), None), found("a", None, None)];
        assert_eq!(check(&ask, &Answer::Traces(both.to_vec())), Verdict::Right);
        assert!(is_wrong(
            &ask,
            &Answer::Traces(vec![found("a", None, None)])
        ));
        let twice = vec![found("a", None, None), found("a", None, None)];
        assert!(is_wrong(&ask, &Answer::Traces(twice)));
    }

    #[test]
    fn a_trace_that_does_not_match_or_lacks_spans_is_wrong() {
        let ask = probe(1, &["a"]);
        let answer = |one| Answer::Traces(vec![one]);
        assert!(is_wrong(&ask, &answer(found("x", None, None))));
        assert!(is_wrong(&ask, &answer(found("a", Some(6), None))));
        assert!(is_wrong(&ask, &answer(found("a", Some(7), Some(false)))));
        assert_eq!(
            check(&ask, &answer(found("a", Some(7), Some(true)))),
            Verdict::Right
        );
    }

    #[test]
    fn traces_that_fit_and_are_not_the_newest_are_told_apart() {
        let ids: Vec<String> = (0..20).map(|id| id.to_string()).collect();
        let newest: Vec<&str> = ids.iter().map(String::as_str).collect();
        let ask = probe(21, &newest);
        let mut answer: Vec<_> = newest
            .iter()
            .map(|id| found(id, None, Some(true)))
            .collect();
        assert_eq!(check(&ask, &Answer::Traces(answer.clone())), Verdict::Right);
        answer[3].trace_id = "older".to_owned();
        assert_eq!(check(&ask, &Answer::Traces(answer)), Verdict::NotNewest);
    }

    #[test]
    fn log_records_are_told_by_their_times() {
        let ask = Ask::Logs(Arc::new(LogProbe {
            matching: 2,
            newest_unix_nano: vec![9, 5],
            ..LogProbe::default()
        }));
        assert_eq!(check(&ask, &Answer::Logs(vec![5, 9])), Verdict::Right);
        assert_eq!(check(&ask, &Answer::Logs(vec![4, 9])), Verdict::NotNewest);
        assert!(is_wrong(&ask, &Answer::Logs(vec![9])));
        assert_eq!(check(&ask, &Answer::NotAvailable), Verdict::NotAvailable);
    }

    #[test]
    fn names_must_be_exactly_those_that_were_sent() {
        let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let ask = Ask::Services(Arc::new(set(&["cart", "tax"])));
        assert_eq!(
            check(&ask, &Answer::Names(set(&["tax", "cart"]))),
            Verdict::Right
        );
        assert!(is_wrong(&ask, &Answer::Names(set(&["tax"]))));
        assert!(is_wrong(
            &ask,
            &Answer::Names(set(&["tax", "cart", "jaeger"]))
        ));
    }
}
