//! Tempo's HTTP API and its query language, TraceQL. Ranges of time are whole seconds there.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{array, text, with_parameters};
use crate::{
    queries::{Answer, Ask, FoundTrace, TRACES_MAX},
    workload::truth::TraceProbe,
};

const SECOND_NANOS: u64 = 1_000_000_000;

/// The path and query that ask for something.
pub(crate) fn question(ask: &Ask) -> Option<String> {
    Some(match ask {
        Ask::Trace { id, .. } => format!("/api/v2/traces/{id}"),
        Ask::Traces(probe) => {
            let parameters = [
                ("q", trace_ql(probe)),
                ("start", (probe.start_unix_nano / SECOND_NANOS).to_string()),
                (
                    "end",
                    probe.end_unix_nano.div_ceil(SECOND_NANOS).to_string(),
                ),
                ("limit", TRACES_MAX.to_string()),
            ];
            with_parameters("/api/search", &parameters)
        }
        Ask::Services(_) => "/api/v2/search/tag/resource.service.name/values".to_owned(),
        Ask::Operations { service, .. } => {
            let query = format!("{{ resource.service.name = \"{service}\" }}");
            with_parameters("/api/v2/search/tag/name/values", &[("q", query)])
        }
        Ask::WholeTraces(_) | Ask::Logs(_) | Ask::LogsOfTrace { .. } | Ask::LogCount(_) => {
            return None;
        }
    })
}

fn trace_ql(probe: &TraceProbe) -> String {
    let mut terms = Vec::new();
    let service = probe.service.as_ref();
    terms.extend(service.map(|name| format!("resource.service.name = \"{name}\"")));
    let operation = probe.operation.as_ref();
    terms.extend(operation.map(|name| format!("name = \"{name}\"")));
    let shortest = probe.duration_min_nanos;
    terms.extend(shortest.map(|nanos| format!("duration >= {}us", nanos / 1_000)));
    for (key, value) in &probe.attributes {
        // Types must fit: what is a number was sent as one.
        let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
        let value = if is_number {
            value.clone()
        } else {
            format!("\"{value}\"")
        };
        terms.push(format!("span.{key} = {value}"));
    }
    format!("{{ {} }}", terms.join(" && "))
}

/// Reads an answer.
pub(crate) fn answer(ask: &Ask, status: u16, body: &[u8]) -> Result<Answer> {
    match (ask, status) {
        (Ask::Trace { .. }, 404) => return Ok(Answer::Spans(0)),
        (_, 200) => {}
        _ => bail!("status {status}: {}", String::from_utf8_lossy(body)),
    }
    let document: Value = serde_json::from_slice(body).context("the answer is not JSON")?;
    Ok(match ask {
        Ask::Trace { .. } => {
            let Some(trace) = document.get("trace").filter(|trace| trace.is_object()) else {
                return Ok(Answer::Spans(0));
            };
            let mut spans = 0;
            for resource in trace
                .get("resourceSpans")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                for scope in array(resource, "/scopeSpans")? {
                    spans += array(scope, "/spans")?.len() as u64;
                }
            }
            Answer::Spans(spans)
        }
        Ask::Traces(_) => {
            let traces = document.get("traces").and_then(Value::as_array);
            let traces = traces.into_iter().flatten().map(found);
            Answer::Traces(traces.collect::<Result<_>>()?)
        }
        _ => {
            let values = array(&document, "/tagValues")?.iter();
            let names = values.map(|value| Ok(text(value, "/value")?.to_owned()));
            Answer::Names(names.collect::<Result<_>>()?)
        }
    })
}

fn found(trace: &Value) -> Result<FoundTrace> {
    Ok(FoundTrace {
        // Leading zeroes are left out.
        trace_id: format!("{:0>32}", text(trace, "/traceID")?),
        spans: None,
        is_match: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_asked_for_as_numbers() {
        let probe = TraceProbe {
            service: Some("cart".to_owned()),
            duration_min_nanos: Some(5_000_000),
            attributes: [
                ("http.response.status_code".to_owned(), "500".to_owned()),
                ("user.id".to_owned(), "user-7".to_owned()),
            ]
            .into(),
            ..TraceProbe::default()
        };
        assert_eq!(
            trace_ql(&probe),
            "{ resource.service.name = \"cart\" && duration >= 5000us && \
             span.http.response.status_code = 500 && span.user.id = \"user-7\" }"
        );
    }

    #[test]
    fn spans_are_counted_over_all_resources() {
        let ask = Ask::Trace {
            id: "a".to_owned(),
            spans: 3,
        };
        let body = br#"{"trace":{"resourceSpans":[{"scopeSpans":[{"spans":[{},{}]}]},{"scopeSpans":[{"spans":[{}]}]}]}}"#;
        assert_eq!(answer(&ask, 200, body).unwrap(), Answer::Spans(3));
        assert_eq!(answer(&ask, 404, b"").unwrap(), Answer::Spans(0));
        assert_eq!(
            answer(&ask, 200, b"{\"trace\":null}").unwrap(),
            Answer::Spans(0)
        );
    }
}
