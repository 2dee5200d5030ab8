//! The port over streaks that must be computed anew.

use async_trait::async_trait;
use kanso_application::ports::storage::{
    Backlog, DayBorder, StorageError, StreakJob, StreakOutcome, StreakQueue,
};
use kanso_domain::habits::StoredStreak;
use kanso_domain::{Date, Timestamp};
use rusqlite::Connection;

use crate::{SqliteStorage, dirty, users};

#[async_trait]
impl StreakQueue for SqliteStorage {
    async fn claim_streaks(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<StreakJob>, StorageError> {
        self.change(move |connection| dirty::claim(connection, now, limit))
            .await
    }

    async fn finish_streak(
        &self,
        job: StreakJob,
        streak: StoredStreak,
        now: Timestamp,
    ) -> Result<StreakOutcome, StorageError> {
        let epoch = self.epoch;
        self.change(move |connection| dirty::finish(connection, epoch, job, streak, now))
            .await
    }

    async fn release_streak(
        &self,
        job: StreakJob,
        available_at: Timestamp,
    ) -> Result<(), StorageError> {
        self.change(move |connection| dirty::release(connection, job, available_at))
            .await
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
    ) -> Result<u32, StorageError> {
        let border = border.clone();
        self.change(move |connection| dirty::begin_day(connection, &border, today, limit, now))
            .await
    }
}
