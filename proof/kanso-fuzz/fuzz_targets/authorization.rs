//! Header `Authorization`, under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| kanso_http::fuzzing::authorization(input));
