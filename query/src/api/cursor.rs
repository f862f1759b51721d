//! Cursors as text: opaque to clients, a place in an order to us.

use model::{TraceId, UnixNanos};

use crate::exec::ContentHash;
use crate::exec::find_logs::{LogOrder, LogPlace};
use crate::exec::find_traces::{TraceOrder, TracePlace};

fn trace_letter(order: TraceOrder) -> char {
    match order {
        TraceOrder::Newest => 'n',
        TraceOrder::Slowest => 's',
    }
}

fn log_letter(order: LogOrder) -> char {
    match order {
        LogOrder::Newest => 'n',
        LogOrder::Oldest => 'o',
    }
}

/// The cursor after this trace.
pub(super) fn of_trace(place: TracePlace, order: TraceOrder) -> String {
    format!(
        "{}{:016x}{}",
        trace_letter(order),
        place.key,
        place.trace_id
    )
}

/// The place a cursor stands for.
pub(super) fn to_trace(text: &str, order: TraceOrder) -> Result<TracePlace, String> {
    let digits = digits(text, trace_letter(order), 48)?;
    let (key, trace_id) = digits.split_at(16);
    let key = u64::from_str_radix(key, 16).map_err(|_| BAD_CURSOR.to_owned())?;
    let trace_id: TraceId = trace_id.parse().map_err(|_| BAD_CURSOR.to_owned())?;
    Ok(TracePlace { key, trace_id })
}

/// The cursor after this log record.
pub(super) fn of_log(place: LogPlace, order: LogOrder) -> String {
    format!("{}{}", log_letter(order), log_id(place))
}

/// Names a log record for as long as it is stored, wherever that is.
pub(super) fn log_id(place: LogPlace) -> String {
    format!(
        "{:016x}{:032x}{:08x}",
        place.time.0, place.hash.0, place.copy
    )
}

/// The place a cursor stands for.
pub(super) fn to_log(text: &str, order: LogOrder) -> Result<LogPlace, String> {
    let digits = digits(text, log_letter(order), 56)?;
    let (time, rest) = digits.split_at(16);
    let (hash, copy) = rest.split_at(32);
    let bad = |_| BAD_CURSOR.to_owned();
    Ok(LogPlace {
        time: UnixNanos(u64::from_str_radix(time, 16).map_err(bad)?),
        hash: ContentHash(u128::from_str_radix(hash, 16).map_err(bad)?),
        copy: u32::from_str_radix(copy, 16).map_err(bad)?,
    })
}

const BAD_CURSOR: &str = "cursor is not one that was given out";

/// The hex digits behind the letter of the order.
fn digits(text: &str, letter: char, length: usize) -> Result<&str, String> {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut chars = text.chars();
    let first = chars.next();
    let digits = chars.as_str();
    if digits.len() != length || !is_hex(digits) {
        return Err(BAD_CURSOR.to_owned());
    }
    if first != Some(letter) {
        return Err("cursor belongs to another order".to_owned());
    }
    Ok(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back_as_what_they_were_written_from() {
        let trace_id = "0af7651916cd43dd8448eb211c80319c".parse().unwrap();
        let place = TracePlace {
            key: u64::MAX,
            trace_id,
        };
        let text = of_trace(place, TraceOrder::Slowest);
        assert_eq!(text, "sffffffffffffffff0af7651916cd43dd8448eb211c80319c");
        assert_eq!(to_trace(&text, TraceOrder::Slowest), Ok(place));

        let place = LogPlace {
            time: UnixNanos(1),
            hash: ContentHash(u128::MAX),
            copy: 7,
        };
        assert_eq!(
            to_log(&of_log(place, LogOrder::Oldest), LogOrder::Oldest),
            Ok(place)
        );
    }

    #[test]
    fn what_was_not_given_out_is_refused() {
        let text = "sffffffffffffffff0af7651916cd43dd8448eb211c80319c";
        assert_eq!(
            to_trace(text, TraceOrder::Newest),
            Err("cursor belongs to another order".to_owned())
        );
        for text in [
            "",
            "n",
            "größe",
            "nffffffffffffffff0af7651916cd43dd8448eb211c80319",
            "s+fff",
        ] {
            assert_eq!(
                to_trace(text, TraceOrder::Newest),
                Err(BAD_CURSOR.to_owned()),
                "{text}"
            );
        }
        let zero = format!("n{}", "0".repeat(48));
        assert_eq!(
            to_trace(&zero, TraceOrder::Newest),
            Err(BAD_CURSOR.to_owned())
        );
    }
}
