//! See `fuzz::compression`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::compression(input));
