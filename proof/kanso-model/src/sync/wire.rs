//! Messages between a device and the server.

use super::{FIELDS, Row};

/// Kinds of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ModelChange {
    /// Creates the record.
    Create,
    /// Edits the record on top of a version.
    Edit {
        /// The version.
        base: u8,
        /// True if any concurrent edit is a conflict.
        is_strict: bool,
    },
    /// Deletes the record, even if it was edited concurrently.
    Delete,
}

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Op {
    /// Its id.
    pub id: u8,
    /// The device that made it.
    pub device: u8,
    /// Index of its record.
    pub record: usize,
    /// Kind of the operation.
    pub change: ModelChange,
    /// Texts of the fields that it sets.
    pub fields: [Option<u8>; FIELDS],
}

/// Position up to which a device has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelCursor {
    /// Identity of the history.
    pub epoch: u8,
    /// Position in the history.
    pub seq: u8,
    /// Head at the beginning of a first pull.
    pub first_pull: Option<u8>,
}

/// A request: outbox and cursor of a device.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelRequest {
    /// The device.
    pub device: u8,
    /// Its cursor; `None` before the first pull.
    pub cursor: Option<ModelCursor>,
    /// Its outbox.
    pub ops: Vec<Op>,
}

/// Outcomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModelOutcome {
    /// Applied; the record is now this.
    Applied(Row),
    /// Applied beside concurrent edits of other fields.
    Merged(Row),
    /// Nothing changed: the record is already like this.
    Noop(Row),
    /// The operation was carried out before.
    Duplicate {
        /// Version after the first time.
        version: u8,
        /// Position after the first time.
        seq: u8,
        /// The record or tombstone as it is now.
        row: Option<Row>,
    },
    /// A concurrent edit was stored first.
    Conflict(Row),
    /// The record is this tombstone.
    Gone(Row),
    /// The tombstone was purged.
    Purged,
    /// The record never existed.
    NotFound,
}

/// Reasons to refuse a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The cursor belongs to another history.
    EpochChanged,
    /// The cursor is ahead of the server.
    Ahead,
    /// Tombstones that the device has not read were purged.
    Expired,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelAnswer {
    /// Outcome of each operation, in their order.
    pub outcomes: Vec<ModelOutcome>,
    /// Changed records with their indexes, by position.
    pub records: Vec<(usize, Row)>,
    /// Cursor after this page.
    pub cursor: ModelCursor,
    /// True if another page follows.
    pub has_more: bool,
}
