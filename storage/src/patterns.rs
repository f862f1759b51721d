//! What the bodies of log records have in common: templates of splits, and what is found in other
//! bodies when asked.

use std::collections::HashMap;
use std::ops::ControlFlow;

use model::UnixNanos;

use crate::bodies::{Bodies, BodiesError, PatternKey, PatternMiner};

/// Records of one pattern, or of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatternCount {
    /// The pattern, once the miner has finished; `None` for records without a body, of bodies that
    /// have no pattern, and of those beyond what the miner looks at.
    pub key: Option<PatternKey>,
    /// How many records there are.
    pub count: u64,
    /// When the first of them happened.
    pub first: UnixNanos,
    /// When the last of them happened.
    pub last: UnixNanos,
}

/// Takes the patterns of some records, and how many bytes of bodies were looked through for them or
/// for the next ones; says whether to go on.
pub(crate) type VisitPatterns<'a> = dyn FnMut(&[PatternCount], u64) -> ControlFlow<()> + 'a;

impl PatternCount {
    fn one(key: Option<PatternKey>, time: UnixNanos) -> Self {
        Self {
            key,
            count: 1,
            first: time,
            last: time,
        }
    }

    /// Adds the records of the other.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// Adds up the patterns of texts.
pub(crate) fn of_texts<'a>(
    texts: impl Iterator<Item = (Option<&'a str>, UnixNanos)>,
    miner: &mut PatternMiner,
) -> Vec<PatternCount> {
    let mut counts: HashMap<Option<PatternKey>, PatternCount> = HashMap::new();
    for (text, time) in texts {
        let key = text.and_then(|text| miner.add_text(text));
        let one = PatternCount::one(key, time);
        counts
            .entry(key)
            .and_modify(|known| known.add(&one))
            .or_insert(one);
    }
    counts.into_values().collect()
}

/// Adds up the patterns of rows of a split, which ascend.
pub(crate) fn of_rows(
    bodies: &Bodies,
    rows: &[u32],
    time: &dyn Fn(u32) -> UnixNanos,
    miner: &mut PatternMiner,
) -> Result<Vec<PatternCount>, BodiesError> {
    let mut by_template: HashMap<u32, PatternCount> = HashMap::new();
    let mut others = Vec::new();
    for (row, template) in rows.iter().zip(bodies.template_ids(rows)?) {
        match template {
            None => others.push(*row),
            Some(template) => {
                let one = PatternCount::one(None, time(*row));
                by_template
                    .entry(template)
                    .and_modify(|known| known.add(&one))
                    .or_insert(one);
            }
        }
    }
    let texts = bodies.texts(&others)?;
    let times = others.iter().map(|row| time(*row));
    let mut counts = of_texts(texts.iter().zip(times), miner);
    for (number, count) in by_template {
        let template = bodies.templates().get(number as usize);
        let key = template.and_then(|template| miner.add_template(template, count.count));
        counts.push(PatternCount { key, ..count });
    }
    Ok(counts)
}
