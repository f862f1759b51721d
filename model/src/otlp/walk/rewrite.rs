//! Writes the same request in other bytes: fields in another order, unknown fields between them.

/// A field of text, bytes or a message.
pub(in crate::otlp) fn delimited(tag: u64, bytes: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    push_varint(&mut field, tag << 3 | 2);
    push_varint(&mut field, bytes.len() as u64);
    field.extend_from_slice(bytes);
    field
}

/// A varint field.
pub(super) fn varint(tag: u64, value: u64) -> Vec<u8> {
    let mut field = Vec::new();
    push_varint(&mut field, tag << 3);
    push_varint(&mut field, value);
    field
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Which fields of a message are messages themselves.
struct Shape(&'static [(u64, &'static Shape)]);

const PLAIN: Shape = Shape(&[]);
static ANY_VALUE: Shape = Shape(&[(5, &ARRAY), (6, &KVLIST)]);
static ARRAY: Shape = Shape(&[(1, &ANY_VALUE)]);
static KVLIST: Shape = Shape(&[(1, &KEY_VALUE)]);
static KEY_VALUE: Shape = Shape(&[(2, &ANY_VALUE)]);
static RESOURCE: Shape = Shape(&[(1, &KEY_VALUE), (3, &PLAIN)]);
static SCOPE: Shape = Shape(&[(3, &KEY_VALUE)]);
static EVENT: Shape = Shape(&[(3, &KEY_VALUE)]);
static LINK: Shape = Shape(&[(4, &KEY_VALUE)]);
static SPAN: Shape = Shape(&[(9, &KEY_VALUE), (11, &EVENT), (13, &LINK), (15, &PLAIN)]);
static SCOPE_SPANS: Shape = Shape(&[(1, &SCOPE), (2, &SPAN)]);
static RESOURCE_SPANS: Shape = Shape(&[(1, &RESOURCE), (2, &SCOPE_SPANS)]);
static TRACES: Shape = Shape(&[(1, &RESOURCE_SPANS)]);
static LOG_RECORD: Shape = Shape(&[(5, &ANY_VALUE), (6, &KEY_VALUE)]);
static SCOPE_LOGS: Shape = Shape(&[(1, &SCOPE), (2, &LOG_RECORD)]);
static RESOURCE_LOGS: Shape = Shape(&[(1, &RESOURCE), (2, &SCOPE_LOGS)]);
static LOGS: Shape = Shape(&[(1, &RESOURCE_LOGS)]);

/// A rewriter whose choices follow from a seed.
pub(super) struct Rewrite(u64);

impl Rewrite {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(super) fn traces(&mut self, payload: &[u8]) -> Vec<u8> {
        self.message(payload, &TRACES)
    }

    pub(super) fn logs(&mut self, payload: &[u8]) -> Vec<u8> {
        self.message(payload, &LOGS)
    }

    fn message(&mut self, message: &[u8], shape: &Shape) -> Vec<u8> {
        let mut fields = Vec::new();
        let mut rest = message;
        while !rest.is_empty() {
            let (key, after_key) = read_varint(rest);
            let (value_start, length) = match key & 7 {
                0 => (after_key, after_key.len() - read_varint(after_key).1.len()),
                1 => (after_key, 8),
                5 => (after_key, 4),
                _ => {
                    let (length, bytes) = read_varint(after_key);
                    (bytes, length as usize)
                }
            };
            let (value, after) = value_start.split_at(length);
            let inner = shape.0.iter().find(|(tag, _)| *tag == key >> 3);
            fields.push(match inner {
                Some((tag, shape)) => delimited(*tag, &self.message(value, shape)),
                None => rest[..rest.len() - after.len()].to_vec(),
            });
            rest = after;
        }
        for _ in 0..self.below(3) {
            let unknown = self.unknown();
            fields.push(unknown);
        }
        for at in (1..fields.len()).rev() {
            let other = self.below(at + 1);
            fields.swap(at, other);
        }
        fields.concat()
    }

    fn unknown(&mut self) -> Vec<u8> {
        let tag = 17 + self.below(5_000) as u64;
        match self.below(4) {
            0 => varint(tag, self.next()),
            1 => delimited(tag, b"\xff\x00unknown"),
            2 => {
                let mut field = Vec::new();
                push_varint(&mut field, tag << 3 | 1);
                field.extend_from_slice(&[0xff; 8]);
                field
            }
            _ => {
                let mut field = Vec::new();
                push_varint(&mut field, tag << 3 | 5);
                field.extend_from_slice(&[0xff; 4]);
                field
            }
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Xorshift: good enough to shuffle.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn read_varint(bytes: &[u8]) -> (u64, &[u8]) {
    let length = bytes.iter().position(|byte| *byte < 0x80).unwrap() + 1;
    let (digits, rest) = bytes.split_at(length);
    let value = digits
        .iter()
        .rev()
        .fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f));
    (value, rest)
}
