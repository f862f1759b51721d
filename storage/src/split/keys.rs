//! Numbers the attribute keys of a split while it is written, so that rows are handled by number.

use std::collections::HashMap;

/// Keys that are told apart; more are handled by their text.
pub(crate) const KEYS_MAX: usize = 4096;

/// The number of a key, if it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyNumber(u32);

impl KeyNumber {
    const NONE: Self = Self(u32::MAX);

    /// A position among the keys, below [`KEYS_MAX`]; `None` for keys beyond that.
    pub(crate) fn index(self) -> Option<usize> {
        (self != Self::NONE).then_some(self.0 as usize)
    }
}

/// The keys seen so far.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    numbers: HashMap<Box<str>, KeyNumber, foldhash::fast::FixedState>,
}

impl Keys {
    /// The number of a key, a new one if it is new and there is room.
    pub(crate) fn number(&mut self, key: &str) -> KeyNumber {
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        if self.numbers.len() >= KEYS_MAX {
            return KeyNumber::NONE;
        }
        let number = KeyNumber(u32::try_from(self.numbers.len()).unwrap_or(u32::MAX));
        self.numbers.insert(key.into(), number);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_beyond_the_limit_have_no_number_and_the_others_keep_theirs() {
        let mut keys = Keys::default();
        for number in 0..KEYS_MAX {
            assert_eq!(keys.number(&number.to_string()).index(), Some(number));
        }
        assert_eq!(keys.number("one more").index(), None);
        assert_eq!(keys.number("7").index(), Some(7));
    }
}
