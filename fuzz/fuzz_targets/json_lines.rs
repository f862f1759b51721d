//! See `fuzz::json_lines`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::json_lines(input));
