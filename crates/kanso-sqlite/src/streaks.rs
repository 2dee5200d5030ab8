//! The port for the queue of stale streaks.

use async_trait::async_trait;
use kanso_application::ports::storage::{
    Backlog, ComputedStreak, DayBorder, StorageError, StreakClaim, StreakJob, StreakOutcome,
    StreakQueue,
};
use kanso_domain::{Date, Timestamp, UserId};
use rusqlite::Connection;

use crate::writer::WriteCost;
use crate::{SqliteStorage, streak_queue, users};

#[async_trait]
impl StreakQueue for SqliteStorage {
    async fn claim_streaks(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<StreakClaim>, StorageError> {
        let work = move |connection: &Connection| streak_queue::claim(connection, now, limit);
        Ok(self.writer.run(cost(limit), work).await?)
    }

    async fn finish_streaks(
        &self,
        user: UserId,
        computed: Vec<ComputedStreak>,
        now: Timestamp,
    ) -> Result<Vec<StreakOutcome>, StorageError> {
        let (epoch, cost) = (self.epoch, WriteCost::Records(computed.len()));
        let work = move |connection: &Connection| {
            streak_queue::finish(connection, epoch, user, &computed, now)
        };
        Ok(self.writer.run(cost, work).await?)
    }

    async fn release_streaks(
        &self,
        user: UserId,
        jobs: Vec<StreakJob>,
        available_at: Timestamp,
    ) -> Result<(), StorageError> {
        let cost = WriteCost::Records(jobs.len());
        let work = move |connection: &Connection| {
            streak_queue::release(connection, user, &jobs, available_at)
        };
        Ok(self.writer.run(cost, work).await?)
    }

    async fn streak_backlog(&self) -> Result<Backlog, StorageError> {
        let read = |connection: &Connection| streak_queue::backlog(connection);
        Ok(self.readers.run(read).await?)
    }

    async fn day_borders(&self) -> Result<Vec<DayBorder>, StorageError> {
        let read = |connection: &Connection| users::day_borders(connection);
        Ok(self.readers.run(read).await?)
    }

    async fn begin_day(
        &self,
        border: &DayBorder,
        today: Date,
        limit: u32,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let border = border.clone();
        let work = move |connection: &Connection| {
            streak_queue::begin_day(connection, &border, today, limit, now)
        };
        Ok(self.writer.run(cost(limit), work).await?)
    }
}

/// Returns the cost of a write that touches at most `limit` rows. A large one gets a commit of its own.
fn cost(limit: u32) -> WriteCost {
    WriteCost::Records(limit.try_into().unwrap_or(usize::MAX))
}
