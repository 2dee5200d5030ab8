//! Header `X-Forwarded-For`, under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| kanso_http::fuzzing::forwarded(input));
