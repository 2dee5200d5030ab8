//! Habits, one call at a time.

use kanso_domain::habits::{Habit, HabitFields};
use kanso_domain::sync::{Action, Base, Edit, OperationOutcome};
use kanso_domain::{HabitId, UserId};

use crate::streaks::Streaks;
use crate::{Outcome, RecordPorts, RetryKey};

/// The feature: create, update, delete and list habits.
#[derive(Clone)]
pub struct Habits {
    ports: RecordPorts,
    streaks: Streaks,
}

impl Habits {
    /// Returns the feature over its ports.
    pub fn new(ports: RecordPorts) -> Self {
        let streaks = Streaks::over(&ports);
        Self { ports, streaks }
    }

    /// Creates a habit. Without an id it gets a new one.
    pub async fn create(
        &self,
        user: UserId,
        retry_key: RetryKey,
        id: Option<HabitId>,
        fields: HabitFields,
    ) -> Outcome<OperationOutcome> {
        let id = id.unwrap_or_else(|| HabitId::new(self.ports.ids.uuid()));
        self.submit(user, retry_key, id, Edit::Create(fields)).await
    }

    /// Changes the members that `fields` gives.
    pub async fn update(
        &self,
        user: UserId,
        retry_key: RetryKey,
        id: HabitId,
        base: Base,
        fields: HabitFields,
    ) -> Outcome<OperationOutcome> {
        self.submit(user, retry_key, id, Edit::Update { base, fields })
            .await
    }

    /// Makes a habit a tombstone, together with its entries.
    pub async fn delete(
        &self,
        user: UserId,
        retry_key: RetryKey,
        id: HabitId,
        base: Base,
    ) -> Outcome<OperationOutcome> {
        self.submit(user, retry_key, id, Edit::Delete { base })
            .await
    }

    /// Returns a live habit with its streak as of now.
    pub async fn get(&self, user: UserId, id: HabitId) -> Outcome<Option<Habit>> {
        let mut habit = self.ports.storage.habit(user, id).await?;
        self.streaks
            .refresh(user, habit.iter_mut().collect())
            .await?;
        Ok(habit)
    }

    /// Returns the live habits by `sort_order`, then newest first, with their streaks as of now.
    pub async fn list(&self, user: UserId, archived_too: bool) -> Outcome<Vec<Habit>> {
        let mut habits = self.ports.storage.habits(user, archived_too).await?;
        self.streaks
            .refresh(user, habits.iter_mut().collect())
            .await?;
        Ok(habits)
    }

    async fn submit(
        &self,
        user: UserId,
        retry_key: RetryKey,
        id: HabitId,
        edit: Edit<HabitFields>,
    ) -> Outcome<OperationOutcome> {
        let mut outcome = self
            .ports
            .submit_one(user, retry_key, Action::Habit(id, edit))
            .await?;
        // The edit made the stored streak stale, and the answer of a REST call shows the habit.
        self.streaks.refresh_outcome(user, &mut outcome).await?;
        Ok(outcome)
    }
}
