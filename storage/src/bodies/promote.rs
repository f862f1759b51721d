//! Makes templates of skeletons: where skeletons differ in one word only, over and over, that word
//! becomes a variable. Pure, and over distinct skeletons only.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::ops::Range;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::template::{MARK, words_of};

/// While a group has fewer rows for each skeleton, it is worth merging skeletons.
const ROWS_PER_SKELETON: u64 = 32;
/// Then a position becomes a variable if this leaves one skeleton of so many.
const GAIN_MIN: usize = 3;
/// A position that makes so many skeletons of one is a variable in any case.
const GAIN_SURE: usize = 8;
/// So many positions of a group may become variables.
const PROMOTIONS_MAX: usize = 8;

/// Stands for a word in a shape; no UTF-8 text has it.
const WORD: u8 = 0xfe;

/// Where the value of a template's variable comes from, in a body with a certain skeleton.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// From a variable of the skeleton, by its number.
    Variable(usize),
    /// From a word of the skeleton, by its bytes.
    Word(Range<usize>),
}

/// The template of a skeleton.
#[derive(Debug, Clone)]
pub(super) struct Assignment {
    pub(super) template: u32,
    /// Where each variable comes from; `None` when they are those of the skeleton.
    pub(super) origins: Option<Arc<[Origin]>>,
}

/// Templates, and the template of each skeleton.
#[derive(Debug)]
pub(super) struct Promoted {
    /// The skeletons of the templates.
    pub(super) templates: Vec<Box<[u8]>>,
    /// One for each skeleton, in order.
    pub(super) assignments: Vec<Assignment>,
}

/// Finds the templates of skeletons, of which each was seen in so many rows.
pub(super) fn promote(skeletons: &[Box<[u8]>], rows: &[u64]) -> Promoted {
    let mut groups: HashMap<Vec<u8>, Group, RandomState> = HashMap::default();
    for (number, skeleton) in skeletons.iter().enumerate() {
        let words = words_of(skeleton);
        let group = groups.entry(shape(skeleton, &words)).or_default();
        group.rows += rows.get(number).copied().unwrap_or(0);
        group.members.push((number, words));
    }
    let mut promoted_words: Vec<Option<Arc<[Range<usize>]>>> = vec![None; skeletons.len()];
    for group in groups.into_values() {
        let positions = group.positions(skeletons);
        if positions.is_empty() {
            continue;
        }
        for (number, words) in group.members {
            promoted_words[number] = Some(positions.iter().map(|at| words[*at].clone()).collect());
        }
    }
    let mut numbers: HashMap<Box<[u8]>, u32, RandomState> = HashMap::default();
    let mut templates = Vec::new();
    let mut assign = |skeleton: Box<[u8]>, origins| {
        let next = u32::try_from(templates.len()).unwrap_or(u32::MAX);
        let template = *numbers.entry(skeleton).or_insert_with_key(|skeleton| {
            templates.push(skeleton.clone());
            next
        });
        Assignment { template, origins }
    };
    let assignments = skeletons
        .iter()
        .zip(promoted_words)
        .map(|(skeleton, words)| match words {
            None => assign(skeleton.clone(), None),
            Some(words) => {
                let (merged, origins) = merge(skeleton, &words);
                assign(merged, Some(origins))
            }
        })
        .collect();
    Promoted {
        templates,
        assignments,
    }
}

/// The skeleton without its words: skeletons that differ in words only have the same one.
fn shape(skeleton: &[u8], words: &[Range<usize>]) -> Vec<u8> {
    let mut shape = Vec::with_capacity(skeleton.len());
    let mut done = 0;
    for word in words {
        shape.extend_from_slice(&skeleton[done..word.start]);
        shape.push(WORD);
        done = word.end;
    }
    shape.extend_from_slice(&skeleton[done..]);
    shape
}

/// Puts marks in place of some words, and says where the variables come from.
fn merge(skeleton: &[u8], words: &[Range<usize>]) -> (Box<[u8]>, Arc<[Origin]>) {
    let mut merged = Vec::with_capacity(skeleton.len());
    let mut origins = Vec::new();
    let (mut done, mut variables) = (0, 0);
    let mut copy = |range: Range<usize>, origins: &mut Vec<Origin>, merged: &mut Vec<u8>| {
        for byte in &skeleton[range] {
            if *byte == MARK {
                origins.push(Origin::Variable(variables));
                variables += 1;
            }
            merged.push(*byte);
        }
    };
    for word in words {
        copy(done..word.start, &mut origins, &mut merged);
        origins.push(Origin::Word(word.clone()));
        merged.push(MARK);
        done = word.end;
    }
    copy(done..skeleton.len(), &mut origins, &mut merged);
    (merged.into(), origins.into())
}

/// Skeletons of one shape.
#[derive(Default)]
struct Group {
    rows: u64,
    /// The number of each skeleton, and where its words are.
    members: Vec<(usize, Vec<Range<usize>>)>,
}

impl Group {
    /// The positions whose words are to become variables, ascending.
    fn positions(&self, skeletons: &[Box<[u8]>]) -> Vec<usize> {
        let word_count = self.members.first().map_or(0, |(_, words)| words.len());
        if word_count < 2 || self.members.len() < GAIN_MIN {
            return Vec::new();
        }
        let hasher = RandomState::default();
        let word_hashes = |(number, words): &(usize, Vec<Range<usize>>)| {
            let skeleton = &skeletons[*number];
            let hash =
                |(at, word): (usize, &Range<usize>)| hasher.hash_one((at, &skeleton[word.clone()]));
            words.iter().enumerate().map(hash).collect::<Vec<u64>>()
        };
        let hashes: Vec<Vec<u64>> = self.members.iter().map(word_hashes).collect();
        // A sum of hashes stands for a skeleton, so that a word is taken out by a subtraction.
        let mut sums: Vec<u64> = hashes
            .iter()
            .map(|words| {
                words
                    .iter()
                    .fold(0, |sum: u64, hash| sum.wrapping_add(*hash))
            })
            .collect();
        let mut promoted: Vec<usize> = Vec::new();
        let mut distinct = self.members.len();
        while promoted.len() < PROMOTIONS_MAX.min(word_count - 1) {
            let candidates = (0..word_count).filter(|at| !promoted.contains(at));
            let rest = |at: usize| {
                let sums = sums.iter().zip(&hashes);
                let rest = sums.map(|(sum, words)| sum.wrapping_sub(words[at]));
                rest.collect::<HashSet<u64, RandomState>>().len()
            };
            let Some((left, at)) = candidates.map(|at| (rest(at), at)).min() else {
                break;
            };
            let is_rare = self.rows < distinct as u64 * ROWS_PER_SKELETON;
            if distinct < left * if is_rare { GAIN_MIN } else { GAIN_SURE } {
                break;
            }
            for (sum, words) in sums.iter_mut().zip(&hashes) {
                *sum = sum.wrapping_sub(words[at]);
            }
            promoted.push(at);
            distinct = left;
        }
        promoted.sort_unstable();
        promoted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promote_texts(texts: &[&str], rows: u64) -> (Vec<String>, Vec<u32>) {
        let skeletons: Vec<Box<[u8]>> = texts
            .iter()
            .map(|text| {
                let bytes = text
                    .bytes()
                    .map(|byte| if byte == b'#' { MARK } else { byte });
                bytes.collect()
            })
            .collect();
        let promoted = promote(&skeletons, &vec![rows; texts.len()]);
        let readable = |skeleton: &[u8]| {
            let bytes = skeleton
                .iter()
                .map(|byte| if *byte == MARK { b'#' } else { *byte });
            String::from_utf8(bytes.collect()).unwrap()
        };
        let templates = promoted.templates.iter().map(|it| readable(it)).collect();
        let numbers = promoted.assignments.iter().map(|it| it.template).collect();
        (templates, numbers)
    }

    #[test]
    fn a_word_that_differs_over_and_over_becomes_a_variable() {
        let texts = [
            "user amy took # ms",
            "user ben took # ms",
            "other line",
            "user cat took # ms",
            "user dan took # ms",
        ];
        let (templates, numbers) = promote_texts(&texts, 2);
        assert_eq!(templates, ["user # took # ms", "other line"]);
        assert_eq!(numbers, [0, 0, 1, 0, 0]);
    }

    #[test]
    fn words_that_have_many_rows_each_stay() {
        let texts = ["say a", "say b", "say c", "say d"];
        assert_eq!(promote_texts(&texts, 40).1, [0, 1, 2, 3]);
        assert_eq!(promote_texts(&texts, 4).1, [0, 0, 0, 0]);
        assert_eq!(promote_texts(&texts[..2], 4).1, [0, 1]);
        let texts = [
            "say a", "say b", "say c", "say d", "say e", "say f", "say g", "say h",
        ];
        assert_eq!(promote_texts(&texts, 40).1, [0; 8]);
    }

    #[test]
    fn lines_that_have_nothing_in_common_stay_apart() {
        let texts = ["a b", "c d", "e f", "g h", "i j"];
        assert_eq!(promote_texts(&texts, 1).1, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn one_word_at_least_stays_constant() {
        let texts = [
            "a x", "b x", "c x", "a y", "b y", "c y", "a z", "b z", "c z",
        ];
        let (templates, _) = promote_texts(&texts, 1);
        assert_eq!(templates, ["# x", "# y", "# z"]);
    }

    #[test]
    fn variables_come_from_where_they_stood() {
        let (merged, origins) = merge(b"a \xff bc \xff", std::slice::from_ref(&(4..6)));
        assert_eq!(&*merged, b"a \xff \xff \xff");
        let expected = [Origin::Variable(0), Origin::Word(4..6), Origin::Variable(1)];
        assert_eq!(*origins, expected);
    }
}
