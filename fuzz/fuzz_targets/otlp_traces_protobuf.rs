//! See `fuzz::otlp_traces_protobuf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::otlp_traces_protobuf(input));
