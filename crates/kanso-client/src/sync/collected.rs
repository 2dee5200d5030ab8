//! Pages of a long pull, collected so that they are applied in one transaction.
//!
//! Ids are in no order, so each page changes most blocks of a long replica, and each commit writes the
//! changed blocks. Fewer commits write them less often: with one for each page, a first pull of
//! 60,000 entries wrote 27 times the size of the replica.

use kanso_domain::Timestamp;

use crate::replica::{Batch, SyncAnswer};

/// Number of records at which the pages are applied. It bounds the memory, to about 30 MB, and the
/// work that is lost if the sync is cut.
const MOST_RECORDS: u64 = 32_000;
/// Seconds after which the pages are applied. A phone may end a sync in the background at any time, and
/// the next one must not begin at the same page for ever.
const LONGEST_WAIT: i64 = 5;

/// Pages that follow each other, and the request for the first of them.
pub(super) struct CollectedPages {
    batch: Batch,
    answer: SyncAnswer,
    /// Time at which the first page arrived.
    since: Timestamp,
}

impl CollectedPages {
    /// Adds a page to those that were collected before.
    pub(super) fn add(
        before: Option<Self>,
        batch: Batch,
        page: SyncAnswer,
        now: Timestamp,
    ) -> Self {
        let Some(mut pages) = before else {
            return Self {
                batch,
                answer: page,
                since: now,
            };
        };
        let answer = &mut pages.answer;
        answer.records.extend(page.records);
        answer.foreign.extend(page.foreign);
        answer.settings = page.settings.or(answer.settings.take());
        answer.digest = page.digest;
        answer.cursor = page.cursor;
        answer.head = page.head;
        answer.has_more = page.has_more;
        answer.history_start = answer.history_start.or(page.history_start);
        pages
    }

    /// Returns true if a further page may be collected before these are applied.
    ///
    /// An answer to operations is applied at once: its results must not be lost.
    pub(super) fn may_wait(&self, now: Timestamp) -> bool {
        self.answer.has_more
            && self.batch.positions().is_none()
            && self.records() < MOST_RECORDS
            && now.seconds_since(self.since) < LONGEST_WAIT
    }

    /// Number of records.
    pub(super) fn records(&self) -> u64 {
        self.answer.records.len() as u64 + self.answer.foreign.len() as u64
    }

    /// Cursor of the next page.
    pub(super) fn cursor(&self) -> &str {
        &self.answer.cursor
    }

    /// Returns the request for the first page and the pages as one answer to it.
    pub(super) fn into_parts(self) -> (Batch, SyncAnswer) {
        (self.batch, self.answer)
    }
}
