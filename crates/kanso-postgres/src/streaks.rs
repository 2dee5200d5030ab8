//! The port for the queue of stale streaks.

use async_trait::async_trait;
use futures::FutureExt as _;
use kanso_application::ports::storage::{
    Backlog, ComputedStreak, DayBorder, StorageError, StreakClaim, StreakJob, StreakOutcome,
    StreakQueue,
};
use kanso_domain::{Date, Timestamp, UserId};

use crate::{PostgresStorage, streak_queue, users};

#[async_trait]
impl StreakQueue for PostgresStorage {
    async fn claim_streaks(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<StreakClaim>, StorageError> {
        self.change((now, limit), |connection, (now, limit)| {
            streak_queue::claim(connection, *now, *limit).boxed()
        })
        .await
    }

    async fn finish_streaks(
        &self,
        user: UserId,
        computed: Vec<ComputedStreak>,
        now: Timestamp,
    ) -> Result<Vec<StreakOutcome>, StorageError> {
        let data = (user, computed, now);
        self.transact(data, |connection, (user, computed, now)| {
            streak_queue::finish(connection, *user, computed, *now).boxed()
        })
        .await
    }

    async fn release_streaks(
        &self,
        user: UserId,
        jobs: Vec<StreakJob>,
        available_at: Timestamp,
    ) -> Result<(), StorageError> {
        let data = (user, jobs, available_at);
        self.change(data, |connection, (user, jobs, available_at)| {
            streak_queue::release(connection, *user, jobs, *available_at).boxed()
        })
        .await
    }

    async fn streak_backlog(&self) -> Result<Backlog, StorageError> {
        self.look_up((), |connection, ()| {
            streak_queue::backlog(connection).boxed()
        })
        .await
    }

    async fn day_borders(&self) -> Result<Vec<DayBorder>, StorageError> {
        self.look_up((), |connection, ()| users::day_borders(connection).boxed())
            .await
    }

    async fn begin_day(
        &self,
        border: &DayBorder,
        today: Date,
        limit: u32,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let data = (border.clone(), today, limit, now);
        self.change(data, |connection, (border, today, limit, now)| {
            streak_queue::begin_day(connection, border, *today, *limit, *now).boxed()
        })
        .await
    }
}
