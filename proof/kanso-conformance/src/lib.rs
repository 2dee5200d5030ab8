//! The wire contract of a Kanso server as cases that ask it from outside, over HTTP.
//!
//! A case does what a client may do and compares what comes back with what `docs/protocol.md` and the pages
//! beside it promise. It makes the accounts that it needs and touches no other. Bodies are raw JSON and
//! what has to be computed, such as a digest, is computed here from the definition in the pages, so that
//! server and kit cannot agree on the same mistake.
//!
//! **Invariant:** no other crate of the workspace is used, tests aside. A server is seen over HTTP and
//! nothing else, and every wait has a deadline.

mod answer;
mod case;
mod cases;
mod digest;
mod events;
mod ids;
mod person;
mod report;
mod runner;
mod wire;

pub use answer::Failure;
pub use case::Case;
pub use cases::catalogue;
pub use report::{Report, Verdict};
pub use runner::{run, select};
pub use wire::{Unreachable, Wire};
