//! VictoriaLogs' query language. Answers are one JSON object a line.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{text, with_parameters};
use crate::{
    queries::{Answer, Ask, LOGS_MAX, LOGS_OF_TRACE_MAX},
    workload::truth::LogProbe,
};

const PATH: &str = "/select/logsql/query";
/// The name that a count is given.
const COUNT: &str = "matches";

/// The path and query that ask for something.
pub(crate) fn question(ask: &Ask) -> Option<String> {
    let (query, limit) = match ask {
        Ask::Logs(probe) => (filter(probe), Some(LOGS_MAX)),
        Ask::LogsOfTrace { id, .. } => (format!("trace_id:={id}"), Some(LOGS_OF_TRACE_MAX)),
        Ask::LogCount(probe) => (
            format!("{} | stats count() as {COUNT}", filter(probe)),
            None,
        ),
        Ask::Trace { .. }
        | Ask::Traces(_)
        | Ask::WholeTraces(_)
        | Ask::Services(_)
        | Ask::Operations { .. } => return None,
    };
    let mut parameters = vec![("query", query)];
    // With a limit the newest come, newest first.
    parameters.extend(limit.map(|limit| ("limit", limit.to_string())));
    Some(with_parameters(PATH, &parameters))
}

fn filter(probe: &LogProbe) -> String {
    let time = |nanos| humantime::format_rfc3339_nanos(UNIX_EPOCH + Duration::from_nanos(nanos));
    let (start, end) = (time(probe.start_unix_nano), time(probe.end_unix_nano));
    // A service is a stream: that is the fast way to ask for it.
    let stream = probe.service.as_ref();
    let stream = stream.map_or_else(String::new, |name| format!("{{service.name=\"{name}\"}} "));
    format!("_time:[{start}, {end}) {stream}\"{}\"", probe.text)
}

/// Reads an answer.
pub(crate) fn answer(ask: &Ask, status: u16, body: &[u8]) -> Result<Answer> {
    if status != 200 {
        bail!("status {status}: {}", String::from_utf8_lossy(body));
    }
    let lines: Vec<Value> = serde_json::Deserializer::from_slice(body)
        .into_iter()
        .collect::<Result<_, _>>()
        .context("a line of the answer is not JSON")?;
    if let Ask::LogCount(_) = ask {
        let [line] = lines.as_slice() else {
            bail!("{} lines instead of a count", lines.len());
        };
        return Ok(Answer::Count(text(line, &format!("/{COUNT}"))?.parse()?));
    }
    let times = lines.iter().map(|line| unix_nanos(text(line, "/_time")?));
    Ok(Answer::Logs(times.collect::<Result<_>>()?))
}

fn unix_nanos(time: &str) -> Result<u64> {
    let since = humantime::parse_rfc3339(time)?.duration_since(UNIX_EPOCH)?;
    Ok(u64::try_from(since.as_nanos())?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_search_names_range_stream_and_words() {
        let probe = LogProbe {
            text: "order accepted".to_owned(),
            service: Some("cart".to_owned()),
            start_unix_nano: 1_000_000,
            end_unix_nano: 1_767_225_600_000_000_000,
            ..LogProbe::default()
        };
        assert_eq!(
            filter(&probe),
            "_time:[1970-01-01T00:00:00.001000000Z, 2026-01-01T00:00:00.000000000Z) \
             {service.name=\"cart\"} \"order accepted\""
        );
        let path = question(&Ask::Logs(Arc::new(probe))).unwrap();
        assert!(path.ends_with("&limit=100"), "{path}");
        assert_eq!(question(&Ask::Traces(Arc::default())), None);
    }

    #[test]
    fn times_and_counts_are_read_line_by_line() {
        let logs = b"{\"_time\":\"1970-01-01T00:00:01.5Z\",\"_msg\":\"a\"}\n{\"_time\":\"1970-01-01T00:00:00.000000007Z\"}\n";
        let ask = Ask::Logs(Arc::default());
        assert_eq!(
            answer(&ask, 200, logs).unwrap(),
            Answer::Logs(vec![1_500_000_000, 7])
        );
        assert_eq!(answer(&ask, 200, b"").unwrap(), Answer::Logs(vec![]));
        assert!(answer(&ask, 400, b"no").is_err());
        let ask = Ask::LogCount(Arc::default());
        assert_eq!(
            answer(&ask, 200, b"{\"matches\":\"12\"}\n").unwrap(),
            Answer::Count(12)
        );
        assert!(answer(&ask, 200, b"").is_err());
    }
}
