//! Every search finds exactly what looking at each body finds.

use std::ops::{ControlFlow, Range};

use proptest::collection::vec;
use proptest::prelude::*;

use super::choose::Encoding;
use super::tests::{ENCODINGS, any_log_bodies, borrowed, write};
use super::tokens::is_part;
use super::{Bodies, BodyQuery, BodyRegex, LetterCase, Needle};

/// How a text is searched for.
#[derive(Debug, Clone, Copy)]
enum How {
    Word,
    Prefix,
    Phrase,
}

/// A text to search for, as (how, case, text).
type Wanted = (How, LetterCase, String);

fn needle((how, letter_case, text): &Wanted) -> Needle {
    match how {
        How::Word => Needle::word(text, *letter_case),
        How::Prefix => Needle::word_prefix(text, *letter_case),
        How::Phrase => Needle::phrase(text, *letter_case),
    }
}

fn go_on() -> impl FnMut(u64) -> ControlFlow<()> {
    |_| ControlFlow::Continue(())
}

/// Looks at every place of the body.
fn is_in(body: &str, (how, letter_case, text): &Wanted) -> bool {
    let (body, text) = match letter_case {
        LetterCase::Exact => (body.to_owned(), text.clone()),
        LetterCase::Ignored => (body.to_lowercase(), text.to_lowercase()),
    };
    let touches =
        |a: Option<char>, b: Option<char>| a.is_some_and(is_part) && b.is_some_and(is_part);
    let mut places = body.char_indices().map(|(at, _)| at).chain([body.len()]);
    places.any(|at| {
        let (before, rest) = body.split_at(at);
        let Some(after) = rest.strip_prefix(text.as_str()) else {
            return false;
        };
        let left = touches(before.chars().next_back(), text.chars().next());
        let right = touches(text.chars().next_back(), after.chars().next());
        match how {
            How::Word => !left && !right,
            How::Prefix => !left,
            How::Phrase => true,
        }
    })
}

/// Where a wanted text is cut from: body, start and length in characters, how much is changed.
type Cut = (u16, u16, u8, u8, u8);

/// Texts that are in a body, or nearly.
fn wanted(bodies: &[Option<String>], cut: &Cut) -> Wanted {
    let (body, start, length, how, change) = *cut;
    let body = bodies
        .get(usize::from(body) % bodies.len().max(1))
        .cloned()
        .flatten()
        .unwrap_or_default();
    let chars: Vec<char> = body.chars().collect();
    let mut start = usize::from(start) % (chars.len() + 1);
    let mut end = (start + usize::from(length % 24)).min(chars.len());
    if how & 1 == 0 {
        // To the ends of words, so that something is found.
        let is_part_at = |at: usize| chars.get(at).copied().is_some_and(is_part);
        while start > 0 && is_part_at(start) && is_part_at(start - 1) {
            start -= 1;
        }
        while end > start && is_part_at(end) && is_part_at(end - 1) {
            end += 1;
        }
    }
    let text: String = chars[start..end].iter().collect();
    let text = match change {
        0..40 => text.to_uppercase(),
        40..80 => text.to_lowercase(),
        80..90 => format!("{text}7"),
        90..100 => text.replace(' ', ""),
        _ => text,
    };
    let letter_case = if how & 2 == 0 {
        LetterCase::Ignored
    } else {
        LetterCase::Exact
    };
    let how = [How::Word, How::Phrase, How::Prefix][usize::from(how >> 2) % 3];
    (how, letter_case, text)
}

fn check(bodies: &[Option<String>], wanted: &[Wanted], regex: Option<&str>, range: &Range<u32>) {
    let mut query = BodyQuery::all(wanted.iter().map(needle).collect());
    if let Some(regex) = regex {
        query = query.and_regex(BodyRegex::new(regex).unwrap());
    }
    let regex = regex.map(|regex| regex::Regex::new(regex).unwrap());
    let expected: Vec<u32> = (0_u32..)
        .zip(bodies)
        .filter(|(row, body)| {
            body.as_ref().is_some_and(|body| {
                let matches = wanted.iter().all(|wanted| is_in(body, wanted))
                    && regex.as_ref().is_none_or(|regex| regex.is_match(body));
                assert_eq!(query.matches(body), matches, "{body:?} {query:?}");
                matches && range.contains(row)
            })
        })
        .map(|(row, _)| row)
        .collect();
    for encoding in ENCODINGS {
        let read = Bodies::read(write(&borrowed(bodies), encoding).0).unwrap();
        let found = read.search(&query, range.clone(), usize::MAX).unwrap();
        let rows: Vec<u32> = found.rows().collect();
        assert_eq!(rows, expected, "{encoding:?} {query:?} of {bodies:?}");
        assert_eq!(found.match_count, expected.len());
        let all = 0..read.row_count();
        assert_eq!(
            found.searched,
            range.start.min(all.end)..range.end.min(all.end)
        );
        let count = read.count(&query, range.clone(), &mut go_on()).unwrap();
        assert_eq!(count, expected.len() as u64);
    }
}

fn any_cut() -> impl Strategy<Value = Cut> {
    any::<Cut>()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn texts_are_found_in_log_bodies(
        bodies in any_log_bodies(),
        cuts in vec(any_cut(), 1..4),
        range in any::<(u8, u8)>(),
    ) {
        for cut in &cuts {
            check(&bodies, &[wanted(&bodies, cut)], None, &(0..u32::MAX));
        }
        let wanted: Vec<Wanted> = cuts.iter().map(|cut| wanted(&bodies, cut)).collect();
        let range = u32::from(range.0.min(range.1))..u32::from(range.0.max(range.1));
        check(&bodies, &wanted, None, &range);
        check(&bodies, &wanted[1..], Some("[0-9]{2}"), &range);
    }

    #[test]
    fn texts_are_found_in_any_bodies(
        bodies in vec(proptest::option::of("[aAkK1_σςΣİi\u{307} .-]{0,9}"), 1..40),
        cuts in vec(any_cut(), 1..3),
    ) {
        let wanted: Vec<Wanted> = cuts.iter().map(|cut| wanted(&bodies, cut)).collect();
        check(&bodies, &wanted, None, &(0..u32::MAX));
    }
}

#[test]
fn the_newest_matches_are_found_without_looking_further() {
    let bodies: Vec<String> = (0..150_000)
        .map(|n| format!("job {n} done in {} ms", n % 7))
        .collect();
    let borrowed: Vec<Option<&str>> = bodies.iter().map(|body| Some(body.as_str())).collect();
    let read = Bodies::read(write(&borrowed, Some(Encoding::Templates)).0).unwrap();
    let all = 0..read.row_count();
    let query = BodyQuery::all(vec![Needle::word("done", LetterCase::Ignored)]);
    let found = read.search(&query, all.clone(), 100).unwrap();
    assert_eq!(found.searched, 131_072..150_000);
    assert_eq!(found.match_count, 18_928);
    assert!(found.rows().all(|row| row >= 131_072));
    let query = BodyQuery::all(vec![Needle::word("70000", LetterCase::Exact)]);
    let found = read.search(&query, all.clone(), 100).unwrap();
    assert_eq!(
        (found.searched.clone(), found.match_count),
        (all.clone(), 1)
    );
    assert_eq!(found.rows().collect::<Vec<_>>(), [70_000]);
    assert_eq!(found.scanned_bytes, 0);
    assert_eq!(read.count(&query, all, &mut go_on()).unwrap(), 1);
}

#[test]
fn bodies_that_follow_each_other_are_not_one_text() {
    let bodies = ["ab", "cd ab", "cd", "ef"].map(|body| Some(body.to_owned()));
    for (text, expected) in [
        ("ab cd", &[][..]),
        ("bcd", &[]),
        ("abcd", &[]),
        ("cd ab", &[1]),
    ] {
        let query = BodyQuery::all(vec![Needle::phrase(text, LetterCase::Ignored)]);
        let read = Bodies::read(write(&borrowed(&bodies), Some(Encoding::Text)).0).unwrap();
        let found = read.search(&query, 0..4, usize::MAX).unwrap();
        assert_eq!(found.rows().collect::<Vec<_>>(), expected, "{text}");
    }
}
