//! Habits, one call at a time.

use kanso_domain::habits::{Habit, HabitFields};
use kanso_domain::sync::{Action, Base, Edit, OperationOutcome, fitting};
use kanso_domain::{HabitId, Record, UserId};

use crate::ports::storage::{HabitKey, HabitQuery};
use crate::streaks::Streaks;
use crate::sync::PAGE_BUDGET;
use crate::{Outcome, RecordPorts, RetryKey};

/// A page of a list of habits.
#[derive(Clone, Debug, PartialEq)]
pub struct HabitPage {
    /// Habits, at least one unless the list ends here.
    pub habits: Vec<Habit>,
    /// Key after which the next page begins; `None` on the last page.
    pub next: Option<HabitKey>,
}

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
        erases_texts: bool,
    ) -> Outcome<OperationOutcome> {
        self.submit(user, retry_key, id, Edit::Delete { base, erases_texts })
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

    /// Returns all live habits by `sort_order`, then newest first, with their streaks as of now.
    pub async fn list(&self, user: UserId, archived_too: bool) -> Outcome<Vec<Habit>> {
        self.read(user, HabitQuery::all(archived_too)).await
    }

    /// Returns a page of the list of live habits.
    ///
    /// A habit that is live all the time, and whose `sort_order` does not change meanwhile, is on
    /// exactly one of the pages. One that moves may be on none or on two.
    pub async fn page(
        &self,
        user: UserId,
        archived_too: bool,
        after: Option<HabitKey>,
        limit: u32,
    ) -> Outcome<HabitPage> {
        let query = HabitQuery {
            archived_too,
            after,
            // One more than the page has, which shows that another page follows.
            limit: Some(limit.saturating_add(1)),
        };
        let habits = self.read(user, query).await?;
        let records: Vec<_> = habits.into_iter().map(Record::Habit).collect();
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let kept = fitting(&records, PAGE_BUDGET).min(most);
        let has_more = kept < records.len();
        let habit = |record| match record {
            Record::Habit(habit) => Some(habit),
            Record::Entry(_) => None,
        };
        let habits: Vec<_> = records.into_iter().take(kept).filter_map(habit).collect();
        let last = habits.last().map(HabitKey::of);
        Ok(HabitPage {
            habits,
            next: last.filter(|_| has_more),
        })
    }

    async fn read(&self, user: UserId, query: HabitQuery) -> Outcome<Vec<Habit>> {
        let mut habits = self.ports.storage.habits(user, query).await?;
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
