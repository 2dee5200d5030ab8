//! Entries, one call at a time.

use std::collections::HashMap;

use kanso_domain::calendar::{days_before, local_day};
use kanso_domain::entries::{Completion, Entry, EntryFields};
use kanso_domain::sync::{Action, Base, Edit, OperationOutcome, fitting};
use kanso_domain::{EntryId, Record, UserId};

use crate::ports::storage::{EntryFilter, EntryKey, EntryQuery};
use crate::sync::PAGE_BUDGET;
use crate::{Fault, Outcome, RecordPorts, RetryKey};

/// Days of a list without a start, including today.
pub const DEFAULT_LIST_DAYS: i32 = 30;

/// A page of a list of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPage {
    /// Entries, at least one unless those of the page were all deleted just now.
    pub entries: Vec<Entry>,
    /// Key after which the next page begins; `None` on the last page.
    pub next: Option<EntryKey>,
}

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
        erases_texts: bool,
    ) -> Outcome<OperationOutcome> {
        self.submit(user, retry_key, id, Edit::Delete { base, erases_texts })
            .await
    }

    /// Returns a live entry.
    pub async fn get(&self, user: UserId, id: EntryId) -> Outcome<Option<Entry>> {
        Ok(self.ports.storage.entry(user, id).await?)
    }

    /// Returns `filter` with a start. Without one the list begins [`DEFAULT_LIST_DAYS`] before its
    /// end, or before today.
    pub async fn with_beginning(&self, user: UserId, filter: EntryFilter) -> Outcome<EntryFilter> {
        let from = match filter.from {
            Some(from) => from,
            None => self.default_beginning(user, filter.to).await?,
        };
        Ok(EntryFilter {
            from: Some(from),
            ..filter
        })
    }

    /// Returns the keys of all live entries that `filter` matches, newest first.
    pub async fn keys(&self, user: UserId, filter: EntryFilter) -> Outcome<Vec<EntryKey>> {
        let filter = self.with_beginning(user, filter).await?;
        Ok(self.ports.storage.entry_keys(user, filter.into()).await?)
    }

    /// Returns the entries with these keys, in the order of the keys. Those that were deleted since
    /// are left out.
    pub async fn with_keys(&self, user: UserId, keys: &[EntryKey]) -> Outcome<Vec<Entry>> {
        let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
        let found = self.ports.storage.entries(user, ids).await?;
        let mut found: HashMap<_, _> = found.into_iter().map(|entry| (entry.id, entry)).collect();
        Ok(keys
            .iter()
            .filter_map(|key| found.remove(&key.id))
            .collect())
    }

    /// Returns a page of the live entries that `filter` matches, newest first.
    ///
    /// An entry that is live all the time, and whose completion does not change meanwhile, is on
    /// exactly one of the pages. One that moves may be on none or on two.
    pub async fn page(
        &self,
        user: UserId,
        filter: EntryFilter,
        after: Option<EntryKey>,
        limit: u32,
    ) -> Outcome<EntryPage> {
        let filter = self.with_beginning(user, filter).await?;
        let query = EntryQuery {
            filter,
            after,
            // One more than the page has, which shows that another page follows.
            limit: Some(limit.saturating_add(1)),
        };
        let mut keys = self.ports.storage.entry_keys(user, query).await?;
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut next = (keys.len() > most).then(|| keys[most - 1]);
        keys.truncate(most);
        let entries = self.with_keys(user, &keys).await?;
        let records: Vec<_> = entries.into_iter().map(Record::Entry).collect();
        let fitting = fitting(&records, PAGE_BUDGET);
        if let Some(Record::Entry(last)) = records.get(fitting.saturating_sub(1))
            && fitting < records.len()
        {
            next = keys.iter().find(|key| key.id == last.id).copied();
        }
        let entries = records.into_iter().take(fitting);
        let entry = |record| match record {
            Record::Entry(entry) => Some(entry),
            Record::Habit(_) => None,
        };
        Ok(EntryPage {
            entries: entries.filter_map(entry).collect(),
            next,
        })
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
