//! The rules of days, streaks and rates, from outside: tables, vectors and laws.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot set itself up has failed"
)]

mod formats;
mod laws;
mod streaks;
mod support;
mod today;
mod vectors;
