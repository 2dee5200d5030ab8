//! Workloads: one file for each action of a client.

mod first_pull;
mod get;
mod live;
mod pull;
mod push;

pub(crate) use first_pull::{FirstPull, Pages};
pub(crate) use get::Get;
pub(crate) use live::Live;
pub(crate) use pull::EmptyPull;
pub(crate) use push::Push;
