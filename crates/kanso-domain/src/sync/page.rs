//! One page of a delta, and its start.

use super::{Cursor, Head};
use crate::accounts::SettingsRecord;
use crate::{Record, Seq, Timestamp};

/// The start of a delta.
///
/// ```
/// use kanso_domain::sync::{Epoch, Head, Since};
/// use kanso_domain::{Seq, Timestamp};
///
/// let head = Head::beginning(Epoch::new(1), Timestamp::from_micros(0)?);
/// assert!(Since::Position(Seq::ZERO).is_up_to_date(head));
/// assert!(!Since::Beginning.is_up_to_date(head));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Before the first change. Only live records are sent, because the client holds nothing.
    Beginning,
    /// After the earlier pages of a first pull. Tombstones from before its start are not sent.
    FirstPull {
        /// Position of the last record that was read.
        after: Seq,
        /// Position of the head when the first pull began.
        began: Seq,
    },
    /// After this position.
    Position(Seq),
    /// After this instant, exclusive.
    Instant(Timestamp),
}

impl Since {
    /// Returns true if nothing changed between this position and `head`.
    ///
    /// [`Since::Beginning`] is never up to date: a client that holds nothing gets a page of its
    /// own, even if the history is empty.
    pub fn is_up_to_date(self, head: Head) -> bool {
        match self {
            Self::Beginning => false,
            Self::Position(seq) => seq >= head.seq,
            Self::FirstPull { after, .. } => after >= head.seq,
            Self::Instant(instant) => instant >= head.changed_at,
        }
    }
}

/// Changed records in the order of their positions.
///
/// Each record is on it once, in its newest state. All are from one consistent snapshot of the
/// history up to `head`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// Settings, if they changed too.
    pub settings: Option<SettingsRecord>,
    /// Newest change at the time of the snapshot.
    pub head: Head,
    /// Number of changed records after this page.
    pub remaining: u64,
    /// Position of the head when the first pull of this page began; `None` outside of a first pull.
    pub first_pull: Option<Seq>,
}

impl Page {
    /// Returns a page of `records`. It has the settings only if it reads past their position.
    pub fn new(
        records: Vec<Record>,
        settings: Option<SettingsRecord>,
        head: Head,
        remaining: u64,
        first_pull: Option<Seq>,
    ) -> Self {
        let page = Self {
            records,
            settings,
            head,
            remaining,
            first_pull,
        };
        page.without_later_settings()
    }

    fn without_later_settings(mut self) -> Self {
        // The settings have a position in the history like a record. A page that ends before it
        // leaves them to a later page, or the client would get them again there.
        let read = self.cursor().seq;
        self.settings = self.settings.filter(|settings| settings.seq <= read);
        self
    }

    /// Returns the page of a client that has read everything up to `head`.
    pub const fn empty(head: Head) -> Self {
        Self {
            records: Vec::new(),
            settings: None,
            head,
            remaining: 0,
            first_pull: None,
        }
    }

    /// Returns true if another page follows.
    pub const fn has_more(&self) -> bool {
        self.remaining > 0
    }

    /// Returns the cursor for the next page: the last record while more remain, else the head.
    ///
    /// The head can be past the last record, because a change of the settings has a position too.
    pub fn cursor(&self) -> Cursor {
        let last = self.records.last().map(|record| record.stamp().seq);
        match last.filter(|_| self.has_more()) {
            Some(seq) => Cursor {
                epoch: self.head.epoch,
                seq,
                first_pull: self.first_pull,
            },
            None => self.head.cursor(),
        }
    }

    /// Cuts the page so that its records take at most `budget` bytes by
    /// [`Record::approximate_size`].
    ///
    /// The first record stays even if it alone is larger. Otherwise the cursor would never move
    /// past it.
    #[must_use]
    pub fn within(mut self, budget: usize) -> Self {
        let kept = fitting(&self.records, budget);
        // The cut records count as remaining, or the cursor would jump to the head past them.
        self.remaining += (self.records.len() - kept) as u64;
        self.records.truncate(kept);
        self.without_later_settings()
    }
}

/// Returns how many of `records` take at most `budget` bytes by [`Record::approximate_size`].
///
/// The first one always counts, or a record above the budget would stop the client for ever.
pub fn fitting(records: &[Record], budget: usize) -> usize {
    let mut size = 0_usize;
    let fits = |record: &&Record| {
        size = size.saturating_add(record.approximate_size());
        size <= budget
    };
    let count = records.iter().take_while(fits).count();
    count.max(1).min(records.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Epoch;

    #[test]
    fn a_position_is_up_to_date_from_the_head_on() {
        let seq = |number| Seq::new(number).expect("not negative");
        let at = |micros| Timestamp::from_micros(micros).expect("in range");
        let head = Head {
            seq: seq(5),
            ..Head::beginning(Epoch::new(1), at(100))
        };
        let first_pull = |after| Since::FirstPull {
            after: seq(after),
            began: seq(5),
        };
        for (since, expected) in [
            (Since::Beginning, false),
            (Since::Position(seq(4)), false),
            (Since::Position(seq(5)), true),
            (first_pull(4), false),
            (first_pull(5), true),
            (Since::Instant(at(99)), false),
            (Since::Instant(at(100)), true),
        ] {
            assert_eq!(since.is_up_to_date(head), expected, "{since:?}");
        }
    }
}
