//! Push, pull, retry, purge and epoch.

mod device;
mod properties;
mod server;
mod wire;
mod world;

pub use device::{Device, Resync};
pub use server::{Effect, ReceiptResult, Row, Rules, Server, Slot};
pub use wire::{Answer, Change, Cursor, Op, Outcome, Refusal, Request};
pub use world::{Action, Bounds, SyncModel, World, Write};

/// How many records there are.
pub const RECORDS: usize = 2;
/// How many fields a record has.
pub const FIELDS: usize = 2;
/// How many devices there are.
pub const DEVICES: usize = 2;

/// What is wrong on purpose, so that a check is seen to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyncBug {
    /// A retry does not find its receipt.
    RetryWithoutReceipt,
    /// A push is answered and not stored.
    AckBeforeCommit,
    /// A cursor behind what was purged is taken.
    FloorUnchecked,
    /// A purge does not move the floor.
    FloorNotRaised,
    /// A server that was put back keeps its epoch.
    EpochUnchanged,
    /// The cursor of a page is past a change that its reader could not see yet.
    CursorPastUncommitted,
    /// A page that was cut off is given out as the last.
    CutPageIsLast,
    /// An edit brings back what was deleted.
    EditRevives,
    /// A purge leaves no grave behind.
    PurgedIdForgotten,
    /// A device that has to start anew throws its outbox away.
    OutboxDropped,
    /// A device does not give back what a server that was put back has lost.
    LostNotRestored,
    /// An operation leaves the outbox when it is sent, not when it is answered.
    SentIsDone,
}
