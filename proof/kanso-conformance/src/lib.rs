//! Wire contract of a Kanso server, as black-box cases over HTTP.
//!
//! A case sends requests as a client and compares the answers with `docs/protocol.md` and the pages beside
//! it. It registers the accounts that it needs and touches no other account. Bodies are raw JSON, and a
//! computed value, such as a digest, is computed here from its definition in the pages. So the server and
//! the kit cannot share a mistake.
//!
//! **Invariant:** no other crate of the workspace is used, tests aside. A server is seen over HTTP only,
//! and every wait has a deadline.

mod account;
mod answer;
mod case;
mod cases;
mod digest;
mod events;
mod ids;
mod report;
mod runner;
mod server;

pub use answer::CaseFailure;
pub use case::Case;
pub use cases::catalogue;
pub use report::{CaseResult, ConformanceReport};
pub use runner::{run, select};
pub use server::{ConnectError, RequestLimit, ServerUnderTest};
