//! Whatever the bodies are, they come back as they were.

use std::path::Path;

use arrow_array::Array;
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::choose::{Choice, Encoding, choose};
use super::{Bodies, BodiesError, BodiesSummary, BodiesWriter, BodyQuery, LetterCase, Needle};

/// Writes bodies in a certain encoding, or in the one that takes less.
pub(super) fn write(bodies: &[Option<&str>], encoding: Option<Encoding>) -> (Bytes, BodiesSummary) {
    let mut writer = match encoding {
        None => BodiesWriter::choosing(Vec::new(), choose),
        Some(Encoding::Text) => {
            BodiesWriter::choosing(Vec::new(), |_, _| Ok(Choice::of(Encoding::Text)))
        }
        Some(Encoding::Templates) => {
            BodiesWriter::choosing(Vec::new(), |_, _| Ok(Choice::of(Encoding::Templates)))
        }
    }
    .unwrap();
    for body in bodies {
        writer.push(*body).unwrap();
    }
    let (bytes, summary) = writer.finish().unwrap();
    assert_eq!(summary.file_bytes, bytes.len() as u64);
    assert_eq!(summary.sizes.total_bytes() + 12, summary.file_bytes);
    assert_eq!(summary.unfaithful_block_count, 0);
    (bytes.into(), summary)
}

/// All encodings that can be asked for.
pub(super) const ENCODINGS: [Option<Encoding>; 3] =
    [None, Some(Encoding::Templates), Some(Encoding::Text)];

fn check(bodies: &[Option<&str>], encoding: Option<Encoding>) -> BodiesSummary {
    let (bytes, summary) = write(bodies, encoding);
    let read = Bodies::read(bytes).unwrap();
    assert_eq!(read.row_count() as usize, bodies.len());
    let rows: Vec<u32> = (0..read.row_count()).collect();
    let texts = read.texts(&rows).unwrap();
    assert_eq!(texts.iter().collect::<Vec<_>>(), bodies);
    let some: Vec<u32> = rows.iter().copied().filter(|row| row % 7 == 3).collect();
    let texts = read.texts(&some).unwrap();
    let expected: Vec<_> = some.iter().map(|row| bodies[*row as usize]).collect();
    assert_eq!(texts.iter().collect::<Vec<_>>(), expected);
    let ids = read.template_ids(&rows).unwrap();
    assert!(
        ids.iter()
            .flatten()
            .all(|id| (*id as usize) < read.templates().len())
    );
    for row in rows.iter().step_by(rows.len() / 20 + 1) {
        let text = read.texts(&[*row]).unwrap();
        let text = text.is_valid(0).then(|| text.value(0));
        assert_eq!(text, bodies[*row as usize]);
    }
    summary
}

/// How many kinds of values there are, the last of them a mix of all others.
const VALUE_KINDS: usize = 16;

/// A value of a kind, drawn by a seed.
fn value(kind: usize, seed: u128) -> String {
    let n = u64::try_from(seed % (1 << 60)).unwrap();
    match kind {
        0 => (n % 3).to_string(),
        1 => (n % 100_000).to_string(),
        2 => format!("{:03}", n % 1_000),
        3 => n.to_string(),
        4 => format!("{:08x}", n as u32),
        5 => format!("{:X}", n as u32),
        6 => format!("0x{:08x}", n as u32),
        7 => format!("{seed:032x}"),
        8 => format!("{}ms", n % 9_000),
        9 => format!("pod_{}_Größe", n % 50),
        10 => format!("{n:016X}"),
        11 => [
            "amy", "Ben", "CLARA", "dörte", "ΟΔΟΣ", "İz", "emil", "frida",
        ][n as usize % 8]
            .into(),
        12 => format!("{}{:05}", "0".repeat(n as usize % 3), n % 7),
        13 => format!("{n}").repeat(2),
        14 => format!("x{:x}Q{}", n % 977, n % 13),
        _ => value(n as usize % (VALUE_KINDS - 1), seed >> 7),
    }
}

/// Bodies that look like those of programs: texts with values in between, which are of one kind
/// wherever they stand.
pub(super) fn any_log_bodies() -> impl Strategy<Value = Vec<Option<String>>> {
    let text = prop_oneof![
        Just("user ".to_owned()),
        Just(" took ".to_owned()),
        Just(" ms\n\tat com.Example(Line:".to_owned()),
        Just("=\"".to_owned()),
        Just("/api/Cart-".to_owned()),
        Just("_".to_owned()),
        Just(String::new()),
        Just("→ ü ".to_owned()),
        "[ -~]{0,6}",
    ];
    let template = vec((text, 0..VALUE_KINDS), 1..6);
    let rows = vec((any::<u16>(), vec(any::<u128>(), 6)), 0..150);
    (vec(template, 1..5), rows).prop_map(|(templates, rows)| {
        let fill = |(number, seeds): (u16, Vec<u128>)| {
            let template = &templates[usize::from(number) % templates.len()];
            let part = |((text, kind), seed): (&(String, usize), &u128)| {
                format!("{text}{}", value(*kind, *seed))
            };
            let parts = template.iter().zip(&seeds).map(part);
            (number % 41 != 0).then(|| parts.collect::<String>())
        };
        rows.into_iter().map(fill).collect()
    })
}

pub(super) fn borrowed(bodies: &[Option<String>]) -> Vec<Option<&str>> {
    bodies.iter().map(Option::as_deref).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bodies_come_back(bodies in vec(proptest::option::of(any::<String>()), 0..60)) {
        for encoding in ENCODINGS {
            check(&borrowed(&bodies), encoding);
        }
    }

    #[test]
    fn log_bodies_come_back(bodies in any_log_bodies()) {
        for encoding in ENCODINGS {
            check(&borrowed(&bodies), encoding);
        }
    }
}

fn golden_bodies() -> Vec<Option<String>> {
    let names = ["amy", "Ben", "dörte", "eve"];
    let body = |n: u32| match n % 8 {
        0 => Some(format!(
            "user {} took {} ms\n\tat Line({:03})",
            names[n as usize / 8 % 4],
            n * 37,
            n
        )),
        1 => Some(format!(
            "key {:08x}/{:04X} evicted, 0x{n:x}",
            n.wrapping_mul(2_654_435_761),
            n
        )),
        2 => Some(format!("seq {} of {:05} done", 1000 + 3 * n, n * n)),
        3 => Some(format!(
            "state {}",
            ["up", "down", "1st"][n as usize / 8 % 3]
        )),
        4 => Some(format!("token x{}Zq{} refused", n * n * n, n)),
        5 => Some(format!("ΟΔΟΣ İ once {n} → {}", "-".repeat(n as usize % 5))),
        6 => Some(String::new()),
        _ => None,
    };
    (0..320).map(body).collect()
}

/// The file is one of version 1 as it was written when that version was made. Splits that people
/// have must stay readable: when this test fails, raise the version and keep reading both.
#[test]
fn a_file_written_by_the_first_version_is_still_read() {
    let bodies = golden_bodies();
    for name in ["templates", "text"] {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/bodies-v1");
        let read = Bodies::open(&dir.join(name)).unwrap();
        let rows: Vec<u32> = (0..read.row_count()).collect();
        let texts = read.texts(&rows).unwrap();
        assert_eq!(
            texts.iter().collect::<Vec<_>>(),
            borrowed(&bodies),
            "{name}"
        );
        let query = BodyQuery::all(vec![Needle::word("eve took", LetterCase::Ignored)]);
        let found = read.search(&query, 0..u32::MAX, usize::MAX).unwrap();
        assert_eq!(found.rows().count(), 10, "{name}");
        assert_eq!(read.templates().is_empty(), name == "text");
    }
}

/// All bodies, and the rows of some texts.
type Answers = (Vec<Option<String>>, Vec<Vec<u32>>);

/// What a file says, if it says anything.
fn answers(bytes: Bytes) -> Result<Answers, BodiesError> {
    let read = Bodies::read(bytes)?;
    let rows: Vec<u32> = (0..read.row_count()).collect();
    let texts = read.texts(&rows)?;
    read.template_ids(&rows)?;
    let mut found = Vec::new();
    for text in ["eve", "3ms", "key", "00000000", "seq 1006", "Zq"] {
        let query = BodyQuery::all(vec![Needle::word_prefix(text, LetterCase::Ignored)]);
        found.push(
            read.search(&query, 0..u32::MAX, usize::MAX)?
                .rows()
                .collect(),
        );
    }
    let texts = texts.iter().map(|text| text.map(str::to_owned));
    Ok((texts.collect(), found))
}

#[test]
fn a_file_that_is_cut_or_has_a_flipped_byte_anywhere_is_an_error() {
    let bodies = golden_bodies();
    for encoding in [Encoding::Templates, Encoding::Text] {
        let (whole, _) = write(&borrowed(&bodies), Some(encoding));
        let expected = answers(whole.clone()).unwrap();
        for position in 0..whole.len() {
            answers(whole.slice(..position)).unwrap_err();
            let mut bad = whole.to_vec();
            bad[position] ^= 1 << (position % 8);
            if let Ok(answer) = answers(bad.into()) {
                assert_eq!(answer, expected, "byte {position} of {}", whole.len());
            }
        }
    }
}

#[test]
fn rows_that_do_not_exist_are_an_error() {
    let (bytes, _) = write(&[Some("a"), None], None);
    let read = Bodies::read(bytes).unwrap();
    for rows in [vec![2], vec![1, 0], vec![0, 0]] {
        let error = read.texts(&rows).unwrap_err();
        assert!(matches!(error, BodiesError::BadRow { row_count: 2, .. }));
        read.template_ids(&rows).unwrap_err();
    }
}

#[test]
fn a_file_of_another_version_or_kind_is_refused() {
    let (bytes, _) = write(&[Some("a")], None);
    let mut other = bytes.to_vec();
    other[8] = 2;
    let error = Bodies::read(other.clone().into()).unwrap_err();
    assert_eq!(error.to_string(), "bodies have format version 2, not 1");
    other[0] = b'X';
    let error = Bodies::read(other.into()).unwrap_err();
    assert!(matches!(error, BodiesError::Damaged { .. }));
}

#[test]
fn many_blocks_and_odd_bodies_come_back() {
    let odd: Vec<String> = (0..300_u32)
        .map(|n| match n % 5 {
            0 => "QUJD".repeat(8 << 10),
            1 => "word ".repeat(600),
            2 => "1 ".repeat(200 + n as usize),
            3 => "\u{0}\u{1}\u{fe}\u{ff}".repeat(n as usize),
            _ => format!("{n}").repeat(30),
        })
        .collect();
    let mut bodies: Vec<Option<&str>> = odd.iter().map(|body| Some(body.as_str())).collect();
    let summary = check(&bodies, Some(Encoding::Templates));
    assert_eq!(summary.unfaithful_block_count, 0);
    let lines: Vec<String> = (0..70_000_u32)
        .map(|n| format!("n {n} x {:06x}", n * 77))
        .collect();
    bodies.extend(lines.iter().map(|line| Some(line.as_str())));
    let summary = check(&bodies, None);
    let blocks = (summary.template_block_count, summary.text_block_count);
    assert_eq!((summary.row_count, blocks), (70_300, (2, 0)));
}
