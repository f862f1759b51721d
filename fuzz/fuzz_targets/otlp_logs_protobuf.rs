//! See `fuzz::otlp_logs_protobuf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::otlp_logs_protobuf(input));
