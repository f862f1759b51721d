//! Cuts bodies into skeletons and the values of their variables, and numbers the skeletons.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::template::MARK;
use super::tokens::{Tokens, has_unsteady_case};

/// A body with more tokens is kept as text.
const TOKENS_MAX: usize = 400;
/// A body with more variables is kept as text.
const VARIABLES_MAX: usize = 96;
/// A body with a longer skeleton is kept as text.
const SKELETON_BYTES_MAX: usize = 4096;
/// A longer body is not looked at.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// When there are more skeletons, bodies with new ones are kept as text.
const SKELETONS_MAX: usize = 16 * 1024;
/// The same for the bytes of all skeletons.
const SKELETONS_BYTES_MAX: usize = 4 << 20;

/// Where the value of a variable is: first byte and length.
pub(super) type Span = (u32, u32);

/// The skeletons seen so far.
#[derive(Default)]
pub(super) struct Skeletons {
    numbers: HashMap<Box<[u8]>, u32, RandomState>,
    bytes: usize,
    scratch: Vec<u8>,
}

impl Skeletons {
    /// Cuts a body that begins at `start` of some larger text, appends the spans of its variables,
    /// and returns the number of its skeleton; `None`, and no spans, when it is to be kept as text.
    pub(super) fn add(&mut self, body: &str, start: usize, spans: &mut Vec<Span>) -> Option<u32> {
        let known = spans.len();
        let number = self.cut(body, start, spans).and_then(|()| self.intern());
        if number.is_none() {
            spans.truncate(known);
        }
        number
    }

    /// The number of a skeleton that is known from elsewhere; `None` when there are too many.
    pub(super) fn add_skeleton(&mut self, skeleton: &[u8]) -> Option<u32> {
        self.scratch.clear();
        self.scratch.extend_from_slice(skeleton);
        self.intern()
    }

    /// Leaves the skeleton in `scratch`.
    fn cut(&mut self, body: &str, start: usize, spans: &mut Vec<Span>) -> Option<()> {
        if body.len() > BODY_BYTES_MAX || has_unsteady_case(body) {
            return None;
        }
        let bytes = body.as_bytes();
        let (mut tokens, mut variables, mut done) = (0, 0, 0);
        self.scratch.clear();
        for token in Tokens::of(body) {
            tokens += 1;
            if !token.has_digit {
                continue;
            }
            variables += 1;
            if tokens > TOKENS_MAX || variables > VARIABLES_MAX {
                return None;
            }
            self.scratch
                .extend_from_slice(bytes.get(done..token.start)?);
            self.scratch.push(MARK);
            let at = u32::try_from(start + token.start).ok()?;
            spans.push((at, u32::try_from(token.end - token.start).ok()?));
            done = token.end;
        }
        self.scratch.extend_from_slice(bytes.get(done..)?);
        (tokens <= TOKENS_MAX && self.scratch.len() <= SKELETON_BYTES_MAX).then_some(())
    }

    fn intern(&mut self) -> Option<u32> {
        if let Some(number) = self.numbers.get(self.scratch.as_slice()) {
            return Some(*number);
        }
        if self.numbers.len() >= SKELETONS_MAX
            || self.bytes + self.scratch.len() > SKELETONS_BYTES_MAX
        {
            return None;
        }
        let number = u32::try_from(self.numbers.len()).ok()?;
        self.bytes += self.scratch.len();
        self.numbers.insert(self.scratch.as_slice().into(), number);
        Some(number)
    }

    /// The skeletons by their numbers.
    pub(super) fn into_list(self) -> Vec<Box<[u8]>> {
        let mut numbered: Vec<(u32, Box<[u8]>)> = self
            .numbers
            .into_iter()
            .map(|(skeleton, number)| (number, skeleton))
            .collect();
        numbered.sort_unstable_by_key(|(number, _)| *number);
        numbered.into_iter().map(|(_, skeleton)| skeleton).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_one_kind_have_one_skeleton() {
        let mut skeletons = Skeletons::default();
        let mut spans = Vec::new();
        let texts = ["took 12 ms", "took 7 ms", "took 0x3f ms", "took long"];
        let numbers: Vec<Option<u32>> = texts
            .iter()
            .map(|text| skeletons.add(text, 100, &mut spans))
            .collect();
        assert_eq!(numbers, [Some(0), Some(0), Some(0), Some(1)]);
        assert_eq!(spans, [(105, 2), (105, 1), (105, 4)]);
        let list = skeletons.into_list();
        assert_eq!(
            list,
            [
                b"took \xff ms".as_slice().into(),
                b"took long".as_slice().into()
            ]
        );
    }

    #[test]
    fn bodies_beyond_a_limit_are_kept_as_text() {
        let mut skeletons = Skeletons::default();
        let mut spans = Vec::new();
        let mut add = |text: &str| skeletons.add(text, 0, &mut spans);
        assert_eq!(add(&"a ".repeat(TOKENS_MAX + 1)), None);
        assert_eq!(add(&"1 ".repeat(VARIABLES_MAX + 1)), None);
        assert_eq!(add(&"-".repeat(SKELETON_BYTES_MAX + 1)), None);
        assert_eq!(add(&"9".repeat(BODY_BYTES_MAX + 1)), None);
        assert_eq!(add("ΟΔΟΣ 1"), None);
        assert_eq!(add(&"1 ".repeat(VARIABLES_MAX)), Some(0));
        assert_eq!(spans.len(), VARIABLES_MAX);
    }

    #[test]
    fn a_full_table_still_knows_what_is_in_it() {
        let mut skeletons = Skeletons::default();
        let mut spans = Vec::new();
        let word = |n: usize| "x".repeat(n + 1);
        for n in 0..SKELETON_BYTES_MAX {
            skeletons.add(&word(n), 0, &mut spans);
        }
        let new = format!("- {}", word(4000));
        assert_eq!(skeletons.add(&new, 0, &mut spans), None);
        assert_eq!(skeletons.add(&word(5), 0, &mut spans), Some(5));
    }
}
