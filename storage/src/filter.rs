//! What to look for: a conjunction of predicates over one row, and what each of them means.

mod rows;

use std::ops::RangeInclusive;

use model::{SpanId, TimeRange, TraceId};

use crate::bodies::{BodyQuery, BodyRegex, Needle};

pub(crate) use rows::{Matcher, Rows, columns_of};

/// Rows in a time range that satisfy every predicate.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// Holds the start of the span, or the effective time of the log record.
    pub time: TimeRange,
    /// All must hold on the same row.
    pub all: Vec<Predicate>,
}

/// A test, or its opposite.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicate {
    /// Whether rows that fail the test are wanted.
    pub negated: bool,
    /// What is tested.
    pub test: Test,
}

/// One question about one row. A question about a field the signal does not have is answered "no".
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// The service name.
    Service(TextMatch),
    /// The span name.
    Name(TextMatch),
    /// The span name contains this text, in any letter case.
    NameContains(String),
    /// The OTLP number of the span kind.
    Kind(i32),
    /// The OTLP number of the span status; a span without a status has 0.
    StatusCode(i32),
    /// End minus start of the span; 0 when it ends before it starts.
    DurationNano(RangeInclusive<u64>),
    /// The trace of the span or log record. Invalid ids of log records belong to no trace.
    TraceId(TraceId),
    /// The span, or the span of the log record. Needs a valid trace id beside it.
    SpanId(SpanId),
    /// The OTLP severity number of the log record.
    SeverityNumber(RangeInclusive<i32>),
    /// An attribute at any level: span or log record, event, link, resource, scope. When a key
    /// occurs more than once, one match is enough. Values are compared in their text form
    /// (`model::AttributeValue::text`).
    Attribute {
        /// The key, whole.
        key: String,
        /// What its value must be.
        value: TextMatch,
    },
    /// The body of the log record contains this text.
    Body(Needle),
    /// A part of the body of the log record matches this.
    BodyRegex(BodyRegex),
    /// The event name of the log record, or the name of one of the span's events.
    EventName(TextMatch),
}

/// How a text is compared; letter case matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextMatch {
    /// The whole text is this.
    Exact(String),
    /// The text begins with this.
    Prefix(String),
    /// Any text; for attributes: the key is there.
    Any,
}

impl Test {
    /// What it asks of bodies, if it is about those of log records.
    pub(crate) fn body_query(&self) -> Option<BodyQuery> {
        match self {
            Self::Body(needle) => Some(BodyQuery::all(vec![needle.clone()])),
            Self::BodyRegex(regex) => Some(BodyQuery::all(Vec::new()).and_regex(regex.clone())),
            _ => None,
        }
    }
}

impl TextMatch {
    /// Whether the text matches.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(wanted) => text == wanted,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Any => true,
        }
    }
}

impl Filter {
    /// Every row.
    pub fn everything() -> Self {
        Self {
            time: TimeRange::ALL,
            all: Vec::new(),
        }
    }

    /// Whether rows within `range` can satisfy the filter at all.
    pub(crate) fn may_match(&self, range: &TimeRange) -> bool {
        // The last moment of all has no end after it: a range that ends there holds it.
        let begins_before_end =
            |a: &TimeRange, b: &TimeRange| a.start < b.end || b.end == model::UnixNanos::MAX;
        begins_before_end(&self.time, range) && begins_before_end(range, &self.time)
    }

    /// Adds a predicate that must hold.
    #[must_use]
    pub fn and(mut self, test: Test) -> Self {
        self.all.push(Predicate {
            negated: false,
            test,
        });
        self
    }

    /// Adds a predicate that must not hold.
    #[must_use]
    pub fn and_not(mut self, test: Test) -> Self {
        self.all.push(Predicate {
            negated: true,
            test,
        });
        self
    }
}
