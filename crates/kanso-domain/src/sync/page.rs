//! One page of a delta.

use super::{Cursor, Head};
use crate::{Record, Seq, Timestamp};

/// Where a delta begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Before everything: only what is live is sent.
    Beginning,
    /// After a position.
    Position(Seq),
    /// After an instant, exclusively.
    Instant(Timestamp),
}

/// Changed records in the order of their positions, each once and in its newest state, as one
/// consistent snapshot of the history up to `head`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// The newest change at the moment of the snapshot.
    pub head: Head,
    /// How many changed records are left after this page.
    pub remaining: u64,
}

impl Page {
    /// Whether another page follows.
    pub const fn has_more(&self) -> bool {
        self.remaining > 0
    }

    /// Where the next delta begins: after the last record while more remain, else at the head.
    pub fn cursor(&self) -> Cursor {
        let last = self.records.last().map(|record| record.stamp().seq);
        let seq = last.filter(|_| self.has_more()).unwrap_or(self.head.seq);
        Cursor {
            epoch: self.head.epoch,
            seq,
        }
    }
}
