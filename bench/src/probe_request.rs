//! An export request with a single span or log record, encoded by hand: a few fields of OTLP are all
//! that is needed to find it again.

use bytes::Bytes;

use crate::workload::Signal;

/// The service of the record.
pub(crate) const SERVICE: &str = "visibility-probe";
/// The attribute of a span that holds its trace id as text; a log record has it as its body.
pub(crate) const ATTRIBUTE: &str = "probe.id";
const DURATION_NANOS: u64 = 1_000_000;

/// The request. Its trace id is `id`, its span id the lower half of that.
pub(crate) fn encode(signal: Signal, id: u128, now_unix_nano: u64) -> Bytes {
    let text = format!("{id:032x}");
    let mut record = Vec::new();
    match signal {
        Signal::Traces => {
            field(&mut record, 1, &id.to_be_bytes());
            field(&mut record, 2, &(id as u64).to_be_bytes());
            field(&mut record, 5, b"probe");
            fixed64(&mut record, 7, now_unix_nano);
            fixed64(&mut record, 8, now_unix_nano + DURATION_NANOS);
            field(&mut record, 9, &attribute(ATTRIBUTE, &text));
        }
        Signal::Logs => {
            fixed64(&mut record, 1, now_unix_nano);
            field(&mut record, 5, &nested(1, text.as_bytes()));
            field(&mut record, 9, &id.to_be_bytes());
            field(&mut record, 10, &(id as u64).to_be_bytes());
            fixed64(&mut record, 11, now_unix_nano);
        }
    }
    // The messages around spans and around log records have the same numbers.
    let resource = nested(1, &attribute("service.name", SERVICE));
    let mut group = nested(1, &resource);
    field(&mut group, 2, &nested(2, &record));
    nested(1, &group).into()
}

fn attribute(key: &str, value: &str) -> Vec<u8> {
    let mut out = nested(1, key.as_bytes());
    field(&mut out, 2, &nested(1, value.as_bytes()));
    out
}

/// A message of one field.
fn nested(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 4);
    field(&mut out, number, content);
    out
}

/// Appends a length-delimited field.
fn field(out: &mut Vec<u8>, number: u8, content: &[u8]) {
    out.push(number << 3 | 2);
    let mut len = content.len();
    while len >= 0x80 {
        out.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(content);
}

fn fixed64(out: &mut Vec<u8>, number: u8, value: u64) {
    out.push(number << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_over_127_take_two_bytes() {
        let long = nested(2, &[7; 300]);
        assert_eq!(long.get(..3), Some(&[0x12, 0xac, 0x02][..]));
        assert_eq!(long.len(), 303);
    }

    #[test]
    fn a_span_has_its_ids_its_times_and_the_text_of_its_id() {
        let request = encode(Signal::Traces, 0xab, 1);
        let contains = |part: &[u8]| request.windows(part.len()).any(|window| window == part);
        let mut trace_id = vec![0x0a, 16];
        trace_id.extend(0xab_u128.to_be_bytes());
        assert!(contains(&trace_id));
        assert!(contains(&[0x39, 1, 0, 0, 0, 0, 0, 0, 0]));
        assert!(contains(b"visibility-probe"));
        assert!(contains(format!("{:032x}", 0xab).as_bytes()));
    }
}
