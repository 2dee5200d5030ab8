//! Push, pull, retry, purge and epoch.
//!
//! **Bounds:** two devices, two records and two fields. Each rule of the protocol relates at most
//! two devices, one record and one field to another, so a third of any kind adds states and no new
//! interaction. The bounds of each exploration are in [`Bounds`].

mod device;
mod properties;
mod server;
mod wire;
mod world;

pub use device::{ModelDevice, ModelResync};
pub use server::{Effect, ModelServer, ReceiptResult, Row, Rules, Slot};
pub use wire::{ModelAnswer, ModelChange, ModelCursor, ModelOutcome, ModelRequest, Op, Refusal};
pub use world::{Bounds, ModelAction, SyncModel, World, Write};

/// Number of records: one known to both devices at the start, one created during the exploration.
pub const RECORDS: usize = 2;
/// Number of fields: edits of one field conflict, edits of both merge.
pub const FIELDS: usize = 2;
/// Number of devices.
pub const DEVICES: usize = 2;

/// Planted bugs; each must break a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyncBug {
    /// A retry does not find its receipt.
    RetryWithoutReceipt,
    /// A push is answered and not stored.
    AckBeforeCommit,
    /// A cursor below the floor is accepted.
    FloorUnchecked,
    /// A purge does not raise the floor.
    FloorNotRaised,
    /// A restored server keeps its epoch.
    EpochUnchanged,
    /// The cursor of a page is past a change that its reader could not see yet.
    CursorPastUncommitted,
    /// A truncated page is reported as the last one.
    CutPageIsLast,
    /// An edit revives a deleted record.
    EditRevives,
    /// A purge does not remember the id of the record.
    PurgedIdForgotten,
    /// A device that starts a resync clears its outbox.
    OutboxDropped,
    /// A device does not restore the records that a restored server has lost.
    LostNotRestored,
    /// An operation leaves the outbox when it is sent, not when it is answered.
    SentIsDone,
}
