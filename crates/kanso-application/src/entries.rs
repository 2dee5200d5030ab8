//! Entries, one call at a time.

use kanso_domain::calendar::{days_before, local_day};
use kanso_domain::entries::{Completion, Entry, EntryFields};
use kanso_domain::sync::{Action, Base, Edit, OperationOutcome};
use kanso_domain::{EntryId, UserId};

use crate::ports::storage::EntryFilter;
use crate::{Fault, Outcome, RecordPorts, RetryKey};

/// Days of a list without a start, including today.
pub const DEFAULT_LIST_DAYS: i32 = 30;

/// The feature: create, update, delete and list entries.
#[derive(Clone)]
pub struct Entries {
    ports: RecordPorts,
}

impl Entries {
    /// Returns the feature over its ports.
    pub const fn new(ports: RecordPorts) -> Self {
        Self { ports }
    }

    /// Creates an entry. Without an id it gets a new one.
    pub async fn create(
        &self,
        user: UserId,
        retry_key: RetryKey,
        id: Option<EntryId>,
        fields: EntryFields,
    ) -> Outcome<OperationOutcome> {
        // Clients that sync make ids themselves. This is for plain REST calls.
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

    /// Returns a live entry.
    pub async fn get(&self, user: UserId, id: EntryId) -> Outcome<Option<Entry>> {
        Ok(self.ports.storage.entry(user, id).await?)
    }

    /// Returns the live entries that `filter` matches, newest first.
    ///
    /// Without a start the list begins [`DEFAULT_LIST_DAYS`] before its end, or before today.
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
        // The end of the list in days of the user, because the default start is a number of days
        // before it.
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
