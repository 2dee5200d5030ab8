//! The port over streaks that must be computed anew.

use async_trait::async_trait;
use kanso_application::ports::storage::{
    Backlog, ComputedStreak, DayBorder, StorageError, StreakClaim, StreakJob, StreakOutcome,
    StreakQueue,
};
use kanso_domain::{Date, Timestamp, UserId};
use rusqlite::Connection;

use crate::writer::Effort;
use crate::{SqliteStorage, dirty, users};

#[async_trait]
impl StreakQueue for SqliteStorage {
    async fn claim_streaks(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<StreakClaim>, StorageError> {
        let work = move |connection: &Connection| dirty::claim(connection, now, limit);
        Ok(self.writer.run(effort(limit), work).await?)
    }

    async fn finish_streaks(
        &self,
        user: UserId,
        computed: Vec<ComputedStreak>,
        now: Timestamp,
    ) -> Result<Vec<StreakOutcome>, StorageError> {
        let (epoch, effort) = (self.epoch, Effort::Records(computed.len()));
        let work =
            move |connection: &Connection| dirty::finish(connection, epoch, user, &computed, now);
        Ok(self.writer.run(effort, work).await?)
    }

    async fn release_streaks(
        &self,
        user: UserId,
        jobs: Vec<StreakJob>,
        available_at: Timestamp,
    ) -> Result<(), StorageError> {
        let effort = Effort::Records(jobs.len());
        let work =
            move |connection: &Connection| dirty::release(connection, user, &jobs, available_at);
        Ok(self.writer.run(effort, work).await?)
    }

    async fn streak_backlog(&self) -> Result<Backlog, StorageError> {
        let read = |connection: &Connection| dirty::backlog(connection);
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
        let work =
            move |connection: &Connection| dirty::begin_day(connection, &border, today, limit, now);
        Ok(self.writer.run(effort(limit), work).await?)
    }
}

/// Of what touches so many rows at most: others' writes share its commit only if it is small.
fn effort(limit: u32) -> Effort {
    Effort::Records(limit.try_into().unwrap_or(usize::MAX))
}
