//! The storage contract on the simulated PostgreSQL, and tests of its faults.

#![expect(clippy::unwrap_used, reason = "a test stops at an unexpected value")]

mod contract;
mod postgres;
