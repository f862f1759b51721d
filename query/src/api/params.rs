//! Reads what requests ask for: query parameters, times, ids.

use model::{SpanId, TimeRange, TraceId, UnixNanos};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::error::QueryError;

/// The parameters of one request. A parameter without a value counts as absent.
#[derive(Debug, Clone, Default)]
pub(super) struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Parameters of which each is known and given at most once.
    pub(super) fn strict(query: Option<&str>, known: &[&str]) -> Result<Self, QueryError> {
        let params = Self::lenient(query);
        for (index, (name, _)) in params.pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let known = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                let message = format!("unknown parameter {name:?}, known: {known}");
                return Err(QueryError::invalid(name, message));
            }
            if params
                .pairs
                .iter()
                .skip(index + 1)
                .any(|(other, _)| other == name)
            {
                return Err(QueryError::invalid(name, format!("{name} is given twice")));
            }
        }
        Ok(params)
    }

    /// Parameters of which unknown ones are ignored, as the dialects do.
    pub(super) fn lenient(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        Self { pairs }
    }

    /// The first value of the parameter.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every value of the parameter.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = self.pairs.iter().filter(move |(other, _)| other == name);
        of_name.map(|(_, value)| value.as_str())
    }

    /// The value as `parse` reads it.
    pub(super) fn parsed<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, QueryError> {
        let read = |text| parse(text).map_err(|message| QueryError::invalid(name, message));
        self.text(name).map(read).transpose()
    }

    /// A whole number from 1 to `max`.
    pub(super) fn limit(
        &self,
        name: &str,
        default: usize,
        max: usize,
    ) -> Result<usize, QueryError> {
        let read = |text: &str| match text.parse() {
            Ok(limit) if (1..=max).contains(&limit) => Ok(limit),
            _ => Err(format!("{name} must be a whole number from 1 to {max}")),
        };
        Ok(self.parsed(name, read)?.unwrap_or(default))
    }

    /// The range of `start` and `end`; everything when they are absent.
    pub(super) fn time_range(&self) -> Result<TimeRange, QueryError> {
        let start = self
            .parsed("start", parse_time)?
            .unwrap_or(TimeRange::ALL.start);
        let end = self
            .parsed("end", parse_time)?
            .unwrap_or(TimeRange::ALL.end);
        TimeRange::new(start, end)
            .ok_or_else(|| QueryError::invalid("end", "end must be later than start"))
    }
}

/// A moment as RFC 3339, or as unix nanoseconds in decimal digits.
///
/// # Errors
/// When the text is neither.
pub fn parse_time(text: &str) -> Result<UnixNanos, String> {
    let bad = || format!("{text:?} is neither RFC 3339 nor unix nanoseconds");
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map(UnixNanos).map_err(|_| bad());
    }
    parse_rfc3339(text).ok_or_else(bad)
}

/// A moment as RFC 3339. A blank stands for the plus sign that it was before somebody forgot to escape
/// it.
pub(super) fn parse_rfc3339(text: &str) -> Option<UnixNanos> {
    let moment = OffsetDateTime::parse(&text.replace(' ', "+"), &Rfc3339).ok()?;
    u64::try_from(moment.unix_timestamp_nanos())
        .ok()
        .map(UnixNanos)
}

/// A trace id of exactly 32 hex digits.
pub(super) fn parse_trace_id(text: &str) -> Result<TraceId, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is not a trace id: 32 hexadecimal digits that are not all zero")
    })
}

/// A span id of exactly 16 hex digits.
pub(super) fn parse_span_id(text: &str) -> Result<SpanId, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is not a span id: 16 hexadecimal digits that are not all zero")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_or_unix_nanoseconds() {
        let nanos = |text| parse_time(text).map(|moment| moment.0);
        assert_eq!(nanos("1700000000123456789"), Ok(1_700_000_000_123_456_789));
        assert_eq!(
            nanos("2023-11-14T22:13:20.123456789Z"),
            Ok(1_700_000_000_123_456_789)
        );
        assert_eq!(
            nanos("2023-11-14T23:13:20+01:00"),
            Ok(1_700_000_000_000_000_000)
        );
        assert_eq!(
            nanos("2023-11-14T23:13:20 01:00"),
            Ok(1_700_000_000_000_000_000)
        );
        for text in [
            "yesterday",
            "-5",
            "1.5",
            "1969-12-31T23:59:59Z",
            "18446744073709551616",
        ] {
            assert_eq!(
                nanos(text),
                Err(format!("{text:?} is neither RFC 3339 nor unix nanoseconds"))
            );
        }
    }

    #[test]
    fn unknown_and_repeated_parameters_are_named() {
        let error = |query: &str| Params::strict(Some(query), &["limit", "q"]).unwrap_err();
        assert_eq!(
            error("limmit=3").to_string(),
            "unknown parameter \"limmit\", known: limit, q"
        );
        assert_eq!(error("q=a&q=b").to_string(), "q is given twice");
        assert_eq!(error("q=a&q=b").parameter(), Some("q"));
    }

    #[test]
    fn limits_and_ranges_are_checked() {
        let params = |query: &str| Params::lenient(Some(query));
        assert_eq!(params("limit=7").limit("limit", 20, 1000).unwrap(), 7);
        assert_eq!(params("limit=").limit("limit", 20, 1000).unwrap(), 20);
        for query in ["limit=0", "limit=1001", "limit=x", "limit=-1"] {
            assert_eq!(
                params(query)
                    .limit("limit", 20, 1000)
                    .unwrap_err()
                    .to_string(),
                "limit must be a whole number from 1 to 1000"
            );
        }
        assert_eq!(
            params("start=5&end=5")
                .time_range()
                .unwrap_err()
                .to_string(),
            "end must be later than start"
        );
        assert_eq!(params("").time_range().unwrap(), TimeRange::ALL);
    }
}
