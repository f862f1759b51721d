//! Looks through the text of a page.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use memchr::memmem;

use super::error::{BodiesError, damaged};
use super::needle::{LetterCase, Needle};
use super::text_page::PageText;

/// The places of the bodies that match all needles, ascending.
pub(super) fn find(
    page: &PageText<'_>,
    is_ascii: bool,
    needles: &[Needle],
) -> Result<Vec<usize>, BodiesError> {
    let text = std::str::from_utf8(&page.text).map_err(|_| damaged("no text"))?;
    // In lower case every body of an ASCII page is where it was.
    let lower = is_ascii.then(|| text.to_ascii_lowercase());
    let text_for = |needle: &Needle| match needle.letter_case {
        LetterCase::Exact => Some(text),
        LetterCase::Ignored => lower.as_deref(),
    };
    let mut places: Option<Vec<usize>> = None;
    for needle in needles.iter().filter(|needle| !needle.text.is_empty()) {
        let found = match (places, text_for(needle)) {
            (None, Some(text)) => occurrences(text, &page.starts, needle),
            (known, whole) => {
                let known = known.unwrap_or_else(|| (0..page.starts.len() - 1).collect());
                let matches = |place: &usize| {
                    let range = page.starts.get(*place).zip(page.starts.get(place + 1));
                    let body =
                        range.and_then(|(start, end)| whole.unwrap_or(text).get(*start..*end));
                    body.is_some_and(|body| match whole {
                        Some(_) => needle.is_in(body),
                        None => needle.matches(body),
                    })
                };
                known.into_iter().filter(matches).collect()
            }
        };
        if found.is_empty() {
            return Ok(found);
        }
        places = Some(found);
    }
    Ok(places.unwrap_or_else(|| (0..page.starts.len() - 1).collect()))
}

/// The bodies of a page that match a needle, found by one pass over all of them.
fn occurrences(text: &str, starts: &[usize], needle: &Needle) -> Vec<usize> {
    let mut places: Vec<usize> = Vec::new();
    let finder = memmem::Finder::new(&needle.text);
    let mut from = 0;
    while let Some(rest) = text.as_bytes().get(from..)
        && let Some(offset) = finder.find(rest)
    {
        let (start, end) = (from + offset, from + offset + needle.text.len());
        from = start + 1;
        let place = starts
            .partition_point(|other| *other <= start)
            .saturating_sub(1);
        let Some((body_start, body_end)) = starts.get(place).zip(starts.get(place + 1)) else {
            break;
        };
        let body = text.get(*body_start..*body_end).unwrap_or_default();
        if end <= *body_end && needle.is_open(body, start - body_start, end - body_start) {
            places.push(place);
            from = *body_end;
        }
    }
    places
}
