//! See `fuzz::otlp_metrics`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::otlp_metrics(input));
