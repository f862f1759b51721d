//! Requests of other protocols on their way to OTLP protobuf: portion by portion, with what was rejected.

use super::Reason;

/// Rows that are encoded together.
const PORTION_ROWS: usize = 256;
/// Bytes of the request after which they are encoded however few they are, since rows take several times
/// the memory.
const PORTION_BYTES: usize = 256 * 1024;
/// Rejected records that are named; the others are only counted.
const NAMED_REJECTS_MAX: usize = 5;

/// Asked before so many more bytes of OTLP are kept; `false` ends the translation.
pub type Admit<'a> = dyn FnMut(usize) -> bool + 'a;

/// A request of another protocol as OTLP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Translated {
    /// An export request in OTLP protobuf with every record that could be read, in the order sent.
    pub payload: Vec<u8>,
    /// The records that could not.
    pub rejects: Rejects,
}

/// Records of a readable request that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rejects {
    /// How many.
    pub count: u64,
    /// The first few of them.
    pub first: Vec<Reject>,
}

/// A record that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Which one it is, such as `line 7`.
    pub place: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// Why nothing of a request can be taken.
#[derive(Debug, thiserror::Error)]
pub enum TranslateError {
    /// [`Admit`] said no.
    #[error("there is no room for the records as OTLP")]
    NoRoom,
    /// The body is no JSON, or not what the protocol has at its top.
    #[error("the body is not JSON of this protocol")]
    Json(#[from] serde_json::Error),
    /// The body is damaged protobuf.
    #[error("the body is not protobuf of this protocol")]
    Protobuf,
}

impl Rejects {
    fn add(&mut self, count: u64, place: impl FnOnce() -> String, reason: Reason) {
        self.count += count;
        if self.first.len() < NAMED_REJECTS_MAX {
            self.first.push(Reject {
                place: place(),
                reason,
            });
        }
    }
}

/// Gathers rows and encodes them a portion at a time. Protobuf requests one after another are one request.
pub(super) struct Translation<'a, T> {
    rows: Vec<T>,
    // Bytes of the request that the rows were made of.
    source_bytes: usize,
    encode: fn(&[T]) -> Vec<u8>,
    admit: &'a mut Admit<'a>,
    translated: Translated,
}

impl<'a, T> Translation<'a, T> {
    pub(super) fn new(encode: fn(&[T]) -> Vec<u8>, admit: &'a mut Admit<'a>) -> Self {
        Self {
            rows: Vec::new(),
            source_bytes: 0,
            encode,
            admit,
            translated: Translated::default(),
        }
    }

    /// Takes a row that was made of so many bytes.
    pub(super) fn push(&mut self, row: T, source_bytes: usize) -> Result<(), TranslateError> {
        self.rows.push(row);
        self.source_bytes += source_bytes;
        if self.rows.len() >= PORTION_ROWS || self.source_bytes >= PORTION_BYTES {
            self.encode()?;
        }
        Ok(())
    }

    /// Notes a record that cannot be taken.
    pub(super) fn reject(&mut self, place: impl FnOnce() -> String, reason: Reason) {
        self.reject_many(1, place, reason);
    }

    /// Notes several records that cannot be taken for one reason.
    pub(super) fn reject_many(
        &mut self,
        count: u64,
        place: impl FnOnce() -> String,
        reason: Reason,
    ) {
        self.translated.rejects.add(count, place, reason);
    }

    pub(super) fn finish(mut self) -> Result<Translated, TranslateError> {
        self.encode()?;
        Ok(self.translated)
    }

    fn encode(&mut self) -> Result<(), TranslateError> {
        let portion = (self.encode)(&self.rows);
        self.rows.clear();
        self.source_bytes = 0;
        if !(self.admit)(portion.len()) {
            return Err(TranslateError::NoRoom);
        }
        self.translated.payload.extend_from_slice(&portion);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn encode(rows: &[u8]) -> Vec<u8> {
        rows.to_vec()
    }

    #[test]
    fn portions_follow_one_another_and_room_is_asked_for_each() {
        let mut asked = Vec::new();
        let mut admit = |bytes| {
            asked.push(bytes);
            true
        };
        let mut translation = Translation::new(encode, &mut admit);
        for row in 0..300_u32 {
            translation.push(row.to_le_bytes()[0], 1).unwrap();
        }
        translation.push(7, PORTION_BYTES).unwrap();

        let translated = translation.finish().unwrap();

        assert_eq!(translated.payload.len(), 301);
        assert_eq!(translated.payload.last(), Some(&7));
        assert_eq!(asked, [256, 45, 0]);
    }

    #[test]
    fn without_room_the_translation_ends() {
        let mut admit = |_| false;
        let mut translation = Translation::new(encode, &mut admit);

        let refused = translation.push(1, PORTION_BYTES).unwrap_err();

        assert!(matches!(refused, TranslateError::NoRoom));
    }

    #[test]
    fn all_rejects_are_counted_and_the_first_few_named() {
        let mut admit = |_| true;
        let mut translation = Translation::new(encode, &mut admit);
        for number in 1..=9 {
            translation.reject(|| format!("line {number}"), Cow::Borrowed("bad"));
        }

        let rejects = translation.finish().unwrap().rejects;

        assert_eq!(rejects.count, 9);
        let places: Vec<_> = rejects.first.iter().map(|it| it.place.as_str()).collect();
        assert_eq!(places, ["line 1", "line 2", "line 3", "line 4", "line 5"]);
    }
}
