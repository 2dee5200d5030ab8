//! Export of Loop Habit Tracker as a zip file, under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| kanso_client::loop_import::fuzzing::zip(input));
