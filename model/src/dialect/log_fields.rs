//! Fields of a log record that other formats keep among the rest: the names that stand for them.
//!
//! Trace context: OpenTelemetry specification, "Trace Context in non-OTLP Log Formats". Severities: its log data
//! model, "Appendix B: SeverityNumber example mappings".

use super::fields::{span_id, trace_id};
use crate::attributes::AttributeValue;
use crate::ids::{SpanId, TraceId};
use crate::log_record::Severity;

/// What a field stands for. The number says which name goes first when several are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    TraceId,
    SpanId,
    TraceFlags,
    SeverityNumber,
    Severity(u8),
    Time(u8),
    Body(u8),
    Service(u8),
}

/// The longest name in the table.
const NAME_BYTES_MAX: usize = 16;

/// What a field with this name stands for. Letter case, `_`, `-` and `.` make no difference.
pub(super) fn role(name: &str) -> Option<Role> {
    let mut plain = [0; NAME_BYTES_MAX];
    let mut length = 0;
    for byte in name.bytes().filter(|it| !matches!(it, b'_' | b'-' | b'.')) {
        *plain.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    Some(match plain.get(..length)? {
        b"traceid" => Role::TraceId,
        b"spanid" => Role::SpanId,
        b"traceflags" => Role::TraceFlags,
        b"severitynumber" => Role::SeverityNumber,
        b"severitytext" => Role::Severity(0),
        b"severity" => Role::Severity(1),
        b"level" => Role::Severity(2),
        b"loglevel" => Role::Severity(3),
        b"levelname" => Role::Severity(4),
        b"lvl" => Role::Severity(5),
        b"@l" => Role::Severity(6),
        b"detectedlevel" => Role::Severity(7),
        b"timestamp" => Role::Time(0),
        b"@timestamp" => Role::Time(1),
        b"time" => Role::Time(2),
        b"ts" => Role::Time(3),
        b"@t" => Role::Time(4),
        b"datetime" => Role::Time(5),
        b"date" => Role::Time(6),
        b"message" => Role::Body(0),
        b"msg" => Role::Body(1),
        b"body" => Role::Body(2),
        b"log" => Role::Body(3),
        b"@m" => Role::Body(4),
        b"shortmessage" => Role::Body(5),
        b"event" => Role::Body(6),
        b"servicename" => Role::Service(0),
        b"service" => Role::Service(1),
        b"app" => Role::Service(2),
        b"application" => Role::Service(3),
        _ => return None,
    })
}

/// A trace id: 32 hexadecimal digits, or the 16 of older systems. Anything else is an attribute.
pub(super) fn read_trace_id(text: &str) -> Option<TraceId> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    matches!(digits.len(), 16 | 32).then_some(())?;
    trace_id(digits).ok()
}

/// A span id: 16 hexadecimal digits. Anything else is an attribute.
pub(super) fn read_span_id(text: &str) -> Option<SpanId> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    (digits.len() == 16).then_some(())?;
    span_id(digits).ok()
}

/// W3C trace flags: a number, or two hexadecimal digits as `traceparent` has them.
pub(super) fn read_trace_flags(value: &AttributeValue) -> Option<u32> {
    let flags = match value {
        AttributeValue::Int(number) => u8::try_from(*number).ok()?,
        AttributeValue::String(text) => u8::from_str_radix(text, 16).ok()?,
        _ => return None,
    };
    Some(u32::from(flags))
}

/// A severity number of OpenTelemetry.
pub(super) fn read_severity_number(value: &AttributeValue) -> Option<Severity> {
    match value {
        AttributeValue::Int(number) => i32::try_from(*number)
            .ok()
            .map(Severity)
            .filter(|it| it.group().is_some()),
        _ => None,
    }
}

/// The severity a word or a number of a logger means, and the logger's own word.
pub(super) fn read_severity(value: &AttributeValue) -> Option<(Severity, String)> {
    match value {
        AttributeValue::String(word) if !word.is_empty() => {
            Some((severity_of_word(word), word.clone()))
        }
        AttributeValue::Int(level) => Some((severity_of_level(*level), level.to_string())),
        _ => None,
    }
}

/// Zero, which is unknown, for words that are none of any logger.
pub(super) fn severity_of_word(word: &str) -> Severity {
    let word = word.trim().to_ascii_lowercase();
    let number = match word.as_str() {
        "trace" | "trc" | "verbose" | "vrb" | "finest" | "t" | "v" => 1,
        "debug" | "dbg" | "fine" | "d" => 5,
        "info" | "inf" | "information" | "informational" | "i" => 9,
        "notice" => 10,
        "warn" | "warning" | "wrn" | "w" => 13,
        "error" | "err" | "severe" | "e" => 17,
        "critical" | "crit" | "dpanic" => 18,
        "alert" | "panic" => 19,
        "fatal" | "ftl" | "emergency" | "emerg" | "f" => 21,
        _ => return numbered(&word),
    };
    Severity(number)
}

/// OpenTelemetry's own short names, such as `INFO2`.
fn numbered(word: &str) -> Severity {
    let numbered = || {
        let digit = word
            .bytes()
            .last()
            .filter(|it| (b'2'..=b'4').contains(it))?;
        let group = word.get(..word.len() - 1)?;
        let (first, _) = Severity::group_range(group)?;
        Some(Severity(first.0 + i32::from(digit - b'1')))
    };
    numbered().unwrap_or(Severity(0))
}

/// Levels as numbers: 0 to 7 are those of syslog, from 10 on they are those of pino and bunyan.
fn severity_of_level(level: i64) -> Severity {
    const SYSLOG: [i32; 8] = [21, 19, 18, 17, 13, 10, 9, 5];
    const PINO: [i32; 6] = [1, 5, 9, 13, 17, 21];
    let number = match level {
        0..=7 => usize::try_from(level).ok().and_then(|it| SYSLOG.get(it)),
        10..=69 => usize::try_from(level / 10 - 1)
            .ok()
            .and_then(|it| PINO.get(it)),
        _ => None,
    };
    Severity(number.copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_every_spelling() {
        for name in [
            "trace_id", "traceId", "traceID", "TraceId", "trace.id", "trace-id",
        ] {
            assert_eq!(role(name), Some(Role::TraceId), "{name}");
        }
        assert_eq!(role("log.level"), Some(Role::Severity(3)));
        assert_eq!(role("@timestamp"), Some(Role::Time(1)));
        assert_eq!(role("MESSAGE"), Some(Role::Body(0)));
        assert_eq!(role("service.name"), Some(Role::Service(0)));
        for name in ["", "trace", "trace_id_of_the_parent", "überlevel"] {
            assert_eq!(role(name), None, "{name}");
        }
    }

    #[test]
    fn ids_are_hexadecimal_and_of_one_length() {
        let id = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(read_trace_id(id).unwrap().to_string(), id);
        assert_eq!(
            read_trace_id("0xb7ad6b7169203331").unwrap().to_string(),
            "0000000000000000b7ad6b7169203331"
        );
        assert_eq!(
            read_span_id("b7ad6b7169203331").unwrap().to_string(),
            "b7ad6b7169203331"
        );
        for text in ["", "7", "order-0af7651916cd43dd8448eb211c", &"0".repeat(32)] {
            assert_eq!(read_trace_id(text), None, "{text}");
        }
        assert_eq!(read_span_id("7ad6b7169203331"), None);
    }

    #[test]
    fn words_and_numbers_become_severities() {
        let words = [
            ("TRACE", 1),
            ("Debug", 5),
            ("Information", 9),
            ("notice", 10),
            ("WARNING", 13),
            ("err", 17),
            ("CRITICAL", 18),
            ("alert", 19),
            ("fatal", 21),
            ("emerg", 21),
            ("info2", 10),
            ("ERROR4", 20),
            ("ERROR5", 0),
            ("loud", 0),
            ("", 0),
        ];
        for (word, number) in words {
            assert_eq!(severity_of_word(word), Severity(number), "{word}");
        }
        let levels = [
            (10, 1),
            (30, 9),
            (35, 9),
            (50, 17),
            (60, 21),
            (3, 17),
            (7, 5),
            (8, 0),
            (-1, 0),
            (70, 0),
        ];
        for (level, number) in levels {
            assert_eq!(severity_of_level(level), Severity(number), "{level}");
        }
    }
}
