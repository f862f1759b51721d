//! Makes templates of skeletons: where skeletons differ in one word only, over and over, that word
//! becomes a variable. Pure, and over distinct skeletons only.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::template::{MARK, words_of};

/// While a group has fewer rows for each skeleton, it is worth merging skeletons.
const ROWS_PER_SKELETON: u64 = 32;
/// Fewer skeletons are not merged.
const SKELETONS_MIN: usize = 4;
/// A position with fewer distinct words stays constant.
const WORDS_MIN: usize = 3;
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
        let mut promoted: Vec<usize> = Vec::new();
        let mut distinct = self.members.len();
        while distinct >= SKELETONS_MIN
            && self.rows < distinct as u64 * ROWS_PER_SKELETON
            && promoted.len() < PROMOTIONS_MAX.min(word_count.saturating_sub(1))
        {
            let candidates = (0..word_count).filter(|at| !promoted.contains(at));
            let counted = candidates.map(|at| (self.distinct_words(skeletons, at), at));
            let Some((_, at)) = counted
                .max_by_key(|(words, at)| (*words, std::cmp::Reverse(*at)))
                .filter(|(words, _)| *words >= WORDS_MIN)
            else {
                break;
            };
            promoted.push(at);
            distinct = self.distinct_rest(skeletons, &promoted);
        }
        promoted.sort_unstable();
        promoted
    }

    fn distinct_words(&self, skeletons: &[Box<[u8]>], at: usize) -> usize {
        let words = self
            .members
            .iter()
            .map(|(number, words)| &skeletons[*number][words[at].clone()]);
        words.collect::<HashSet<&[u8], RandomState>>().len()
    }

    /// How many skeletons stay apart when some positions do not count.
    fn distinct_rest(&self, skeletons: &[Box<[u8]>], promoted: &[usize]) -> usize {
        let rest = self.members.iter().map(|(number, words)| {
            let mut rest = Vec::new();
            for (at, word) in words.iter().enumerate() {
                if !promoted.contains(&at) {
                    rest.extend_from_slice(&skeletons[*number][word.clone()]);
                    rest.push(WORD);
                }
            }
            rest
        });
        rest.collect::<HashSet<Vec<u8>, RandomState>>().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promote_texts(texts: &[&str], rows: u64) -> (Vec<String>, Vec<u32>) {
        let skeletons: Vec<Box<[u8]>> = texts
            .iter()
            .map(|text| {
                let bytes = text.bytes().map(|byte| if byte == b'#' { MARK } else { byte });
                bytes.collect()
            })
            .collect();
        let promoted = promote(&skeletons, &vec![rows; texts.len()]);
        let readable = |skeleton: &[u8]| {
            let bytes = skeleton.iter().map(|byte| if *byte == MARK { b'#' } else { *byte });
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
        assert_eq!(promote_texts(&texts[..3], 4).1, [0, 1, 2]);
    }

    #[test]
    fn one_word_at_least_stays_constant() {
        let texts = ["a b", "c d", "e f", "g h", "i j"];
        let (templates, _) = promote_texts(&texts, 1);
        assert_eq!(templates, ["# b", "# d", "# f", "# h", "# j"]);
    }

    #[test]
    fn variables_come_from_where_they_stood() {
        let (merged, origins) = merge(b"a \xff bc \xff", &[4..6]);
        assert_eq!(&*merged, b"a \xff \xff \xff");
        let expected = [Origin::Variable(0), Origin::Word(4..6), Origin::Variable(1)];
        assert_eq!(*origins, expected);
    }
}
