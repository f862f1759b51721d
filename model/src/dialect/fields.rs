//! Ids and numbers as other systems write them: shorter than OpenTelemetry's, or as text.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Reason;
use crate::ids::{SpanId, TraceId};
use crate::time::UnixNanos;

/// A trace id of up to 32 hexadecimal digits; missing ones on the left are zeros.
pub(super) fn trace_id(text: &str) -> Result<TraceId, Reason> {
    let padded = format!("{text:0>32}");
    padded
        .parse()
        .map_err(|_| Reason::Borrowed("trace id is not 1 to 32 hexadecimal digits, or all zero"))
}

/// A span id of up to 16 hexadecimal digits; missing ones on the left are zeros.
pub(super) fn span_id(text: &str) -> Result<SpanId, Reason> {
    let padded = format!("{text:0>16}");
    padded
        .parse()
        .map_err(|_| Reason::Borrowed("span id is not 1 to 16 hexadecimal digits, or all zero"))
}

/// The id of a parent: like a span id, but empty and all zero both mean that there is none.
pub(super) fn parent_id(text: &str) -> Result<Option<SpanId>, Reason> {
    if text.bytes().all(|digit| digit == b'0') {
        return Ok(None);
    }
    span_id(text)
        .map(Some)
        .map_err(|_| Reason::Borrowed("parent id is not 1 to 16 hexadecimal digits"))
}

/// Microseconds: a whole number, or one as text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Micros(pub(super) u64);

impl Micros {
    /// The moment so many microseconds after the epoch.
    pub(super) fn moment(self) -> Result<UnixNanos, Reason> {
        self.0
            .checked_mul(1000)
            .map(UnixNanos)
            .ok_or(Reason::Borrowed("a time is later than the year 2554"))
    }

    /// The moment so much later.
    pub(super) fn after(self, start: UnixNanos) -> Result<UnixNanos, Reason> {
        self.0
            .checked_mul(1000)
            .and_then(|nanos| start.0.checked_add(nanos))
            .map(UnixNanos)
            .ok_or(Reason::Borrowed("a span ends later than the year 2554"))
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let number = match &value {
            Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
            Value::String(text) => text.parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let wrong = || serde::de::Error::custom("a time is not whole microseconds");
        number.map(Self).ok_or_else(wrong)
    }
}

/// Some writers put every number down as a double.
fn whole(number: f64) -> Option<u64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && (0.0..=EXACT_MAX).contains(&number)).then_some(number as u64)
}
