//! What goes between a device and the server.

use super::{FIELDS, Row};

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Change {
    /// Makes the record.
    Create,
    /// Edits it, having seen a version.
    Edit {
        /// The version.
        base: u8,
        /// Whether any difference is a conflict.
        is_strict: bool,
    },
    /// Makes it a tombstone, whatever was edited since.
    Delete,
}

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Op {
    /// Its id.
    pub id: u8,
    /// Its device.
    pub device: u8,
    /// The record that it is about.
    pub record: usize,
    /// What it does.
    pub change: Change,
    /// What it says of the fields.
    pub fields: [Option<u8>; FIELDS],
}

/// How far a device has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cursor {
    /// The history.
    pub epoch: u8,
    /// The position in it.
    pub seq: u8,
    /// During a first pull, the head when it began.
    pub first_pull: Option<u8>,
}

/// What a device sends: its outbox and what it has read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Request {
    /// Who sends it.
    pub device: u8,
    /// What it has read; nothing without a cursor.
    pub cursor: Option<Cursor>,
    /// What it wrote.
    pub ops: Vec<Op>,
}

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The record now is this.
    Applied(Row),
    /// The same, beside what others edited.
    Merged(Row),
    /// Nothing changed: it already is like this.
    Noop(Row),
    /// A retry of what was done.
    Duplicate {
        /// The version after the first time.
        version: u8,
        /// The position after the first time.
        seq: u8,
        /// The record or tombstone as it is now.
        row: Option<Row>,
    },
    /// Somebody else was faster.
    Conflict(Row),
    /// It is this tombstone.
    Gone(Row),
    /// Only its grave is left.
    Purged,
    /// It was never there.
    NotFound,
}

/// Why a cursor is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It is of another history.
    EpochChanged,
    /// It is ahead of the server.
    Ahead,
    /// What its device has not read was purged.
    Expired,
}

/// What a device is answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Answer {
    /// What became of each operation, in their order.
    pub outcomes: Vec<Outcome>,
    /// What is new, by position: the records and which they are.
    pub records: Vec<(usize, Row)>,
    /// How far the device has read with this.
    pub cursor: Cursor,
    /// Whether more is left.
    pub has_more: bool,
}
