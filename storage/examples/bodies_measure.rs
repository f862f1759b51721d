//! Measures how log bodies are kept: `cargo run --release -p storage --example bodies_measure --
//! FILE...`, where a file has one body a line, or is one of `spandrel shop synth --signal logs`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for a terminal, which ends at the first thing that is wrong"
)]

use std::time::Duration;

use storage::bodies::{Bodies, BodiesWriter};

fn main() {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).unwrap();
        let bodies = match bytes.strip_prefix(b"SPSYNTH1") {
            Some(requests) => synth_bodies(requests),
            None => String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect(),
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
        bodies.iter().for_each(|body| writer.push(Some(body)).unwrap());
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
    let mut at = 1_u64;
    let random: Vec<u32> = (0..2000)
        .map(|_| {
            at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((at >> 33) % rows.len() as u64) as u32
        })
        .collect();
    let mut micros: Vec<f64> = random
        .iter()
        .map(|row| {
            let (text, micros) = timed(|| bodies.texts(&[*row]).unwrap());
            assert_eq!(text.value(0), expected[*row as usize]);
            micros
        })
        .collect();
    micros.sort_by(f64::total_cmp);
    println!(
        "  open {open_micros:.0} us; decode all {:.2} us; one at random p50 {:.0} p99 {:.0} us",
        scan_micros / rows.len() as f64,
        micros[micros.len() / 2],
        micros[micros.len() * 99 / 100]
    );
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
