//! The whole system in one process under one seed: real clients, router, use cases, workers and
//! storage, while clock, ids, randomness, network and faults are drawn from one number. The storage
//! is SQLite, or a simulated PostgreSQL ([`store::postgres`]).
//!
//! A run has two phases. In the first, faults occur: requests and answers are lost, duplicated and
//! delayed, devices go offline, servers die within a call, the clock jumps, and backups are
//! restored. In the second there are no faults, and all replicas must converge. Then [`checks`],
//! which are functions of the history, look for broken promises. The planted bugs in [`mutants`],
//! which wrap real parts, show that each check can fail.
//!
//! **Invariant:** nothing here ships. Each seed runs on one thread without sockets, wall clock or
//! other randomness, so a seed always gives the same trace.

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
