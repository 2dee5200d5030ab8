//! The whole system in one process under one seed: real clients, the real router, use cases, workers
//! and a store, while clock, ids, randomness, network and faults are drawn from a number. The store is
//! that of SQLite, or one that behaves as PostgreSQL does ([`store::rival`]).
//!
//! A seed is lived through in two phases. In the first everything goes wrong that may: requests and
//! answers are lost, doubled and late, devices are cut off, servers die within a call, time leaps,
//! copies of the database are put back. In the second nothing does, and everybody must come to hold
//! the same. What happened is judged by [`checks`], which are functions of the history. That they can
//! fail is shown by [`planted`] bugs, which are wrappers around real parts.
//!
//! **Invariant:** nothing here ships. One thread a seed, no socket, no wall clock and no randomness
//! but the seed's, so that a seed gives the same trace always.

pub mod actors;
pub mod campaign;
pub mod chance;
pub mod checks;
pub mod cluster;
pub mod failure;
pub mod feeds;
pub mod final_state;
pub mod finding;
pub mod history;
mod memories;
pub mod mutants;
pub mod mutation_report;
pub mod network;
pub mod plan;
pub mod regressions;
pub mod server;
pub mod shrink;
pub mod sse;
pub mod store;
pub mod story;
pub mod time;
pub mod world;
