//! The server-owned part of a record: its position in the history, its version and its times.

use std::fmt;

use crate::Timestamp;

/// A position in one user's history of changes: strictly increasing, never reused.
/// Zero is before the first change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(i64);

impl Seq {
    /// Before the first change.
    pub const ZERO: Self = Self(0);

    /// A position; negative numbers are none.
    pub const fn new(number: i64) -> Option<Self> {
        if number < 0 { None } else { Some(Self(number)) }
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How often a record was edited: 1 when created, one more with each change that its user sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(i64);

impl Version {
    /// The version of a record that was just created.
    pub const FIRST: Self = Self(1);

    /// A version; numbers below 1 are none.
    pub const fn new(number: i64) -> Option<Self> {
        if number < 1 { None } else { Some(Self(number)) }
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The version after one more edit.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The server-owned part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Where the newest change stands in its user's history.
    pub seq: Seq,
    /// For optimistic locking.
    pub version: Version,
    /// When the server first stored the record.
    pub created_at: Timestamp,
    /// Strictly increasing per user, together with `seq`.
    pub updated_at: Timestamp,
    /// When the record became a tombstone.
    pub deleted_at: Option<Timestamp>,
}

impl Stamp {
    /// The stamp of a record created as change `seq` at `at`.
    pub const fn created(seq: Seq, at: Timestamp) -> Self {
        Self {
            seq,
            version: Version::FIRST,
            created_at: at,
            updated_at: at,
            deleted_at: None,
        }
    }

    /// The stamp after an edit, which is change `seq` at `at`.
    #[must_use]
    pub const fn edited(self, seq: Seq, at: Timestamp) -> Self {
        Self {
            seq,
            version: self.version.next(),
            updated_at: at,
            ..self
        }
    }

    /// The stamp of a record that is sent again unchanged, as change `seq` at `at`.
    #[must_use]
    pub const fn sent_again(self, seq: Seq, at: Timestamp) -> Self {
        Self {
            seq,
            updated_at: at,
            ..self
        }
    }

    /// The stamp of a tombstone that came back to life by an edit, which is change `seq` at `at`.
    #[must_use]
    pub const fn revived(self, seq: Seq, at: Timestamp) -> Self {
        Self {
            deleted_at: None,
            ..self.edited(seq, at)
        }
    }

    /// The stamp after the deletion, which is change `seq` at `at`.
    #[must_use]
    pub const fn deleted(self, seq: Seq, at: Timestamp) -> Self {
        Self {
            deleted_at: Some(at),
            ..self.edited(seq, at)
        }
    }

    /// Whether the record is a tombstone.
    pub const fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }
}
