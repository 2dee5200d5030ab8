//! Habits, one call at a time.

use std::sync::Arc;

use kanso_domain::habits::{Habit, HabitFields};
use kanso_domain::sync::{Action, Base, Command, OperationOutcome};
use kanso_domain::{HabitId, UserId};

use crate::Outcome;
use crate::ports::clock::Clock;
use crate::ports::ids::Ids;
use crate::ports::storage::Storage;
use crate::writes::submit_one;

/// What a person does with habits.
#[derive(Clone)]
pub struct Habits {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl Habits {
    /// The feature over its ports.
    pub fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self {
            storage,
            clock,
            ids,
        }
    }

    /// Makes a habit; without an id, under a fresh one.
    pub async fn create(
        &self,
        user: UserId,
        id: Option<HabitId>,
        fields: HabitFields,
    ) -> Outcome<OperationOutcome> {
        let id = id.unwrap_or_else(|| HabitId::new(self.ids.uuid()));
        self.submit(user, id, Action::Create(fields)).await
    }

    /// Changes the members that `fields` gives.
    pub async fn update(
        &self,
        user: UserId,
        id: HabitId,
        base: Base,
        fields: HabitFields,
    ) -> Outcome<OperationOutcome> {
        self.submit(user, id, Action::Update { base, fields }).await
    }

    /// Makes a habit a tombstone, and with it its entries.
    pub async fn delete(&self, user: UserId, id: HabitId, base: Base) -> Outcome<OperationOutcome> {
        self.submit(user, id, Action::Delete { base }).await
    }

    /// A live habit.
    pub async fn get(&self, user: UserId, id: HabitId) -> Outcome<Option<Habit>> {
        Ok(self.storage.habit(user, id).await?)
    }

    /// The live habits by `sort_order`, then newest first.
    pub async fn list(&self, user: UserId, archived_too: bool) -> Outcome<Vec<Habit>> {
        Ok(self.storage.habits(user, archived_too).await?)
    }

    async fn submit(
        &self,
        user: UserId,
        id: HabitId,
        action: Action<HabitFields>,
    ) -> Outcome<OperationOutcome> {
        submit_one(
            &*self.storage,
            user,
            Command::Habit(id, action),
            self.clock.now(),
        )
        .await
    }
}
