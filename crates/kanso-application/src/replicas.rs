//! Replicas: the whole set of records that a device should hold, and its verification.

use std::sync::Arc;

use kanso_domain::accounts::SettingsRecord;
use kanso_domain::sync::{Buckets, Head, Since};
use kanso_domain::{Date, Record, UserId};
use uuid::Uuid;

use crate::ports::storage::{
    Comparison, DeltaQuery, Scope, SnapshotPart, SnapshotPiece, SnapshotQuery, Storage,
};
use crate::streaks::Streaks;
use crate::{Fault, Outcome};

/// Most records in one piece of a snapshot.
pub const PIECE_RECORDS: u32 = 500;

/// Approximate number of records in the answer to a comparison.
const COMPARED_RECORDS: u32 = 1_000;

/// The feature: snapshots and comparisons of replicas.
#[derive(Clone)]
pub struct Replicas {
    storage: Arc<dyn Storage>,
    streaks: Streaks,
    piece: u32,
}

/// A position in a snapshot: everything that its reader must send to get the rest.
///
/// The server stores nothing about a snapshot, so a reader can continue on another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPosition {
    /// Newest change at the start of the snapshot. Later changes come with the delta after it.
    pub began: Head,
    /// First day of the recent entries, which come first.
    pub recent_from: Date,
    /// Section that continues.
    pub part: SnapshotSection,
    /// Id of the last record that was read.
    pub after: Option<Uuid>,
}

/// The sections of a snapshot, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotSection {
    /// Habits.
    Habits,
    /// Entries of the recent days.
    Recent,
    /// Older entries.
    Older,
}

impl SnapshotPosition {
    fn query(self, limit: u32) -> SnapshotQuery {
        let part = match self.part {
            SnapshotSection::Habits => SnapshotPart::Habits,
            SnapshotSection::Recent => SnapshotPart::EntriesSince(self.recent_from),
            SnapshotSection::Older => SnapshotPart::EntriesBefore(self.recent_from),
        };
        SnapshotQuery {
            part,
            after: self.after,
            limit,
        }
    }

    /// Returns the position after `piece`, which was read with `limit`, or `None` if it was the
    /// last one.
    fn after(self, piece: &SnapshotPiece, limit: u32) -> Option<Self> {
        // A full piece may be the last one of its section. Then the next piece of the section is
        // empty, and the following section starts after it.
        let is_full = piece.records.len() >= limit as usize;
        if let Some(last) = piece.records.last().filter(|_| is_full) {
            let after = Some(last.id());
            return Some(Self { after, ..self });
        }
        let part = match self.part {
            SnapshotSection::Habits => SnapshotSection::Recent,
            SnapshotSection::Recent => SnapshotSection::Older,
            SnapshotSection::Older => return None,
        };
        let after = None;
        Some(Self {
            part,
            after,
            ..self
        })
    }
}

/// A piece of a snapshot, with the position of the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotPage {
    /// Live records.
    pub records: Vec<Record>,
    /// Newest change at the time of the read.
    pub head: Head,
    /// Position of the next piece; `None` after the last one.
    pub next: Option<SnapshotPosition>,
}

impl Replicas {
    /// Returns the feature over its ports.
    pub fn new(storage: Arc<dyn Storage>, streaks: Streaks) -> Self {
        Self {
            storage,
            streaks,
            piece: PIECE_RECORDS,
        }
    }

    /// Limits a piece to `records` records instead of [`PIECE_RECORDS`], at least 1. Tests use it
    /// to get many pieces from few records.
    #[must_use]
    pub fn in_pieces_of(mut self, records: u32) -> Self {
        self.piece = records.max(1);
        self
    }

    /// Returns the start of a snapshot that sends the entries of `recent_from` and later first.
    pub async fn begin_snapshot(
        &self,
        user: UserId,
        recent_from: Date,
    ) -> Outcome<SnapshotPosition> {
        // Read before the first piece: the delta from here on has every change that a piece may
        // miss.
        let began = self.storage.head(user).await?.ok_or(Fault::AccountGone)?;
        Ok(SnapshotPosition {
            began,
            recent_from,
            part: SnapshotSection::Habits,
            after: None,
        })
    }

    /// Returns the settings as a synced record, if they were ever changed.
    pub async fn settings(&self, user: UserId) -> Outcome<Option<SettingsRecord>> {
        // A delta with a limit of 0 has no records, but the settings and the head.
        let query = DeltaQuery {
            since: Since::Beginning,
            scope: Scope::Everything,
            limit: Some(0),
        };
        let page = self.storage.delta(user, query).await?;
        Ok(page.ok_or(Fault::AccountGone)?.settings)
    }

    /// Returns the piece at `position`.
    ///
    /// Each piece is a read of its own. A record that changes meanwhile may be in none of them, or
    /// in a newer state than the start of the snapshot. The delta from the start has it.
    pub async fn piece(&self, user: UserId, position: SnapshotPosition) -> Outcome<SnapshotPage> {
        let piece = self
            .storage
            .snapshot(user, position.query(self.piece))
            .await?;
        let piece = piece.ok_or(Fault::AccountGone)?;
        let next = position.after(&piece, self.piece);
        let SnapshotPiece { head, mut records } = piece;
        // The reader stores these records, so their streaks must be those of today.
        self.streaks.refresh_records(user, &mut records).await?;
        Ok(SnapshotPage {
            records,
            head,
            next,
        })
    }

    /// Compares a replica with the storage, and returns records that it lacks.
    pub async fn compare(&self, user: UserId, replica: Buckets) -> Outcome<Comparison> {
        let comparison = self.storage.compare(user, replica, COMPARED_RECORDS);
        let mut comparison = comparison.await?.ok_or(Fault::AccountGone)?;
        for records in comparison.stored.values_mut() {
            self.streaks.refresh_records(user, records).await?;
        }
        Ok(comparison)
    }
}
