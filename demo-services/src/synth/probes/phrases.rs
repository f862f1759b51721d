//! Words in a row that templates hold as constant text, and which templates hold them. Only such
//! phrases are taken that every backend finds in the same records: wherever the text occurs, in any
//! case, it occurs in the same case and touches neither a letter, a digit, an underscore nor something
//! that is filled in.

use std::collections::{BTreeMap, BTreeSet};

use crate::synth::{
    names::{METHODS, SERVICES},
    templates::{Templates, WORDS},
};

/// Words in a phrase.
const LENGTHS: [usize; 2] = [2, 3];
const WORD_BYTES_MIN: usize = 2;

/// Phrases with the places of the templates that hold them.
pub(super) fn phrases(templates: &Templates) -> BTreeMap<String, Vec<usize>> {
    let texts: Vec<&str> = templates.all.iter().map(|template| template.text).collect();
    let candidates: BTreeSet<String> = texts.iter().flat_map(|text| candidates(text)).collect();
    let mut phrases = BTreeMap::new();
    for phrase in candidates {
        let holders: Option<Vec<usize>> = texts
            .iter()
            .enumerate()
            .filter_map(|(place, text)| match occurrence(text, &phrase) {
                Occurrence::None => None,
                Occurrence::Clean => Some(Some(place)),
                Occurrence::Unclear => Some(None),
            })
            .collect();
        if let Some(holders) = holders {
            phrases.insert(phrase, holders);
        }
    }
    phrases
}

/// Runs of words with single blanks between them. None has a word that is filled in elsewhere.
fn candidates(text: &str) -> Vec<String> {
    let is_word = |word: &&str| {
        word.len() >= WORD_BYTES_MIN && word.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    let is_filled_in = |word: &str| {
        let same = |other: &&str| other.eq_ignore_ascii_case(word);
        WORDS.iter().chain(&SERVICES).chain(&METHODS).any(same)
    };
    let pieces: Vec<&str> = text.split(' ').collect();
    let mut found = Vec::new();
    for length in LENGTHS {
        for run in pieces.windows(length) {
            if run.iter().all(|word| is_word(word) && !is_filled_in(word)) {
                found.push(run.join(" "));
            }
        }
    }
    found
}

enum Occurrence {
    None,
    /// Everywhere it is there it is bounded and in this case.
    Clean,
    Unclear,
}

fn occurrence(text: &str, phrase: &str) -> Occurrence {
    let folded = text.to_ascii_lowercase();
    let wanted = phrase.to_ascii_lowercase();
    let mut outcome = Occurrence::None;
    for (start, _) in folded.match_indices(&wanted) {
        let end = start + phrase.len();
        let before = text.as_bytes().get(start.wrapping_sub(1));
        let after = text.as_bytes().get(end);
        let is_bound = |byte: Option<&u8>, blank: u8| {
            byte.is_none_or(|byte| {
                byte.is_ascii() && !byte.is_ascii_alphanumeric() && *byte != b'_' && *byte != blank
            })
        };
        let is_same = text.get(start..end) == Some(phrase);
        if !(is_same && is_bound(before, b'>') && is_bound(after, b'<')) {
            return Occurrence::Unclear;
        }
        outcome = Occurrence::Clean;
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_that_something_filled_in_touches_is_unclear() {
        let is_clean = |text| matches!(occurrence(text, "read timed"), Occurrence::Clean);
        assert!(is_clean("failed: read timed out"));
        assert!(!is_clean("<word>read timed out"));
        assert!(!is_clean("read timed<word>"));
        assert!(!is_clean("Read timed out"), "in another case");
        assert!(!is_clean("pre_read timed out"));
        assert!(!is_clean("nothing of that"));
    }

    #[test]
    fn templates_hold_enough_phrases() {
        let phrases = phrases(&Templates::new());
        assert!(phrases.len() > 100, "{} phrases", phrases.len());
        assert!(phrases.values().all(|holders| !holders.is_empty()));
    }
}
