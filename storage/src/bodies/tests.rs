//! Whatever the bodies are, they come back as they were.

use arrow_array::Array;
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::choose::{Encoding, choose};
use super::{Bodies, BodiesSummary, BodiesWriter};

/// Writes bodies in a certain encoding, or in the one that takes less.
pub(super) fn write(
    bodies: &[Option<&str>],
    encoding: Option<Encoding>,
) -> (Bytes, BodiesSummary) {
    let mut writer = match encoding {
        None => BodiesWriter::choosing(Vec::new(), choose),
        Some(Encoding::Text) => BodiesWriter::choosing(Vec::new(), |_, _| Ok(Encoding::Text)),
        Some(Encoding::Templates) => {
            BodiesWriter::choosing(Vec::new(), |_, _| Ok(Encoding::Templates))
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
    assert!(ids.iter().flatten().all(|id| (*id as usize) < read.templates().len()));
    for row in rows.iter().step_by(rows.len() / 20 + 1) {
        let text = read.texts(&[*row]).unwrap();
        let text = text.is_valid(0).then(|| text.value(0));
        assert_eq!(text, bodies[*row as usize]);
    }
    summary
}

/// Bodies that look like those of programs.
pub(super) fn any_log_bodies() -> impl Strategy<Value = Vec<Option<String>>> {
    let value = prop_oneof![
        (0..3_u64).prop_map(|n| n.to_string()),
        (0..100_000_u64).prop_map(|n| n.to_string()),
        (0..1_000_u64).prop_map(|n| format!("{n:03}")),
        any::<u64>().prop_map(|n| n.to_string()),
        any::<u32>().prop_map(|n| format!("{n:08x}")),
        any::<u32>().prop_map(|n| format!("{n:X}")),
        any::<u32>().prop_map(|n| format!("0x{n:08x}")),
        any::<u128>().prop_map(|n| format!("{n:032x}")),
        (0..9_000_u64).prop_map(|n| format!("{n}ms")),
        (0..50_u64).prop_map(|n| format!("pod_{n}_Größe")),
        "[a-zA-Z0-9]{1,12}",
        "(amy|Ben|CLARA|dörte|ΟΔΟΣ|İz|emil|frida|gina)",
        "[0-9]{1,25}",
    ];
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
    let template = vec((text, 0..4_usize), 1..6);
    let rows = vec((any::<u16>(), vec(value, 6)), 0..150);
    (vec(template, 1..5), rows).prop_map(|(templates, rows)| {
        let fill = |(number, values): (u16, Vec<String>)| {
            let template = &templates[usize::from(number) % templates.len()];
            (number % 41 != 0).then(|| {
                let parts = template.iter().zip(&values);
                let part = |((text, _), value): (&(String, usize), &String)| format!("{text}{value}");
                parts.map(part).collect::<String>()
            })
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
