//! Measures how log bodies are kept: `cargo run --release -p storage --example bodies_measure --
//! FILE...`, where a file has one body a line, or is one of `spandrel shop synth --signal logs`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for a terminal, which ends at the first thing that is wrong"
)]

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use storage::bodies::{Bodies, BodiesWriter, BodyQuery, BodyRegex, LetterCase, Needle};

fn main() {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).unwrap();
        let bodies = match bytes.strip_prefix(b"SPSYNTH1") {
            Some(requests) => synth_bodies(requests),
            None => String::from_utf8_lossy(&bytes)
                .lines()
                .map(str::to_owned)
                .collect(),
        };
        measure(&path, &bodies);
    }
}

/// CPU time of this thread so far.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = cpu();
    let done = work();
    (done, (cpu() - start).as_secs_f64() * 1e6)
}

fn measure(path: &str, bodies: &[String]) {
    let count = bodies.len() as f64;
    let text = bodies.concat();
    let (zstd, zstd_micros) = timed(|| {
        text.as_bytes()
            .chunks(1 << 20)
            .map(|chunk| zstd::bulk::compress(chunk, 3).unwrap().len())
            .sum::<usize>()
    });
    let ((bytes, summary), write_micros) = timed(|| {
        let mut writer = BodiesWriter::new(Vec::new()).unwrap();
        bodies
            .iter()
            .for_each(|body| writer.push(Some(body)).unwrap());
        writer.finish().unwrap()
    });
    let per = |bytes: u64| bytes as f64 / count;
    println!(
        "{path}\n  {} records, {:.1} B; zstd-3 {:.2} B, {:.2} us",
        bodies.len(),
        text.len() as f64 / count,
        zstd as f64 / count,
        zstd_micros / count
    );
    let sizes = summary.sizes;
    println!(
        "  file {:.2} B ({:.0} % of zstd-3): values {:.2}, text {:.2}, symbols {:.2}, filters {:.2}, header {:.2}",
        per(summary.file_bytes),
        100.0 * summary.file_bytes as f64 / zstd as f64,
        per(sizes.value_bytes),
        per(sizes.text_bytes),
        per(sizes.symbol_bytes),
        per(sizes.filter_bytes),
        per(sizes.header_bytes)
    );
    println!(
        "  blocks: {} template, {} text, {} unfaithful; {} templates; write {:.2} us",
        summary.template_block_count,
        summary.text_block_count,
        summary.unfaithful_block_count,
        summary.template_count,
        write_micros / count
    );
    read(bytes, bodies);
}

fn read(bytes: Vec<u8>, expected: &[String]) {
    let (bodies, open_micros) = timed(|| Bodies::read(bytes.into()).unwrap());
    let rows: Vec<u32> = (0..bodies.row_count()).collect();
    let (_, scan_micros) = timed(|| {
        for rows in rows.chunks(64 * 1024) {
            bodies.texts(rows).unwrap();
        }
    });
    let mut random = Random(1);
    let mut one = Times::default();
    for _ in 0..2000 {
        let row = random.below(rows.len());
        let text = one.add(|| bodies.texts(&[row as u32]).unwrap());
        assert_eq!(text.value(0), expected[row]);
    }
    println!(
        "  open {open_micros:.0} us; decode all {:.2} us; one at random {one}",
        scan_micros / rows.len() as f64,
    );
    search(&bodies, expected, &mut random);
}

/// Draws a text from a body.
type Draw = fn(&str, &mut Random) -> Option<String>;

/// Searches for what is in bodies drawn at random.
fn search(bodies: &Bodies, expected: &[String], random: &mut Random) {
    let all = 0..bodies.row_count();
    let kinds: [(&str, Draw); 4] = [
        ("word", |body, random| {
            let words: Vec<&str> = words(body).collect();
            let word = words.get(random.below(words.len().max(1)))?;
            Some((*word).to_owned())
        }),
        ("rare word", |body, _| {
            let longest = words(body).filter(|it| it.contains(|c: char| c.is_ascii_digit()));
            longest.max_by_key(|word| word.len()).map(str::to_owned)
        }),
        ("phrase of 3", |body, random| {
            let starts: Vec<&str> = words(body).collect();
            let at = random.below(starts.len().saturating_sub(3).max(1));
            let (first, last) = (starts.get(at)?, starts.get(at + 2)?);
            let start = first.as_ptr() as usize - body.as_ptr() as usize;
            let end = last.as_ptr() as usize - body.as_ptr() as usize + last.len();
            Some(body.get(start..end)?.to_owned())
        }),
        ("absent word", |_, random| {
            Some(format!("zz{:x}", random.below(1 << 40)))
        }),
    ];
    for (name, draw) in kinds {
        let (mut rows, mut newest, mut counts) = <(Times, Times, Times)>::default();
        let mut found = 0;
        for _ in 0..200 {
            let body = &expected[random.below(expected.len())];
            let Some(text) = draw(body, random) else {
                continue;
            };
            let needle = match name {
                "phrase of 3" => Needle::phrase(&text, LetterCase::Ignored),
                _ => Needle::word(&text, LetterCase::Ignored),
            };
            let query = BodyQuery::all(vec![needle]);
            let matches = rows.add(|| bodies.search(&query, all.clone(), usize::MAX).unwrap());
            newest.add(|| black_box(bodies.search(&query, all.clone(), 100).unwrap()));
            let count = counts.add(|| bodies.count(&query, all.clone(), &mut go_on()).unwrap());
            assert_eq!(matches.match_count as u64, count);
            found += count;
        }
        println!(
            "  {name}: rows {rows}; newest 100 {newest}; count {counts}; found {}",
            found / 200
        );
    }
    for text in ["imeou", "7f3"] {
        let query = BodyQuery::all(vec![Needle::phrase(text, LetterCase::Ignored)]);
        let (count, micros) = timed(|| bodies.count(&query, all.clone(), &mut go_on()).unwrap());
        println!("  part {text}: {micros:.0} us, found {count}");
    }
    for pattern in ["time[a-z]+t after [0-9]{3} ms", "[a-z]+t [a-z]+r [0-9]{3}"] {
        let regex = BodyRegex::new(pattern).unwrap();
        let query = BodyQuery::all(Vec::new()).and_regex(regex);
        let (count, micros) = timed(|| bodies.count(&query, all.clone(), &mut go_on()).unwrap());
        println!("  regex {pattern}: {micros:.0} us, found {count}");
    }
}

fn go_on() -> impl FnMut(u64) -> ControlFlow<()> {
    |_| ControlFlow::Continue(())
}

fn words(body: &str) -> impl Iterator<Item = &str> {
    body.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

/// Numbers that look drawn.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 20) % end as u64) as usize
    }
}

/// Wall times of single calls.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn add<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = work();
        self.0.push(start.elapsed().as_secs_f64() * 1e6);
        done
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |percent: usize| {
            sorted
                .get(sorted.len() * percent / 100)
                .copied()
                .unwrap_or(0.0)
        };
        write!(f, "p50 {:.0} p99 {:.0} us", at(50), at(99))
    }
}

/// The bodies in a file of export requests.
fn synth_bodies(mut requests: &[u8]) -> Vec<String> {
    let mut bodies = Vec::new();
    while let Some((head, rest)) = requests.split_at_checked(9) {
        let length = u32::from_le_bytes(head[5..9].try_into().unwrap()) as usize;
        let (message, rest) = rest.split_at(length);
        requests = rest;
        if head[0] == 2 {
            fields(message, &[1, 2, 2, 5, 1], &mut |body| {
                bodies.push(String::from_utf8(body.to_vec()).unwrap());
            });
        }
    }
    bodies
}

/// Visits the bytes at a path of field numbers of a protobuf message.
fn fields(mut message: &[u8], path: &[u64], visit: &mut impl FnMut(&[u8])) {
    let Some((field, path)) = path.split_first() else {
        return visit(message);
    };
    while !message.is_empty() {
        let tag = varint(&mut message);
        let length = match tag & 7 {
            0 => {
                varint(&mut message);
                continue;
            }
            1 => 8,
            5 => 4,
            _ => varint(&mut message) as usize,
        };
        let (value, rest) = message.split_at(length);
        message = rest;
        if tag >> 3 == *field && tag & 7 == 2 {
            fields(value, path, visit);
        }
    }
}

fn varint(message: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first().unwrap();
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}
