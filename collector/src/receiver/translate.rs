//! Bodies of other protocols as OTLP protobuf, within the limits of a request.

use model::UnixNanos;
use model::dialect::json_lines::Defaults;
use model::dialect::{TranslateError, Translated, json_lines, loki, zipkin};
use model::otlp::Encoding;

use super::Foreign;
use crate::admission::Ticket;
use crate::error::Refusal;

/// Translates `body`, received at `now`. What it becomes may take up to `limit_bytes` as well, admitted by `ticket`.
pub(crate) fn translate(
    foreign: Foreign,
    body: &[u8],
    now: UnixNanos,
    limit_bytes: usize,
    ticket: &mut Ticket,
) -> Result<Translated, Refusal> {
    let mut refusal = None;
    let mut left_bytes = limit_bytes;
    let mut admit = |bytes: usize| {
        let admitted = match left_bytes.checked_sub(bytes) {
            Some(left) => {
                left_bytes = left;
                ticket.grow(bytes)
            }
            None => Err(Refusal::TooLarge { limit_bytes }),
        };
        match admitted {
            Ok(()) => true,
            Err(refused) => {
                refusal = Some(refused);
                false
            }
        }
    };
    let translated = match foreign {
        Foreign::Zipkin(Encoding::Json) => zipkin::translate_json(body, &mut admit),
        Foreign::Zipkin(Encoding::Protobuf) => zipkin::translate_protobuf(body, &mut admit),
        Foreign::Loki(Encoding::Json) => loki::translate_json(body, now, &mut admit),
        Foreign::Loki(Encoding::Protobuf) => loki::translate_protobuf(body, now, &mut admit),
        Foreign::Lines(defaults) => {
            let defaults = Defaults { now, ..defaults };
            json_lines::translate_lines(body, &defaults, &mut admit)
        }
        Foreign::JsonRecords(defaults) => {
            let defaults = Defaults { now, ..defaults };
            json_lines::translate_json(body, &defaults, &mut admit)
        }
    };
    translated
        .map_err(|source: TranslateError| refusal.unwrap_or(Refusal::Untranslatable { source }))
}
