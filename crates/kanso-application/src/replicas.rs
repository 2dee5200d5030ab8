//! Replicas: what a device should hold, all of it at once, and what of it is wrong.

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

/// How many records one piece of a snapshot has at most.
pub const PIECE_RECORDS: u32 = 500;

/// About how many records a comparison hands out at most.
const COMPARED_RECORDS: u32 = 1_000;

/// Whole replicas.
#[derive(Clone)]
pub struct Replicas {
    storage: Arc<dyn Storage>,
    streaks: Streaks,
    piece: u32,
}

/// Where a snapshot goes on: everything that its reader must bring to get the rest of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPosition {
    /// The newest change when it began: what changed since comes with the delta after it.
    pub began: Head,
    /// Entries of this day and later come first.
    pub recent_from: Date,
    /// The part that goes on.
    pub part: SnapshotSection,
    /// After the record with this id.
    pub after: Option<Uuid>,
}

/// The parts of a snapshot, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotSection {
    /// The habits.
    Habits,
    /// Entries of the recent days.
    Recent,
    /// The entries before.
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

    /// The position after `piece`, of which `limit` records were asked for; none when it was the
    /// last.
    fn after(self, piece: &SnapshotPiece, limit: u32) -> Option<Self> {
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

/// A piece of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotPage {
    /// Live records.
    pub records: Vec<Record>,
    /// The newest change when they were read.
    pub head: Head,
    /// Where the next piece begins; none when this was the last.
    pub next: Option<SnapshotPosition>,
}

impl Replicas {
    /// The feature over its ports.
    pub fn new(storage: Arc<dyn Storage>, streaks: Streaks) -> Self {
        Self {
            storage,
            streaks,
            piece: PIECE_RECORDS,
        }
    }

    /// With at most so many records in a piece of a snapshot, at least 1, instead of [`PIECE_RECORDS`]: where
    /// few records should make many pieces.
    #[must_use]
    pub fn in_pieces_of(mut self, records: u32) -> Self {
        self.piece = records.max(1);
        self
    }

    /// Where a snapshot begins that sends the entries of `recent_from` and later first.
    pub async fn begin_snapshot(
        &self,
        user: UserId,
        recent_from: Date,
    ) -> Outcome<SnapshotPosition> {
        let began = self.storage.head(user).await?.ok_or(Fault::AccountGone)?;
        Ok(SnapshotPosition {
            began,
            recent_from,
            part: SnapshotSection::Habits,
            after: None,
        })
    }

    /// The settings as they are synced, if they were ever changed.
    pub async fn settings(&self, user: UserId) -> Outcome<Option<SettingsRecord>> {
        // Whoever takes no record has the settings and the head of the page.
        let query = DeltaQuery {
            since: Since::Beginning,
            scope: Scope::Everything,
            limit: Some(0),
        };
        let page = self.storage.delta(user, query).await?;
        Ok(page.ok_or(Fault::AccountGone)?.settings)
    }

    /// The piece at `position`. Pieces are read one after another, so a record that changes
    /// meanwhile may be in none or be newer than where the snapshot began; the delta after that
    /// has it.
    pub async fn piece(&self, user: UserId, position: SnapshotPosition) -> Outcome<SnapshotPage> {
        let piece = self
            .storage
            .snapshot(user, position.query(self.piece))
            .await?;
        let piece = piece.ok_or(Fault::AccountGone)?;
        let next = position.after(&piece, self.piece);
        let SnapshotPiece { head, mut records } = piece;
        self.streaks.refresh_records(user, &mut records).await?;
        Ok(SnapshotPage {
            records,
            head,
            next,
        })
    }

    /// Compares a replica with what it should hold, and hands out what it lacks.
    pub async fn compare(&self, user: UserId, replica: Buckets) -> Outcome<Comparison> {
        let comparison = self.storage.compare(user, replica, COMPARED_RECORDS);
        let mut comparison = comparison.await?.ok_or(Fault::AccountGone)?;
        for records in comparison.stored.values_mut() {
            self.streaks.refresh_records(user, records).await?;
        }
        Ok(comparison)
    }
}
