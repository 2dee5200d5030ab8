//! Entries, one call at a time.

use kanso_domain::calendar::{days_before, local_day};
use kanso_domain::entries::{Completion, Entry, EntryFields};
use kanso_domain::sync::{Action, Base, Edit, OperationOutcome};
use kanso_domain::{EntryId, UserId};

use crate::ports::storage::EntryFilter;
use crate::{Fault, Outcome, RecordPorts, RetryKey};

/// How many days a list reaches back when no beginning is given, today included.
pub const DEFAULT_LIST_DAYS: i32 = 30;

/// What a person does with entries.
#[derive(Clone)]
pub struct Entries {
    ports: RecordPorts,
}

impl Entries {
    /// The feature over its ports.
    pub const fn new(ports: RecordPorts) -> Self {
        Self { ports }
    }

    /// Makes an entry; without an id, under a fresh one.
    pub async fn create(
        &self,
        user: UserId,
        retry_key: RetryKey,
        id: Option<EntryId>,
        fields: EntryFields,
    ) -> Outcome<OperationOutcome> {
        let id = id.unwrap_or_else(|| EntryId::new(self.ports.ids.uuid()));
        self.submit(user, retry_key, id, Edit::Create(fields)).await
    }

    /// Changes the members that `fields` gives.
    pub async fn update(
        &self,
        user: UserId,
        retry_key: RetryKey,
        id: EntryId,
        base: Base,
        fields: EntryFields,
    ) -> Outcome<OperationOutcome> {
        self.submit(user, retry_key, id, Edit::Update { base, fields })
            .await
    }

    /// Makes an entry a tombstone.
    pub async fn delete(
        &self,
        user: UserId,
        retry_key: RetryKey,
        id: EntryId,
        base: Base,
    ) -> Outcome<OperationOutcome> {
        self.submit(user, retry_key, id, Edit::Delete { base })
            .await
    }

    /// A live entry.
    pub async fn get(&self, user: UserId, id: EntryId) -> Outcome<Option<Entry>> {
        Ok(self.ports.storage.entry(user, id).await?)
    }

    /// The live entries that `filter` lets through, newest first. Without a beginning the list
    /// reaches back [`DEFAULT_LIST_DAYS`] from its end, or from the user's today.
    pub async fn list(&self, user: UserId, filter: EntryFilter) -> Outcome<Vec<Entry>> {
        let from = match filter.from {
            Some(from) => from,
            None => self.default_beginning(user, filter.to).await?,
        };
        Ok(self
            .ports
            .storage
            .entries(
                user,
                EntryFilter {
                    from: Some(from),
                    ..filter
                },
            )
            .await?)
    }

    async fn default_beginning(&self, user: UserId, to: Option<Completion>) -> Outcome<Completion> {
        let account = self
            .ports
            .storage
            .account(user)
            .await?
            .ok_or(Fault::AccountGone)?;
        let settings = account.settings;
        let last = match to {
            Some(Completion::Day(date)) => date,
            Some(Completion::At(instant)) => {
                local_day(instant, &settings.timezone, settings.day_start)
            }
            None => local_day(
                self.ports.clock.now(),
                &settings.timezone,
                settings.day_start,
            ),
        };
        Ok(Completion::Day(days_before(last, DEFAULT_LIST_DAYS - 1)))
    }

    async fn submit(
        &self,
        user: UserId,
        retry_key: RetryKey,
        id: EntryId,
        edit: Edit<EntryFields>,
    ) -> Outcome<OperationOutcome> {
        self.ports
            .submit_one(user, retry_key, Action::Entry(id, edit))
            .await
    }
}
