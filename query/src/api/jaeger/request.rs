//! Reads what Jaeger's clients ask for.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use model::{TimeRange, TraceId, UnixNanos};
use storage::filter::{Filter, Predicate, Test, TextMatch};

use super::{TRACES_DEFAULT, TRACES_MAX};
use crate::api::params::{Params, parse_rfc3339};
use crate::error::QueryError;
use crate::exec::find_traces::{TraceOrder, TraceSearch};
use crate::lang::{parse_duration, parse_kind};

/// A trace id as Jaeger reads it: up to 32 hex digits, padded by zeroes in front, or base64.
pub(super) fn parse_trace_id(text: &str) -> Result<TraceId, String> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = if is_hex && (1..=32).contains(&text.len()) {
        format!("{text:0>32}").parse().ok()
    } else {
        let bytes = STANDARD
            .decode(text)
            .or_else(|_| URL_SAFE.decode(text))
            .ok();
        bytes.and_then(|bytes| TraceId::from_slice(&bytes).ok())
    };
    id.ok_or_else(|| format!("{text:?} is not a trace id"))
}

/// The search of v1: times in microseconds, both of them included.
pub(super) fn search_v1(params: &Params) -> Result<TraceSearch, QueryError> {
    let mut terms = Terms::default();
    terms.service_and_operation(params, "service", "operation");
    terms.duration(params, "minDuration", "maxDuration")?;
    if let Some(tags) = params.parsed("tags", parse_tags)? {
        for (key, value) in tags {
            terms.tag("tags", &key, &value)?;
        }
    }
    for tag in params.all("tag") {
        let (key, value) = tag
            .split_once(':')
            .ok_or_else(|| QueryError::invalid("tag", format!("{tag:?} is not key:value")))?;
        terms.tag("tag", key, value)?;
    }
    let start = params.parsed("start", |text| micros(text).map(|micros| micros * 1000))?;
    let end = params.parsed("end", |text| {
        micros(text).map(|micros| micros * 1000 + 1000)
    })?;
    let time = TimeRange::new(
        UnixNanos(start.unwrap_or(0)),
        UnixNanos(end.unwrap_or(u64::MAX)),
    );
    Ok(TraceSearch {
        filter: Filter {
            time: time.ok_or_else(|| QueryError::invalid("end", "end must not be before start"))?,
            all: terms.all,
        },
        order: TraceOrder::Newest,
        limit: params.limit("limit", TRACES_DEFAULT, TRACES_MAX)?,
        after: None,
    })
}

/// The search of v3, whose parameters come with a `query.` in front, in camel case or snake case.
pub(super) fn search_v3(query: Option<&str>) -> Result<TraceSearch, QueryError> {
    let params = Params::lenient(query.map(camel_case_names).as_deref());
    if params.text("query.filter").is_some() {
        let message = "filter expressions are not supported, use query.attributes";
        return Err(QueryError::invalid("query.filter", message));
    }
    let mut terms = Terms::default();
    terms.service_and_operation(&params, "query.serviceName", "query.operationName");
    terms.duration(&params, "query.durationMin", "query.durationMax")?;
    if let Some(attributes) = params.parsed("query.attributes", parse_tags)? {
        for (key, value) in attributes {
            terms.tag("query.attributes", &key, &value)?;
        }
    }
    let start = required_time(&params, "query.startTimeMin")?;
    let end = required_time(&params, "query.startTimeMax")?;
    let time = TimeRange::new(start, end).ok_or_else(|| {
        let message = "query.startTimeMin must be before query.startTimeMax";
        QueryError::invalid("query.startTimeMin", message)
    })?;
    let depth = ["query.searchDepth", "query.numTraces"]
        .into_iter()
        .find(|name| params.text(name).is_some())
        .unwrap_or("query.searchDepth");
    Ok(TraceSearch {
        filter: Filter {
            time,
            all: terms.all,
        },
        order: TraceOrder::Newest,
        limit: params.limit(depth, TRACES_DEFAULT, TRACES_MAX)?,
        after: None,
    })
}

/// The range that dependencies are counted over: `lookback` before `endTs`, both in milliseconds.
pub(super) fn lookback(params: &Params, now: UnixNanos) -> Result<TimeRange, QueryError> {
    const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;
    let end_millis = params.parsed("endTs", millis)?.unwrap_or(now.0 / 1_000_000);
    let lookback_millis = params.parsed("lookback", millis)?.unwrap_or(DAY_MILLIS);
    let start = UnixNanos(end_millis.saturating_sub(lookback_millis) * 1_000_000);
    let end = UnixNanos((end_millis + 1) * 1_000_000);
    TimeRange::new(start, end)
        .ok_or_else(|| QueryError::invalid("lookback", "lookback must not be negative"))
}

/// Whole numbers of this size still fit nanoseconds.
fn number(text: &str, unit: &str, nanos_per_unit: u64) -> Result<u64, String> {
    match text.parse::<u64>() {
        Ok(number) if number < u64::MAX / nanos_per_unit - 1 => Ok(number),
        _ => Err(format!("{text:?} is not a unix time in {unit}")),
    }
}

fn micros(text: &str) -> Result<u64, String> {
    number(text, "microseconds", 1_000)
}

fn millis(text: &str) -> Result<u64, String> {
    number(text, "milliseconds", 1_000_000)
}

fn required_time(params: &Params, name: &str) -> Result<UnixNanos, QueryError> {
    let parse = |text: &str| {
        parse_rfc3339(text).ok_or_else(|| format!("{text:?} is not a time as RFC 3339 has it"))
    };
    params
        .parsed(name, parse)?
        .ok_or_else(|| QueryError::invalid(name, format!("{name} is required")))
}

/// A JSON map of text to text; numbers and booleans are taken by their text.
fn parse_tags(text: &str) -> Result<BTreeMap<String, String>, String> {
    let expected = || format!("{text:?} is not a JSON map of strings");
    let map: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|_| expected())?;
    let as_text = |value| match value {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        serde_json::Value::Bool(flag) => Ok(flag.to_string()),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
            Err(expected())
        }
    };
    map.into_iter()
        .map(|(key, value)| Ok((key, as_text(value)?)))
        .collect()
}

/// Turns `query.start_time_min` into `query.startTimeMin`, and so on. Values stay as they are.
fn camel_case_names(query: &str) -> String {
    let rename = |pair: &str| {
        let (name, rest) = match pair.find('=') {
            Some(at) => pair.split_at(at),
            None => (pair, ""),
        };
        let mut words = name.split('_');
        let mut renamed = words.next().unwrap_or_default().to_owned();
        for word in words {
            let mut letters = word.chars();
            renamed.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
            renamed.push_str(letters.as_str());
        }
        renamed + rest
    };
    query.split('&').map(rename).collect::<Vec<_>>().join("&")
}

/// What one span must satisfy.
#[derive(Default)]
struct Terms {
    all: Vec<Predicate>,
}

impl Terms {
    fn push(&mut self, negated: bool, test: Test) {
        self.all.push(Predicate { negated, test });
    }

    fn service_and_operation(&mut self, params: &Params, service: &str, operation: &str) {
        if let Some(name) = params.text(service) {
            self.push(false, Test::Service(TextMatch::Exact(name.to_owned())));
        }
        if let Some(name) = params.text(operation) {
            self.push(false, Test::Name(TextMatch::Exact(name.to_owned())));
        }
    }

    fn duration(&mut self, params: &Params, min: &str, max: &str) -> Result<(), QueryError> {
        let parse = |text: &str| parse_duration(text).map_err(|error| error.to_string());
        let shortest = params.parsed(min, parse)?;
        let longest = params.parsed(max, parse)?;
        if shortest.is_some() || longest.is_some() {
            let range = shortest.unwrap_or(0)..=longest.unwrap_or(u64::MAX);
            self.push(false, Test::DurationNano(range));
        }
        Ok(())
    }

    /// Jaeger shows some fields of a span as tags, and lets its users search for them.
    fn tag(&mut self, parameter: &str, key: &str, value: &str) -> Result<(), QueryError> {
        let unknown = |expected: &str| {
            QueryError::invalid(parameter, format!("tag {key} is {expected}, not {value:?}"))
        };
        match (key, value) {
            ("error", "true") => self.push(false, Test::StatusCode(2)),
            ("error", "false") => self.push(true, Test::StatusCode(2)),
            ("span.kind", kind) => {
                let kind = parse_kind(kind).map_err(|_| unknown("a span kind"))?;
                self.push(false, Test::Kind(kind));
            }
            ("otel.status_code", "ERROR") => self.push(false, Test::StatusCode(2)),
            ("otel.status_code", "OK") => self.push(false, Test::StatusCode(1)),
            ("otel.status_code", _) => return Err(unknown("OK or ERROR")),
            (
                "otel.scope.name"
                | "otel.scope.version"
                | "otel.status_description"
                | "w3c.tracestate",
                _,
            ) => {
                let message = format!("tag {key} is shown but cannot be searched for");
                return Err(QueryError::invalid(parameter, message));
            }
            _ => {
                let value = TextMatch::Exact(value.to_owned());
                self.push(
                    false,
                    Test::Attribute {
                        key: key.to_owned(),
                        value,
                    },
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_ids_are_short_hex_or_base64() {
        let long = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(parse_trace_id(long).unwrap().to_string(), long);
        assert_eq!(
            parse_trace_id("8448EB211C80319C").unwrap().to_string(),
            "00000000000000008448eb211c80319c"
        );
        assert_eq!(
            parse_trace_id("CvdlGRbNQ92ESOshHIAxnA==")
                .unwrap()
                .to_string(),
            long
        );
        assert_eq!(
            parse_trace_id("xyz").unwrap_err(),
            "\"xyz\" is not a trace id"
        );
        assert_eq!(parse_trace_id("0").unwrap_err(), "\"0\" is not a trace id");
    }

    #[test]
    fn a_v1_search_reads_everything_jaeger_ui_sends() {
        let params = Params::lenient(Some(
            "end=1700000000000001&limit=20&lookback=1h&maxDuration=1.2s&minDuration=100ms\
             &operation=GET%20%2Fpay&service=shop&start=1700000000000000\
             &tags=%7B%22error%22%3A%22true%22%2C%22http.status_code%22%3A500%7D&tag=a%3Ab%3Ac",
        ));
        let search = search_v1(&params).unwrap();
        let exact = |text: &str| TextMatch::Exact(text.into());
        let tests: Vec<Test> = search
            .filter
            .all
            .into_iter()
            .map(|term| term.test)
            .collect();
        assert_eq!(
            tests,
            [
                Test::Service(exact("shop")),
                Test::Name(exact("GET /pay")),
                Test::DurationNano(100_000_000..=1_200_000_000),
                Test::StatusCode(2),
                Test::Attribute {
                    key: "http.status_code".into(),
                    value: exact("500")
                },
                Test::Attribute {
                    key: "a".into(),
                    value: exact("b:c")
                },
            ]
        );
        assert_eq!(
            search.filter.time.as_range(),
            1_700_000_000_000_000_000..1_700_000_000_000_002_000
        );
        assert_eq!(search.limit, 20);
    }

    #[test]
    fn v3_accepts_snake_case_and_unescaped_zone_offsets() {
        let search = search_v3(Some(
            "query.start_time_min=2023-11-14T23:13:20+01:00\
             &query.startTimeMax=2023-11-14T22:13:21.5Z&query.num_traces=7",
        ))
        .unwrap();
        assert_eq!(
            search.filter.time.as_range(),
            1_700_000_000_000_000_000..1_700_000_001_500_000_000
        );
        assert_eq!(search.limit, 7);
    }

    #[test]
    fn v3_requires_a_time_range() {
        assert_eq!(
            search_v3(None).unwrap_err().to_string(),
            "query.startTimeMin is required"
        );
        let backwards = "query.startTimeMin=2023-11-14T22:13:21Z\
                         &query.startTimeMax=2023-11-14T22:13:20Z";
        assert_eq!(
            search_v3(Some(backwards)).unwrap_err().to_string(),
            "query.startTimeMin must be before query.startTimeMax"
        );
    }

    #[test]
    fn tags_that_cannot_be_searched_for_are_refused() {
        let error = |query| {
            search_v1(&Params::lenient(Some(query)))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            error("tag=otel.scope.name:x"),
            "tag otel.scope.name is shown but cannot be searched for"
        );
        assert_eq!(
            error("tag=span.kind:x"),
            "tag span.kind is a span kind, not \"x\""
        );
        assert_eq!(error("tag=x"), "\"x\" is not key:value");
        assert_eq!(error("tags=x"), "\"x\" is not a JSON map of strings");
    }
}
