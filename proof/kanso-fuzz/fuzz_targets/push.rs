//! Body of a push, under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| kanso_protocol::fuzzing::push(input));
