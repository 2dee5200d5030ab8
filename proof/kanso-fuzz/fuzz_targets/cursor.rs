//! Cursor of a pull, under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| kanso_protocol::fuzzing::cursor(input));
