//! Bugs of background work: streak workers and purges. Check 9 compares stored streaks with fresh
//! ones; checks 3 and 5 see a purge that came too early.

use kanso_application::ports::housekeeping::{PurgeStore, TextsToErase};
use kanso_application::ports::storage::{
    Backlog, ComputedStreak, DayBorder, StorageError, StreakClaim, StreakJob, StreakOutcome,
    StreakQueue,
};
use kanso_domain::{Date, Timestamp, UserId};

use super::{Bug, MutantStorage};
use crate::store::delegated;

delegated!(StreakQueue for MutantStorage {
    release_streaks(user: UserId, jobs: Vec<StreakJob>, available_at: Timestamp) -> ();
    streak_backlog() -> Backlog;
    day_borders() -> Vec<DayBorder>;
    begin_day(border: &DayBorder, today: Date, limit: u32, now: Timestamp) -> bool;
}

async fn claim_streaks(&self, now: Timestamp, limit: u32) -> Result<Vec<StreakClaim>, StorageError> {
    let claimed = self.inner.claim_streaks(now, limit).await?;
    // The claim is committed and its jobs are lost, as in a worker that panics after every claim.
    if self.bug == Bug::ClaimsNeverFinish {
        return Ok(Vec::new());
    }
    Ok(claimed)
}

async fn finish_streaks(
    &self,
    user: UserId,
    mut computed: Vec<ComputedStreak>,
    now: Timestamp,
) -> Result<Vec<StreakOutcome>, StorageError> {
    // The value stands for a computation from older entries: the generation is not compared.
    if self.strikes(Bug::StaleStreakStored, 50) {
        for one in &mut computed {
            one.streak.current += 1;
            one.streak.longest += 1;
        }
    }
    let habits: Vec<_> = computed.iter().map(|one| one.job.habit).collect();
    let outcomes = self.inner.finish_streaks(user, computed, now).await?;
    // A streak is derived and must not count as an edit: with a new version every pending edit of a
    // device would conflict.
    if self.bug == Bug::WorkerBumpsVersion {
        let mut memory = self.memory();
        for (habit, outcome) in habits.into_iter().zip(&outcomes) {
            if *outcome == StreakOutcome::Published {
                *memory.bumped.entry((user, habit)).or_default() += 1;
            }
        }
    }
    Ok(outcomes)
});

delegated!(PurgeStore for MutantStorage {
    erase_accounts(limit: u32) -> u32;
    purge_events(before: Timestamp, limit: u32) -> u32;
    texts_to_erase(before: Timestamp, limit: u32) -> Vec<TextsToErase>;
}

async fn purge_receipts(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError> {
    // A retention in hours instead of days: a device that retries after the purge is carried out
    // twice.
    let early = self.bug == Bug::ReceiptsPurgedEarly;
    let before = if early { Timestamp::MAX } else { before };
    self.inner.purge_receipts(before, limit).await
}

async fn purge_tombstones(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError> {
    let early = self.bug == Bug::PurgeWithoutFloor;
    let before = if early { Timestamp::MAX } else { before };
    self.inner.purge_tombstones(before, limit).await
});
