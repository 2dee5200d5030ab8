//! The room that one account uses.

use std::ops::{Add, AddAssign, Sub};

use super::{Receipt, ReceiptOutcome};
use crate::Record;
use crate::entries::Entry;
use crate::habits::Habit;

/// The records of an account and the room that they and its receipts take.
///
/// Tombstones and receipts count until they are purged, because the storage keeps them. The room is a
/// sum of constants and of the lengths of texts, so that every storage comes to the same figure,
/// whatever its rows and indexes take.
///
/// A storage keeps the figures with the account. After a change of a constant in this file they must be
/// counted again: a migration then clears them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Usage {
    /// Stored habits and entries, tombstones included.
    pub records: u64,
    /// Bytes of the records and receipts.
    pub bytes: u64,
}

impl Usage {
    /// Nothing is stored.
    pub const NONE: Self = Self {
        records: 0,
        bytes: 0,
    };

    const HABIT_BYTES: u64 = 800;
    const SCHEDULE_VERSION_BYTES: u64 = 200;
    const ARCHIVED_SPAN_BYTES: u64 = 60;
    const ENTRY_BYTES: u64 = 400;
    const RECEIPT_BYTES: u64 = 200;
    /// The reasons of a rejection vary in length. This is more than most of them take.
    const REJECTION_BYTES: u64 = 800;

    /// Returns the usage of one habit.
    pub fn of_habit(habit: &Habit) -> Self {
        let details = &habit.details;
        let texts = details.title.as_str().len() + details.description.as_str().len();
        let counts = Counts {
            habits: 1,
            habit_text_bytes: count(texts),
            schedule_versions: count(details.history.versions().count()),
            archived_spans: count(details.archived_spans.len()),
            ..Counts::default()
        };
        counts.usage()
    }

    /// Returns the usage of one entry.
    pub fn of_entry(entry: &Entry) -> Self {
        let counts = Counts {
            entries: 1,
            note_bytes: count(entry.details.notes.as_str().len()),
            ..Counts::default()
        };
        counts.usage()
    }

    /// Returns the usage of one record.
    pub fn of_record(record: &Record) -> Self {
        match record {
            Record::Habit(habit) => Self::of_habit(habit),
            Record::Entry(entry) => Self::of_entry(entry),
        }
    }

    /// Returns the usage of one receipt.
    pub fn of_receipt(receipt: &Receipt) -> Self {
        let is_rejection = matches!(receipt.outcome, ReceiptOutcome::Rejected(_));
        let counts = Counts {
            receipts: 1,
            rejections: u64::from(is_rejection),
            ..Counts::default()
        };
        counts.usage()
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            records: self.records.saturating_add(more.records),
            bytes: self.bytes.saturating_add(more.bytes),
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Self) {
        *self = *self + more;
    }
}

impl Sub for Usage {
    type Output = Self;

    /// Stops at zero: a server of 0.1.0 beside this one stores records and counts none.
    fn sub(self, less: Self) -> Self {
        Self {
            records: self.records.saturating_sub(less.records),
            bytes: self.bytes.saturating_sub(less.bytes),
        }
    }
}

/// The figures that a storage counts in its rows to know the usage of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counts {
    /// Habits, tombstones included.
    pub habits: u64,
    /// Bytes of their titles and descriptions in UTF-8.
    pub habit_text_bytes: u64,
    /// Versions of their schedules.
    pub schedule_versions: u64,
    /// Spans in which they were archived.
    pub archived_spans: u64,
    /// Entries, tombstones included.
    pub entries: u64,
    /// Bytes of their notes in UTF-8.
    pub note_bytes: u64,
    /// Receipts.
    pub receipts: u64,
    /// Receipts of rejections.
    pub rejections: u64,
}

impl Counts {
    /// Returns the usage that these figures make.
    ///
    /// ```
    /// use kanso_domain::sync::{Counts, Usage};
    ///
    /// let ten_days = Counts { entries: 10, note_bytes: 120, ..Counts::default() };
    /// assert_eq!(ten_days.usage(), Usage { records: 10, bytes: 4_120 });
    /// ```
    pub const fn usage(self) -> Usage {
        let shares = [
            (self.habits, Usage::HABIT_BYTES),
            (self.habit_text_bytes, 1),
            (self.schedule_versions, Usage::SCHEDULE_VERSION_BYTES),
            (self.archived_spans, Usage::ARCHIVED_SPAN_BYTES),
            (self.entries, Usage::ENTRY_BYTES),
            (self.note_bytes, 1),
            (self.receipts, Usage::RECEIPT_BYTES),
            (self.rejections, Usage::REJECTION_BYTES),
        ];
        let (mut bytes, mut nth) = (0_u64, 0);
        while nth < shares.len() {
            let (number, size) = shares[nth];
            bytes = bytes.saturating_add(number.saturating_mul(size));
            nth += 1;
        }
        Usage {
            records: self.habits.saturating_add(self.entries),
            bytes,
        }
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
