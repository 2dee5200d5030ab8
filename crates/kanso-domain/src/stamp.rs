//! The server-owned part of a record: its position in the history, its version and its times.

use std::fmt;

use crate::Timestamp;

/// A position in one user's history of changes. Positions strictly increase and are never reused.
/// Zero is before the first change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(i64);

impl Seq {
    /// The position before the first change.
    pub const ZERO: Self = Self(0);

    /// The position that no history reaches.
    pub const MAX: Self = Self(i64::MAX);

    /// Returns the position `number`, or `None` if it is negative.
    pub const fn new(number: i64) -> Option<Self> {
        if number < 0 { None } else { Some(Self(number)) }
    }

    /// Returns the number.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Returns the next position.
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

/// The number of edits of a record. It is 1 after the creation and grows by 1 with each change that
/// the user sees. A recomputed streak does not change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(i64);

impl Version {
    /// The version of a record that was just created.
    pub const FIRST: Self = Self(1);

    /// Returns the version `number`, or `None` if it is below 1.
    pub const fn new(number: i64) -> Option<Self> {
        if number < 1 { None } else { Some(Self(number)) }
    }

    /// Returns the number.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Returns the version after one more edit.
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
    /// Position of the newest change in the history of the user.
    pub seq: Seq,
    /// Number of edits, for optimistic locking.
    pub version: Version,
    /// Time at which the server first stored the record.
    pub created_at: Timestamp,
    /// Time of the newest change. It strictly increases per user, together with `seq`.
    pub updated_at: Timestamp,
    /// Time at which the record became a tombstone; `None` while it is live.
    pub deleted_at: Option<Timestamp>,
}

impl Stamp {
    /// Returns the stamp of a record that is created by change `seq` at `at`.
    pub const fn created(seq: Seq, at: Timestamp) -> Self {
        Self {
            seq,
            version: Version::FIRST,
            created_at: at,
            updated_at: at,
            deleted_at: None,
        }
    }

    /// Returns the stamp after an edit by change `seq` at `at`.
    #[must_use]
    pub const fn edited(self, seq: Seq, at: Timestamp) -> Self {
        Self {
            seq,
            version: self.version.next(),
            updated_at: at,
            ..self
        }
    }

    /// Returns the stamp of a record that is delivered again unchanged, as change `seq` at `at`.
    ///
    /// The version stays, because nothing that the user sees has changed.
    #[must_use]
    pub const fn sent_again(self, seq: Seq, at: Timestamp) -> Self {
        Self {
            seq,
            updated_at: at,
            ..self
        }
    }

    /// Returns the stamp of a tombstone that an edit revives, as change `seq` at `at`.
    #[must_use]
    pub const fn revived(self, seq: Seq, at: Timestamp) -> Self {
        Self {
            deleted_at: None,
            ..self.edited(seq, at)
        }
    }

    /// Returns the stamp of the tombstone after the deletion by change `seq` at `at`.
    #[must_use]
    pub const fn deleted(self, seq: Seq, at: Timestamp) -> Self {
        Self {
            deleted_at: Some(at),
            ..self.edited(seq, at)
        }
    }

    /// Returns true if the record is a tombstone.
    pub const fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }
}
