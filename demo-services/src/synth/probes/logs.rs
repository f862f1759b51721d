//! Searches for log records by words of their bodies.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    ops::Range,
};

use super::{
    ByClass, LOGS_STREAM, Windows,
    expected::ExpectedLogs,
    phrases::phrases,
    words::{Word, words},
};
use crate::synth::{dice::Dice, names::SERVICES, templates::Templates, truth::hash};

/// Log records that are remembered for a search.
const NEWEST_MAX: usize = 100;
/// Shorter words are not asked for.
const WORD_BYTES_MIN: usize = 3;
const RARE_WORD_BYTES_MIN: usize = 5;
/// Some searches turn out to be answered differently by different backends and are dropped: so many
/// times as many are drawn as are wanted.
const SPARE: usize = 2;

/// A record as it is counted.
pub(in crate::synth) struct LogFacts<'a> {
    pub(in crate::synth) service: usize,
    pub(in crate::synth) template: usize,
    /// Unix nanoseconds.
    pub(in crate::synth) time: u64,
    pub(in crate::synth) body: &'a [u8],
}

struct Probe {
    class: &'static str,
    text: String,
    service: Option<usize>,
    range: Range<u64>,
    tally: Tally,
}

/// What matched.
#[derive(Default)]
struct Tally {
    /// Records that match loosely, and those that match strictly.
    loose: u64,
    strict: u64,
    last_loose: u64,
    last_strict: u64,
    /// Of those that match loosely, ordered.
    newest: VecDeque<u64>,
}

/// A word that few records have.
struct Rare {
    text: String,
    tally: Tally,
}

/// All searches for log records.
pub(in crate::synth) struct LogProbes {
    samples: usize,
    windows: Windows,
    /// Counted from 1.
    record: u64,
    probes: Vec<Probe>,
    /// Places of the probes for a word, by the hash of the word in lower case.
    by_word: HashMap<u64, Vec<usize>>,
    /// Places of the probes for a phrase, by template.
    by_template: Vec<Vec<usize>>,
    /// Those with the smallest hashes.
    rare: BTreeMap<u64, Rare>,
    folded: Vec<u8>,
}

impl LogProbes {
    /// Draws so many searches of each class.
    pub(in crate::synth) fn new(
        seed: u64,
        samples: usize,
        windows: Windows,
        templates: &Templates,
    ) -> Self {
        let mut drawn = Self {
            samples,
            windows,
            record: 0,
            probes: Vec::new(),
            by_word: HashMap::new(),
            by_template: vec![Vec::new(); templates.all.len()],
            rare: BTreeMap::new(),
            folded: Vec::new(),
        };
        let mut dice = Dice::of_trace(seed, LOGS_STREAM);
        let constant = constant_words(templates);
        let phrases: Vec<(String, Vec<usize>)> = phrases(templates).into_iter().collect();
        for number in 0..samples * SPARE {
            if let Some(word) = constant.get(number % constant.len().max(1)) {
                let is_first_time = number < constant.len();
                drawn.words(word, number, is_first_time, &mut dice);
            }
            if let Some((phrase, holders)) = phrases.get(number % phrases.len().max(1)) {
                let hour = drawn.windows.hour(number, samples * SPARE, &mut dice);
                let place = drawn.add("phrase", phrase, None, hour);
                for &template in holders {
                    drawn.by_template[template].push(place);
                }
            }
        }
        drawn
    }

    fn words(&mut self, word: &str, number: usize, is_first_time: bool, dice: &mut Dice) {
        let hashed = hash(word.to_ascii_lowercase().as_bytes());
        let count = self.samples * SPARE;
        let counted = if is_first_time {
            self.windows.all.clone()
        } else {
            self.windows.up_to(number, count, dice)
        };
        let service = number % SERVICES.len();
        for (class, service, range) in [
            ("word", None, self.windows.hour(number, count, dice)),
            (
                "word_and_service",
                Some(service),
                self.windows.hour(number, count, dice),
            ),
            ("word_count", None, counted),
        ] {
            let place = self.add(class, word, service, range);
            self.by_word.entry(hashed).or_default().push(place);
        }
    }

    fn add(
        &mut self,
        class: &'static str,
        text: &str,
        service: Option<usize>,
        range: Range<u64>,
    ) -> usize {
        self.probes.push(Probe {
            class,
            text: text.to_owned(),
            service,
            range,
            tally: Tally::default(),
        });
        self.probes.len() - 1
    }

    /// Counts a record.
    pub(in crate::synth) fn log(&mut self, facts: &LogFacts<'_>) {
        self.record += 1;
        for &place in &self.by_template[facts.template] {
            self.probes[place].count(self.record, facts, None);
        }
        let mut folded = std::mem::take(&mut self.folded);
        for word in words(facts.body) {
            folded.clear();
            folded.extend(word.text.iter().map(u8::to_ascii_lowercase));
            let hashed = hash(&folded);
            for &place in self.by_word.get(&hashed).into_iter().flatten() {
                self.probes[place].count(self.record, facts, Some(word));
            }
            if folded.len() >= RARE_WORD_BYTES_MIN && folded.iter().any(u8::is_ascii_digit) {
                self.rare_word(hashed, word, facts.time);
            }
        }
        self.folded = folded;
    }

    fn rare_word(&mut self, hashed: u64, word: Word<'_>, time: u64) {
        let is_full = self.rare.len() >= self.samples * SPARE;
        if is_full
            && self
                .rare
                .last_key_value()
                .is_some_and(|(largest, _)| *largest < hashed)
        {
            return;
        }
        let rare = self.rare.entry(hashed).or_insert_with(|| Rare {
            text: String::from_utf8_lossy(word.text).into_owned(),
            tally: Tally::default(),
        });
        let is_strict = word.is_strict && word.text == rare.text.as_bytes();
        rare.tally.count(self.record, time, is_strict);
        if self.rare.len() > self.samples * SPARE {
            self.rare.pop_last();
        }
    }

    /// The searches that every backend answers alike, with their answers.
    pub(in crate::synth) fn expected(self) -> ByClass<ExpectedLogs> {
        let all = self.windows.all;
        let rare = self.rare.into_values().map(|rare| Probe {
            class: "rare_word",
            text: rare.text,
            service: None,
            range: all.clone(),
            tally: rare.tally,
        });
        let mut expected: ByClass<ExpectedLogs> = ByClass::new();
        for probe in self.probes.into_iter().chain(rare) {
            let of_class = expected.entry(probe.class).or_default();
            if probe.tally.loose == probe.tally.strict && of_class.len() < self.samples {
                of_class.push(ExpectedLogs::new(probe));
            }
        }
        expected
    }
}

impl Probe {
    /// Counts a record that has the text; `word` is how it has it, if it is a word.
    fn count(&mut self, record: u64, facts: &LogFacts<'_>, word: Option<Word<'_>>) {
        let is_asked_for = self.range.contains(&facts.time)
            && self.service.is_none_or(|service| service == facts.service);
        if is_asked_for {
            let is_strict =
                word.is_none_or(|word| word.is_strict && word.text == self.text.as_bytes());
            self.tally.count(record, facts.time, is_strict);
        }
    }
}

impl Tally {
    fn count(&mut self, record: u64, time: u64, is_strict: bool) {
        if is_strict && self.last_strict != record {
            self.last_strict = record;
            self.strict += 1;
        }
        if self.last_loose == record {
            return;
        }
        self.last_loose = record;
        self.loose += 1;
        // Most records are newer than those before them.
        let older = self.newest.iter().rev().position(|other| *other <= time);
        let place = older.map_or(0, |from_end| self.newest.len() - from_end);
        self.newest.insert(place, time);
        if self.newest.len() > NEWEST_MAX {
            self.newest.pop_front();
        }
    }
}

/// Words without digits that templates hold as constant text, wherever they do in the same case and
/// untouched by underscores. Some are filled in elsewhere as well.
fn constant_words(templates: &Templates) -> Vec<String> {
    // By the word in lower case; `None` if it is not the same everywhere.
    let mut found: BTreeMap<String, Option<String>> = BTreeMap::new();
    for template in &templates.all {
        // What stands in angle brackets is the name of a blank.
        let pieces = template.text.split('<').map(|piece| {
            let after_blank = piece.split_once('>').map(|(_, text)| text);
            after_blank.unwrap_or(piece)
        });
        for word in pieces.flat_map(|piece| words(piece.as_bytes())) {
            let text = String::from_utf8_lossy(word.text).into_owned();
            let known = found.entry(text.to_ascii_lowercase());
            let known = known.or_insert_with(|| Some(text.clone()));
            if !word.is_strict || known.as_ref() != Some(&text) {
                *known = None;
            }
        }
    }
    let is_wanted = |word: &String| {
        word.len() >= WORD_BYTES_MIN && word.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    found.into_values().flatten().filter(is_wanted).collect()
}

impl ExpectedLogs {
    fn new(probe: Probe) -> Self {
        Self {
            text: probe.text,
            service: probe.service.map(|service| SERVICES[service].to_owned()),
            start_unix_nano: probe.range.start,
            end_unix_nano: probe.range.end,
            matching: probe.tally.loose,
            newest_unix_nano: probe.tally.newest.into_iter().rev().collect(),
        }
    }
}
