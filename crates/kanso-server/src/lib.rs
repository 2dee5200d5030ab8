//! The composition: settings, wiring, telemetry, and the life of the process. The only crate that
//! names concrete adapters.
//!
//! `main` runs it as a program; a test starts it in its own process, on any free port.
//!
//! **Invariant:** no rule of habits or sync, no SQL and no route here. The environment is read in
//! `config`, nowhere else, and every socket wait in `lifecycle` has a deadline.

pub mod cli;
pub mod config;
pub mod data_dir;
pub mod health;
pub mod lifecycle;
mod metrics;
pub mod migrate;
pub mod reset;
mod start;
pub mod telemetry;
mod wiring;

pub use start::{Parts, StartError, start, start_with};
