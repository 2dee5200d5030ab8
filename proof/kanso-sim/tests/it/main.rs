//! The storage contract on the database that behaves as PostgreSQL does, and how hard it makes life.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect stops there"
)]

mod contract;
mod postgres;
