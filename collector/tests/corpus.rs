//! Every seed of the fuzz targets, and every input that once broke one, on the stable compiler.

#![expect(
    unreachable_pub,
    reason = "the fuzz targets use the same functions from outside"
)]

use std::path::Path;

#[path = "../../fuzz/src/lib.rs"]
mod targets;

type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 9] = [
    ("otlp_traces_protobuf", targets::otlp_traces_protobuf),
    ("otlp_logs_protobuf", targets::otlp_logs_protobuf),
    ("otlp_traces_json", targets::otlp_traces_json),
    ("otlp_logs_json", targets::otlp_logs_json),
    ("otlp_metrics", targets::otlp_metrics),
    ("zipkin", targets::zipkin),
    ("loki", targets::loki),
    ("json_lines", targets::json_lines),
    ("compression", targets::compression),
];

#[test]
fn every_seed_of_the_fuzz_targets_is_survived() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, target) in TARGETS {
        let seeds = std::fs::read_dir(corpus.join(name)).unwrap();
        let mut count = 0;
        for seed in seeds {
            target(&std::fs::read(seed.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 0, "{name} has no seeds");
    }
}
