//! What a sync did, and how far it is.

use crate::calls::CallError;
use crate::replica::{Failure, Resync};

/// What a sync did.
#[derive(Debug, Default)]
pub struct SyncReport {
    /// Operations that the server took.
    pub pushed: u64,
    /// Those of them that it merged with edits of other devices.
    pub merged: u64,
    /// Records that it delivered, this device's own changes among them.
    pub pulled: u64,
    /// Operations that it refused for good, with its own record. They stay on
    /// [`crate::Client::failures`] until a person has decided.
    pub failures: Vec<Failure>,
    /// Operations that wait for the next sync.
    pub waiting: u64,
    /// Everything was delivered anew, because the server asked for it, and why.
    pub resynced: Option<Resync>,
    /// Records that were here in another form than they had been delivered in.
    pub damaged: u64,
    /// Records that were put right after comparing with the server.
    pub repaired: u64,
    /// Records that the server had lost and that were offered back to it.
    pub offered: u64,
    /// Whether both sides still differ although everything was done: the next sync tries again.
    pub differs: bool,
}

/// A sync that did not run to its end. What it had done is kept, the rest is done by the next.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct Interrupted {
    /// What it had done.
    pub so_far: SyncReport,
    /// What stopped it.
    #[source]
    pub cause: CallError,
}

/// How far a sync is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Operations that the server has answered.
    pub answered: u64,
    /// Operations that are still to be sent.
    pub waiting: u64,
    /// Records that were delivered.
    pub pulled: u64,
    /// Records that are still to be delivered.
    pub remaining: u64,
}
