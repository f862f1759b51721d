//! The HTTP API of Jaeger's own web page, version 1, which several backends speak.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{array, text, with_parameters};
use crate::{
    queries::{Answer, Ask, FoundTrace, TRACES_MAX},
    workload::truth::TraceProbe,
};

/// The path and query that ask for something below a prefix.
pub(crate) fn question(prefix: &str, ask: &Ask) -> Option<String> {
    Some(match ask {
        Ask::Trace { id, .. } => format!("{prefix}/api/traces/{id}"),
        Ask::Traces(probe) | Ask::WholeTraces(probe) => {
            with_parameters(&format!("{prefix}/api/traces"), &search(probe)?)
        }
        Ask::Services(_) => format!("{prefix}/api/services"),
        Ask::Operations { service, .. } => format!("{prefix}/api/services/{service}/operations"),
        Ask::Logs(_) | Ask::LogsOfTrace { .. } | Ask::LogCount(_) => return None,
    })
}

/// Jaeger finds nothing without a service, so that there is no question without one.
fn search(probe: &TraceProbe) -> Option<Vec<(&'static str, String)>> {
    let mut parameters = vec![("service", probe.service.clone()?)];
    parameters.extend(probe.operation.clone().map(|name| ("operation", name)));
    let shortest = probe.duration_min_nanos;
    parameters.extend(shortest.map(|nanos| ("minDuration", format!("{}us", nanos / 1_000))));
    if !probe.attributes.is_empty() {
        let tags = serde_json::to_string(&probe.attributes).ok()?;
        parameters.push(("tags", tags));
    }
    // Both ends are included, in microseconds.
    let (start, end) = (probe.start_unix_nano / 1_000, probe.end_unix_nano / 1_000);
    parameters.push(("start", start.to_string()));
    parameters.push(("end", end.saturating_sub(1).to_string()));
    parameters.push(("limit", TRACES_MAX.to_string()));
    Some(parameters)
}

/// Reads an answer.
pub(crate) fn answer(ask: &Ask, status: u16, body: &[u8]) -> Result<Answer> {
    match (ask, status) {
        (Ask::Trace { .. }, 404) => return Ok(Answer::Spans(0)),
        (_, 200) => {}
        _ => bail!("status {status}: {}", String::from_utf8_lossy(body)),
    }
    let document: Value = serde_json::from_slice(body).context("the answer is not JSON")?;
    let data = match document.get("data") {
        Some(Value::Array(data)) => data.as_slice(),
        // Nothing found is null in some versions.
        Some(Value::Null) => &[],
        _ => bail!("the answer has no data"),
    };
    Ok(match ask {
        Ask::Trace { .. } => match data {
            [] => Answer::Spans(0),
            [trace] => Answer::Spans(array(trace, "/spans")?.len() as u64),
            _ => bail!("{} traces have the same id", data.len()),
        },
        Ask::Traces(probe) | Ask::WholeTraces(probe) => {
            let traces = data.iter().map(|trace| found(probe, trace));
            Answer::Traces(traces.collect::<Result<_>>()?)
        }
        _ => Answer::Names(
            data.iter()
                .map(|name| Ok(name.as_str().context("a name is not text")?.to_owned()))
                .collect::<Result<_>>()?,
        ),
    })
}

fn found(probe: &TraceProbe, trace: &Value) -> Result<FoundTrace> {
    let spans = array(trace, "/spans")?;
    let is_match = spans.iter().any(|span| is_match(probe, trace, span));
    Ok(FoundTrace {
        // Leading zeroes are left out by some.
        trace_id: format!("{:0>32}", text(trace, "/traceID")?),
        spans: Some(spans.len() as u64),
        is_match: Some(is_match),
    })
}

fn is_match(probe: &TraceProbe, trace: &Value, span: &Value) -> bool {
    let field = |key: &str| span.get(key).and_then(Value::as_str);
    let number = |key: &str| span.get(key).and_then(Value::as_u64).unwrap_or_default();
    let process = field("processID").and_then(|id| trace.get("processes")?.get(id));
    let service = process.and_then(|process| process.get("serviceName")?.as_str());
    let (start, end) = (probe.start_unix_nano / 1_000, probe.end_unix_nano / 1_000);
    let tags: BTreeMap<&str, String> = span
        .get("tags")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|tag| {
            let value = match tag.get("value")? {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            Some((tag.get("key")?.as_str()?, value))
        })
        .collect();
    (probe.service.is_none() || probe.service.as_deref() == service)
        && (probe.operation.is_none() || probe.operation.as_deref() == field("operationName"))
        && number("duration") >= probe.duration_min_nanos.unwrap_or_default() / 1_000
        && (start..end).contains(&number("startTime"))
        && (probe.attributes.iter()).all(|(key, value)| tags.get(key.as_str()) == Some(value))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn probe() -> Arc<TraceProbe> {
        Arc::new(TraceProbe {
            service: Some("cart".to_owned()),
            duration_min_nanos: Some(5_000_000),
            attributes: [("http.response.status_code".to_owned(), "500".to_owned())].into(),
            start_unix_nano: 1_000_000,
            end_unix_nano: 9_000_000,
            ..TraceProbe::default()
        })
    }

    fn body(duration: u64) -> String {
        format!(
            r#"{{"data":[{{"traceID":"abc","processes":{{"p1":{{"serviceName":"cart"}}}},
            "spans":[{{"processID":"p1","operationName":"GET /a","startTime":1000,"duration":{duration},
            "tags":[{{"key":"http.response.status_code","type":"int64","value":500}}]}}]}}]}}"#
        )
    }

    #[test]
    fn a_search_includes_both_ends_in_microseconds() {
        let path = question("/jaeger", &Ask::WholeTraces(probe())).unwrap();
        assert!(path.starts_with("/jaeger/api/traces?service=cart&minDuration=5000us&tags="));
        assert!(path.ends_with("&start=1000&end=8999&limit=20"), "{path}");
        assert_eq!(question("", &Ask::Traces(Arc::default())), None);
    }

    #[test]
    fn whole_traces_are_held_against_the_search() {
        let read = |duration| {
            let body = body(duration);
            answer(&Ask::WholeTraces(probe()), 200, body.as_bytes()).unwrap()
        };
        let found = |is_match| {
            Answer::Traces(vec![FoundTrace {
                trace_id: format!("{:0>32}", "abc"),
                spans: Some(1),
                is_match: Some(is_match),
            }])
        };
        assert_eq!(read(5_000), found(true));
        assert_eq!(read(4_999), found(false));
    }

    #[test]
    fn a_trace_that_is_not_there_has_no_spans() {
        let ask = Ask::Trace {
            id: "abc".to_owned(),
            spans: 1,
        };
        assert_eq!(answer(&ask, 404, b"").unwrap(), Answer::Spans(0));
        assert_eq!(
            answer(&ask, 200, body(1).as_bytes()).unwrap(),
            Answer::Spans(1)
        );
        assert_eq!(
            answer(&ask, 200, br#"{"data":null}"#).unwrap(),
            Answer::Spans(0)
        );
        assert!(answer(&ask, 500, b"broken").is_err());
    }
}
