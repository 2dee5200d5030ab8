//! Days of a habit in an export of Loop Habit Tracker, under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| kanso_client::loop_import::fuzzing::checkmarks(input));
