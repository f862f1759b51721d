//! Spandrel's own API, below `/api/v1`.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{array, text, with_parameters};
use crate::{
    queries::{Answer, Ask, FoundTrace, LOGS_MAX, LOGS_OF_TRACE_MAX, TRACES_MAX},
    workload::truth::{LogProbe, TraceProbe},
};

/// The path and query that ask for something.
pub(crate) fn question(ask: &Ask) -> Option<String> {
    Some(match ask {
        Ask::Trace { id, .. } => format!("/api/v1/traces/{id}"),
        Ask::Traces(probe) => {
            let mut parameters = vec![("q", trace_terms(probe))];
            parameters.extend(range(probe.start_unix_nano, probe.end_unix_nano));
            parameters.push(("limit", TRACES_MAX.to_string()));
            with_parameters("/api/v1/traces", &parameters)
        }
        Ask::WholeTraces(_) => return None,
        Ask::Services(_) => "/api/v1/services".to_owned(),
        Ask::Operations { service, .. } => format!("/api/v1/services/{service}/operations"),
        Ask::Logs(probe) => {
            let mut parameters = vec![("q", log_terms(probe))];
            parameters.extend(range(probe.start_unix_nano, probe.end_unix_nano));
            parameters.push(("limit", LOGS_MAX.to_string()));
            with_parameters("/api/v1/logs", &parameters)
        }
        Ask::LogsOfTrace { id, .. } => {
            format!("/api/v1/logs?trace_id={id}&limit={LOGS_OF_TRACE_MAX}")
        }
        Ask::LogCount(probe) => {
            let mut parameters = vec![("q", log_terms(probe))];
            parameters.extend(range(probe.start_unix_nano, probe.end_unix_nano));
            with_parameters("/api/v1/logs/count", &parameters)
        }
    })
}

/// Reads an answer. One that says itself that it is incomplete is an error.
pub(crate) fn answer(ask: &Ask, status: u16, body: &[u8]) -> Result<Answer> {
    match (ask, status) {
        (Ask::Trace { .. }, 404) => return Ok(Answer::Spans(0)),
        (Ask::LogCount(_), 404) => return Ok(Answer::NotAvailable),
        (_, 200) => {}
        _ => bail!("status {status}: {}", String::from_utf8_lossy(body)),
    }
    let document: Value = serde_json::from_slice(body).context("the answer is not JSON")?;
    if document.get("complete") == Some(&Value::Bool(false)) {
        let reason = document.get("incomplete_reason").unwrap_or(&Value::Null);
        bail!("the answer is incomplete: {reason}");
    }
    Ok(match ask {
        Ask::Trace { .. } => Answer::Spans(otlp_spans(&document)?),
        Ask::Traces(_) | Ask::WholeTraces(_) => Answer::Traces(
            array(&document, "/traces")?
                .iter()
                .map(summary)
                .collect::<Result<_>>()?,
        ),
        Ask::Services(_) => names(&document, "/services")?,
        Ask::Operations { .. } => names(&document, "/operations")?,
        Ask::Logs(_) | Ask::LogsOfTrace { .. } => Answer::Logs(
            array(&document, "/logs")?
                .iter()
                .map(|record| Ok(text(record, "/time_unix_nano")?.parse()?))
                .collect::<Result<_>>()?,
        ),
        Ask::LogCount(_) => {
            let count = document.get("count").and_then(Value::as_u64);
            Answer::Count(count.context("the answer has no count")?)
        }
    })
}

/// Spans in OTLP JSON.
fn otlp_spans(document: &Value) -> Result<u64> {
    let mut spans = 0;
    for resource in array(document, "/resourceSpans")? {
        for scope in array(resource, "/scopeSpans")? {
            spans += array(scope, "/spans")?.len() as u64;
        }
    }
    Ok(spans)
}

fn summary(trace: &Value) -> Result<FoundTrace> {
    Ok(FoundTrace {
        trace_id: text(trace, "/trace_id")?.to_owned(),
        spans: trace.get("span_count").and_then(Value::as_u64),
        is_match: None,
    })
}

fn names(document: &Value, list: &str) -> Result<Answer> {
    let names = array(document, list)?
        .iter()
        .map(|one| Ok(text(one, "/name")?.to_owned()));
    Ok(Answer::Names(names.collect::<Result<_>>()?))
}

fn range(start: u64, end: u64) -> [(&'static str, String); 2] {
    [("start", start.to_string()), ("end", end.to_string())]
}

fn trace_terms(probe: &TraceProbe) -> String {
    let mut terms = Vec::new();
    terms.extend(term("service", probe.service.as_deref()));
    terms.extend(term("name", probe.operation.as_deref()));
    let shortest = probe.duration_min_nanos;
    terms.extend(shortest.map(|nanos| format!("duration>={}us", nanos / 1_000)));
    for (key, value) in &probe.attributes {
        terms.extend(term(key, Some(value)));
    }
    terms.join(" ")
}

fn log_terms(probe: &LogProbe) -> String {
    let mut terms = vec![if probe.text.contains(' ') {
        quoted(&probe.text)
    } else {
        probe.text.clone()
    }];
    terms.extend(term("service", probe.service.as_deref()));
    terms.join(" ")
}

fn term(key: &str, value: Option<&str>) -> Option<String> {
    Some(format!("{key}:{}", quoted(value?)))
}

fn quoted(value: &str) -> String {
    let escaped = value.replace('\\', r"\\").replace('"', r#"\""#);
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_search_names_everything_that_must_hold() {
        let probe = TraceProbe {
            service: Some("cart".to_owned()),
            operation: Some("GET /a".to_owned()),
            duration_min_nanos: Some(50_000_000),
            attributes: [("user.id".to_owned(), "u \"1\"".to_owned())].into(),
            start_unix_nano: 1_000_000,
            end_unix_nano: 2_000_000,
            ..TraceProbe::default()
        };
        assert_eq!(
            trace_terms(&probe),
            r#"service:"cart" name:"GET /a" duration>=50000us user.id:"u \"1\"""#
        );
        let path = question(&Ask::Traces(Arc::new(probe))).unwrap();
        assert!(
            path.ends_with("&start=1000000&end=2000000&limit=20"),
            "{path}"
        );
    }

    #[test]
    fn answers_are_read_and_incomplete_ones_refused() {
        let ask = Ask::Traces(Arc::default());
        let body = br#"{"traces":[{"trace_id":"0a","span_count":3}],"complete":true}"#;
        let one = FoundTrace {
            trace_id: "0a".to_owned(),
            spans: Some(3),
            is_match: None,
        };
        assert_eq!(answer(&ask, 200, body).unwrap(), Answer::Traces(vec![one]));
        let short = br#"{"traces":[],"complete":false,"incomplete_reason":"time"}"#;
        assert!(answer(&ask, 200, short).is_err());
        assert!(answer(&ask, 503, b"").is_err());

        let missing = Ask::Trace {
            id: "0a".to_owned(),
            spans: 0,
        };
        assert_eq!(answer(&missing, 404, b"{}").unwrap(), Answer::Spans(0));
        let count = Ask::LogCount(Arc::default());
        assert_eq!(answer(&count, 404, b"").unwrap(), Answer::NotAvailable);
        assert_eq!(
            answer(&count, 200, br#"{"count":7}"#).unwrap(),
            Answer::Count(7)
        );
    }
}
