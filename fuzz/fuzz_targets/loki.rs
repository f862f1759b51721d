//! See `fuzz::loki`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::loki(input));
