//! Access token, under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| kanso_credentials::fuzzing::token(input));
