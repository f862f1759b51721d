//! Finds the patterns of records that are not kept by template, and brings them together with the
//! templates of splits.

use std::fmt;

use super::promote::{Origin, promote};
use super::skeletons::{Skeletons, Span};
use super::template::{MARK, Template, VariableKind, VariableTraits};

/// How many texts are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MiningLimits {
    /// Texts.
    pub texts_max: usize,
    /// Bytes of all of them.
    pub text_bytes_max: usize,
}

/// Stands for what was added, until the patterns are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatternKey(u32);

/// Takes texts and templates, and finds their patterns: as a split does that has them all.
pub struct PatternMiner {
    limits: MiningLimits,
    skeletons: Skeletons,
    /// For each skeleton, how often it was added, and the traits of its variables.
    known: Vec<(u64, Vec<VariableTraits>)>,
    spans: Vec<Span>,
    texts: usize,
    text_bytes: usize,
}

impl fmt::Debug for PatternMiner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatternMiner")
            .field("limits", &self.limits)
            .field("skeletons", &self.known.len())
            .finish_non_exhaustive()
    }
}

impl PatternMiner {
    /// Begins.
    pub fn new(limits: MiningLimits) -> Self {
        Self {
            limits,
            skeletons: Skeletons::default(),
            known: Vec::new(),
            spans: Vec::new(),
            texts: 0,
            text_bytes: 0,
        }
    }

    /// Adds a body; `None` when it has no pattern, or when more were added than are looked at.
    pub fn add_text(&mut self, body: &str) -> Option<PatternKey> {
        if self.is_full() {
            return None;
        }
        self.texts += 1;
        self.text_bytes += body.len();
        self.spans.clear();
        let number = self.skeletons.add(body, 0, &mut self.spans)?;
        let values = self.spans.iter().map(|(start, length)| {
            let value = body
                .as_bytes()
                .get(*start as usize..)?
                .get(..*length as usize)?;
            let kind = VariableKind::of(value);
            let has_words = false;
            Some(VariableTraits { kind, has_words })
        });
        let traits: Vec<VariableTraits> = values.collect::<Option<_>>()?;
        Some(self.note(number, 1, &traits))
    }

    /// Adds so many bodies of a template; `None` when there are too many templates.
    pub fn add_template(&mut self, template: &Template, count: u64) -> Option<PatternKey> {
        let number = self.skeletons.add_skeleton(template.skeleton())?;
        Some(self.note(number, count, &template.traits))
    }

    /// Whether no more texts are looked at.
    pub fn is_full(&self) -> bool {
        self.texts >= self.limits.texts_max || self.text_bytes >= self.limits.text_bytes_max
    }

    fn note(&mut self, number: u32, count: u64, traits: &[VariableTraits]) -> PatternKey {
        let at = number as usize;
        if at == self.known.len() {
            self.known.push((0, traits.to_vec()));
        }
        let (known_count, known) = &mut self.known[at];
        *known_count += count;
        for (known, new) in known.iter_mut().zip(traits) {
            *known = known.or(*new);
        }
        PatternKey(number)
    }

    /// The patterns of all that was added.
    pub fn finish(self) -> Patterns {
        let skeletons = self.skeletons.into_list();
        let counts: Vec<u64> = self.known.iter().map(|(count, _)| *count).collect();
        let promoted = promote(&skeletons, &counts);
        let mut found: Vec<(u64, Vec<VariableTraits>)> = promoted
            .templates
            .iter()
            .map(|skeleton| {
                let variables = skeleton.iter().filter(|byte| **byte == MARK).count();
                (0, vec![VariableTraits::NONE; variables])
            })
            .collect();
        let word = VariableTraits {
            kind: VariableKind::Any,
            has_words: true,
        };
        for (assignment, (count, traits)) in promoted.assignments.iter().zip(&self.known) {
            let (sum, all) = &mut found[assignment.template as usize];
            *sum += count;
            for (at, known) in all.iter_mut().enumerate() {
                let origin = assignment.origins.as_ref().map(|origins| &origins[at]);
                *known = known.or(match origin {
                    None => traits[at],
                    Some(Origin::Variable(variable)) => traits[*variable],
                    Some(Origin::Word(_)) => word,
                });
            }
        }
        let patterns = promoted
            .templates
            .iter()
            .zip(found)
            .map(|(skeleton, (count, traits))| {
                let text = Template::parse(skeleton, traits).map(|template| template.to_string());
                Pattern {
                    text: text.unwrap_or_default(),
                    count,
                }
            });
        Patterns {
            list: patterns.collect(),
            of_key: promoted.assignments.iter().map(|it| it.template).collect(),
        }
    }
}

/// A pattern and how many records have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The text, with `<num>`, `<hex>` or `<*>` in place of what differs.
    pub text: String,
    /// How often it was added.
    pub count: u64,
}

/// The patterns of all that was added.
#[derive(Debug)]
pub struct Patterns {
    list: Vec<Pattern>,
    of_key: Vec<u32>,
}

impl Patterns {
    /// The patterns, in no order.
    pub fn list(&self) -> &[Pattern] {
        &self.list
    }

    /// The place in the list of the pattern of what was added.
    pub fn place(&self, key: PatternKey) -> usize {
        self.of_key[key.0 as usize] as usize
    }
}

#[cfg(test)]
mod tests {
    use super::super::Bodies;
    use super::super::choose::Encoding;
    use super::super::tests::write;
    use super::*;

    const LIMITS: MiningLimits = MiningLimits {
        texts_max: 10_000,
        text_bytes_max: 1 << 20,
    };

    fn sorted(patterns: &Patterns) -> Vec<(u64, String)> {
        let mut sorted: Vec<_> = patterns
            .list()
            .iter()
            .map(|pattern| (pattern.count, pattern.text.clone()))
            .collect();
        sorted.sort();
        sorted
    }

    #[test]
    fn texts_have_patterns_whose_counts_add_up() {
        let mut miner = PatternMiner::new(LIMITS);
        let keys: Vec<_> = [
            "took 3 ms",
            "took 77 ms",
            "id 7fa3",
            "id 1234",
            "took 3s",
            "ΟΔΟΣ",
        ]
        .iter()
        .map(|text| miner.add_text(text))
        .collect();
        let patterns = miner.finish();
        let text =
            |key: Option<PatternKey>| key.map(|key| &*patterns.list()[patterns.place(key)].text);
        assert_eq!(text(keys[1]), Some("took <num> ms"));
        assert_eq!(text(keys[2]), Some("id <hex>"));
        assert_eq!(text(keys[4]), Some("took <*>"));
        assert_eq!(text(keys[5]), None);
        assert_eq!(
            patterns
                .list()
                .iter()
                .map(|pattern| pattern.count)
                .sum::<u64>(),
            5
        );
    }

    #[test]
    fn no_more_texts_are_looked_at_than_the_limit() {
        let mut miner = PatternMiner::new(MiningLimits {
            texts_max: 2,
            text_bytes_max: 1 << 20,
        });
        let added = (0..5).filter(|n| miner.add_text(&format!("n {n}")).is_some());
        assert_eq!(added.count(), 2);
        let mut miner = PatternMiner::new(MiningLimits {
            texts_max: 100,
            text_bytes_max: 7,
        });
        let added = (0..5).filter(|n| miner.add_text(&format!("n {n}")).is_some());
        assert_eq!(added.count(), 3);
    }

    #[test]
    fn patterns_of_hot_and_sealed_records_are_the_same() {
        let names = ["amy", "ben", "cat", "dan", "eve", "fay", "gus", "hal"];
        let body = |n: usize| match n % 3 {
            0 => format!("user {} logged in after {n} ms", names[n % 8]),
            1 => format!("key {:08x} evicted", n * 7919),
            _ => format!("started {n}"),
        };
        let bodies: Vec<String> = (0..400).map(body).collect();
        let borrowed: Vec<Option<&str>> = bodies.iter().map(|body| Some(body.as_str())).collect();
        let read = Bodies::read(write(&borrowed, Some(Encoding::Templates)).0).unwrap();
        let mut sealed = PatternMiner::new(LIMITS);
        let ids = read.template_ids(&(0..400).collect::<Vec<_>>()).unwrap();
        for id in ids {
            let template = &read.templates()[id.unwrap() as usize];
            sealed.add_template(template, 1).unwrap();
        }
        let (mut hot, mut both) = (PatternMiner::new(LIMITS), PatternMiner::new(LIMITS));
        for body in &bodies {
            hot.add_text(body).unwrap();
            both.add_text(body).unwrap();
        }
        let expected = [
            (133, "key <hex> evicted".to_owned()),
            (133, "started <num>".to_owned()),
            (134, "user <*> logged in after <num> ms".to_owned()),
        ];
        assert_eq!(sorted(&sealed.finish()), expected);
        assert_eq!(sorted(&hot.finish()), expected);
        for template in read.templates() {
            both.add_template(template, 1000).unwrap();
        }
        let of_both: Vec<u64> = sorted(&both.finish()).iter().map(|it| it.0).collect();
        assert_eq!(of_both, [1133, 1133, 1134]);
    }
}
