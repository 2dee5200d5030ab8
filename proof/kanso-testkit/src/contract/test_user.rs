//! A registered user for the cases.

use std::collections::BTreeSet;
use std::sync::Arc;

use kanso_application::ports::storage::{
    ComputedStreak, DeltaQuery, EntryFilter, EntryKey, Scope, Storage, StorageError, StreakJob,
    StreakOutcome, WriteOutcome,
};
use kanso_domain::entries::Entry;
use kanso_domain::habits::{Habit, StoredStreak};
use kanso_domain::sync::{
    Action, Changeset, Head, LoadSet, Loaded, Operation, OperationOutcome, Page, Since, decide,
};
use kanso_domain::{Record, Timestamp, UserId};

use crate::build::{new_account, noon, once, user};

/// A registered user.
#[derive(Clone, Copy)]
pub(super) struct TestUser<'a> {
    pub(super) storage: &'a dyn Storage,
    pub(super) id: UserId,
}

impl<'a> TestUser<'a> {
    pub(super) async fn register(storage: &'a dyn Storage, number: u128) -> Self {
        let created = storage.create_account(new_account(number)).await.unwrap();
        assert!(created, "the address was free");
        let id = user(number);
        Self { storage, id }
    }

    pub(super) async fn submit(&self, operations: Vec<Operation>) -> Changeset {
        self.submit_at(noon(), operations).await
    }

    pub(super) async fn submit_at(&self, now: Timestamp, operations: Vec<Operation>) -> Changeset {
        let keys = LoadSet::of(&operations);
        let work = move |current| decide(current, &operations, now);
        match self.write(keys, work).await.unwrap() {
            WriteOutcome::Committed(changeset) => changeset,
            other => panic!("expected a commit, got {other:?}"),
        }
    }

    /// Returns the outcome of an action.
    pub(super) async fn attempt(&self, action: Action) -> OperationOutcome {
        let mut changeset = self.submit(vec![once(action)]).await;
        changeset.outcomes.pop().unwrap()
    }

    /// Applies an action and returns the record.
    pub(super) async fn apply(&self, action: Action) -> Record {
        match self.attempt(action).await {
            OperationOutcome::Applied(record) => record,
            other => panic!("expected to be applied, got {other:?}"),
        }
    }

    pub(super) async fn apply_to_habit(&self, action: Action) -> Habit {
        match self.apply(action).await {
            Record::Habit(habit) => habit,
            Record::Entry(entry) => panic!("expected a habit, got {entry:?}"),
        }
    }

    pub(super) async fn apply_to_entry(&self, action: Action) -> Entry {
        match self.apply(action).await {
            Record::Entry(entry) => entry,
            Record::Habit(habit) => panic!("expected an entry, got {habit:?}"),
        }
    }

    pub(super) async fn write(
        &self,
        keys: LoadSet,
        work: impl Fn(Loaded) -> Changeset + Send + Sync + 'static,
    ) -> Result<WriteOutcome, StorageError> {
        let decide = Arc::new(move |current| Ok(work(current)));
        self.storage.write(self.id, keys, decide).await
    }

    /// Returns the state that a write of `keys` loads.
    pub(super) async fn sees(&self, keys: LoadSet) -> Loaded {
        // The decision runs on the storage's thread, so the loaded state comes back through a
        // channel.
        let (sender, receiver) = std::sync::mpsc::channel();
        let look = move |current: Loaded| {
            let changeset = unchanged(&current);
            sender.send(current).unwrap();
            changeset
        };
        self.write(keys, look).await.unwrap();
        receiver.recv().unwrap()
    }

    /// Finishes one job.
    pub(super) async fn finish(
        &self,
        job: StreakJob,
        streak: StoredStreak,
        now: Timestamp,
    ) -> StreakOutcome {
        let computed = vec![ComputedStreak { job, streak }];
        let outcomes = self.storage.finish_streaks(self.id, computed, now);
        outcomes.await.unwrap()[0]
    }

    /// Releases one job.
    pub(super) async fn release(&self, job: StreakJob, available_at: Timestamp) {
        let release = self
            .storage
            .release_streaks(self.id, vec![job], available_at);
        release.await.unwrap();
    }

    /// Returns the live entries that `filter` matches, newest completion first.
    pub(super) async fn entries(&self, filter: EntryFilter) -> Vec<Entry> {
        let keys = self.storage.entry_keys(self.id, filter.into());
        let ids = keys.await.unwrap().into_iter().map(|key| key.id);
        let entries = self.storage.entries(self.id, ids.collect()).await;
        let mut entries = entries.unwrap();
        entries.sort_by_key(|entry| EntryKey::of(entry).order());
        entries
    }

    pub(super) async fn head(&self) -> Head {
        self.storage.head(self.id).await.unwrap().unwrap()
    }

    pub(super) async fn page(&self, since: Since, scope: Scope, limit: Option<u32>) -> Page {
        let query = DeltaQuery {
            since,
            scope,
            limit,
        };
        self.storage.delta(self.id, query).await.unwrap().unwrap()
    }

    /// Returns all changes since.
    pub(super) async fn changes(&self, since: Since) -> Vec<Record> {
        let page = self.page(since, Scope::Everything, None).await;
        assert_eq!(page.remaining, 0, "without a limit nothing remains");
        page.records
    }
}

/// Claims up to `limit` free jobs, in the order in which they are granted.
pub(super) async fn claimed(
    storage: &dyn Storage,
    now: Timestamp,
    limit: u32,
) -> Vec<(UserId, StreakJob)> {
    let claims = storage.claim_streaks(now, limit).await.unwrap();
    let jobs = claims.into_iter().flat_map(|claim| {
        let user = claim.user;
        claim.jobs.into_iter().map(move |job| (user, job))
    });
    jobs.collect()
}

/// Returns a changeset without changes.
pub(super) const fn unchanged(loaded: &Loaded) -> Changeset {
    Changeset {
        before: loaded.head.seq,
        head: loaded.head,
        usage: loaded.usage,
        habits: Vec::new(),
        entries: Vec::new(),
        stale_streaks: BTreeSet::new(),
        receipts: Vec::new(),
        outcomes: Vec::new(),
        erases_texts: false,
    }
}
