//! The server: settings, wiring, telemetry and the lifecycle of the process. The only crate that
//! names concrete adapters.
//!
//! [`start`] runs a server on the adapters that the settings choose; `main` and the tests call it.
//! [`assembly::assemble`] builds the same server on any ports; the simulation calls it.
//!
//! **Invariant:** no rule of habits or sync, no SQL and no route here. The environment is read in
//! `config`, nowhere else, and every socket wait in `lifecycle` has a deadline.

pub mod assembly;
pub mod cli;
pub mod config;
pub mod data_dir;
pub mod health;
pub mod lifecycle;
mod metrics;
pub mod migrate;
pub mod operator;
mod registration;
mod start;
pub mod telemetry;
mod wiring;

pub use start::{StartError, StartOptions, start, start_with};
