//! Sync: takes the outbox of a device and returns the delta.

use kanso_domain::sync::{
    Cursor, CursorRefusal, Epoch, Head, Operation, OperationOutcome, Page, Seen, Since,
};
use kanso_domain::{DeviceId, Record, Seq, SessionId, UserId};

use crate::devices::Devices;
use crate::ports::storage::{DeltaQuery, Scope};
use crate::streaks::Streaks;
use crate::{Fault, Outcome, RecordPorts};

/// The position up to which a device has read, as the device reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadPosition {
    /// Nothing.
    Beginning,
    /// Everything up to a cursor.
    Cursor(Cursor),
    /// Everything up to an instant. The first version of the protocol pages by instant.
    Instant(kanso_domain::Timestamp),
}

impl ReadPosition {
    /// Checks that the delta after this position can be read from the history with `head`.
    fn check(self, head: Head) -> Result<(), CursorRefusal> {
        match self {
            Self::Cursor(cursor) => cursor.since(head).map(|_| ()),
            // Clients of the first version send 1970 for the beginning. They hold nothing then, so
            // no tombstone can be missing.
            Self::Instant(instant) if instant.as_micros() <= 0 => Ok(()),
            // An instant has no epoch, so of the three checks only the floor applies.
            Self::Instant(instant) if instant < head.floor.at => Err(CursorRefusal::Expired),
            Self::Instant(_) | Self::Beginning => Ok(()),
        }
    }
}

/// The results of an outbox, with the delta after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// Outcome of each operation, in their order.
    pub outcomes: Vec<OperationOutcome>,
    /// Changes that are new to the device, including its own.
    pub page: Page,
}

/// Approximate size of the records of a page in bytes. A client on a slow link must read a page
/// again as a whole if the transfer breaks off.
pub const PAGE_BUDGET: usize = 1 << 20;

/// The device that syncs, with its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// User of the device.
    pub user: UserId,
    /// Session of the request.
    pub session: Option<SessionId>,
    /// Device, if the request names it.
    pub device: Option<DeviceId>,
    /// Position up to which the device has read; `None` for nothing.
    pub cursor: Option<Cursor>,
}

/// The operations that a device pushes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Push {
    /// Operations of the outbox, in their order.
    pub operations: Vec<Operation>,
    /// Edits of its own that the device has seen.
    pub seen: Seen,
}

impl From<Vec<Operation>> for Push {
    fn from(operations: Vec<Operation>) -> Self {
        Self {
            operations,
            seen: Seen::everything(),
        }
    }
}

/// The feature: sync of devices.
///
/// ```
/// use std::sync::Arc;
///
/// use kanso_application::RecordPorts;
/// use kanso_application::disk::DiskGuard;
/// use kanso_application::devices::Devices;
/// use kanso_application::ports::storage::AccountStore as _;
/// use kanso_application::ports::work_signal::WorkSignal;
/// use kanso_application::sync::{Caller, Sync};
/// use kanso_domain::sync::{OperationOutcome, Quota};
/// use kanso_testkit::build::{create_habit, habit, new_account, noon, operation, titled};
/// use kanso_testkit::{ManualClock, MemoryStorage, NullFeed, SequentialIds};
///
/// struct NoWorkers;
/// impl WorkSignal for NoWorkers {
///     fn streaks(&self) {}
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let storage = Arc::new(MemoryStorage::default());
/// let account = new_account(1);
/// let user = account.account.id;
/// storage.create_account(account).await?;
/// let clock = Arc::new(ManualClock::at(noon()));
/// let ports = RecordPorts {
///     quota: Quota::default(),
///     disk: DiskGuard::default(),
///     storage: storage.clone(),
///     clock: clock.clone(),
///     ids: Arc::new(SequentialIds::default()),
///     wake: Arc::new(NoWorkers),
///     feed: Arc::new(NullFeed),
/// };
/// let sync = Sync::new(ports, Devices::new(storage, clock));
///
/// let outbox = vec![operation(1, create_habit(habit(1), titled("Read")))];
/// let caller = Caller { user, session: None, device: None, cursor: None };
/// let synced = sync.exchange(caller, 100, outbox.clone()).await?.expect("a valid cursor");
/// assert!(matches!(synced.outcomes[0], OperationOutcome::Applied(_)));
/// assert_eq!(synced.page.records.len(), 1);
///
/// // A retry has no second effect, and the new cursor has nothing after it.
/// let caller = Caller { cursor: Some(synced.page.cursor()), ..caller };
/// let synced = sync.exchange(caller, 100, outbox).await?.expect("a valid cursor");
/// assert!(matches!(synced.outcomes[0], OperationOutcome::Duplicate { .. }));
/// assert!(synced.page.records.is_empty());
/// # Ok::<(), kanso_application::Fault>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Sync {
    ports: RecordPorts,
    streaks: Streaks,
    devices: Devices,
}

impl Sync {
    /// Returns the feature over its ports.
    pub fn new(ports: RecordPorts, devices: Devices) -> Self {
        let streaks = Streaks::over(&ports);
        Self {
            ports,
            streaks,
            devices,
        }
    }

    /// Carries out the operations of `push` in order, in one transaction, and reads the page after the cursor
    /// of `caller`.
    ///
    /// A cursor of another history refuses the whole call: nothing is carried out, and the device
    /// keeps its outbox.
    pub async fn exchange(
        &self,
        caller: Caller,
        limit: u32,
        push: impl Into<Push> + Send,
    ) -> Outcome<Result<Synced, CursorRefusal>> {
        let synced = self.apply_and_read(caller, limit, push.into());
        let synced = synced.await?;
        // Only after a success: the device proves with the cursor of its next call that it has read
        // the page of this one.
        if let (Ok(_), Some(device)) = (&synced, caller.device) {
            self.devices
                .record_sighting(caller.user, device, caller.session, caller.cursor)
                .await;
        }
        if let Err(CursorRefusal::Ahead) = synced {
            tracing::error!(
                user_id = %caller.user,
                "cursor ahead of the server: the database was restored to an older state without a \
                 new epoch"
            );
        }
        Ok(synced)
    }

    /// Answers a device that pushes nothing and has read up to the newest change `head`, which was read during the
    /// call; `None` if the storage must be asked.
    pub async fn poll(&self, caller: Caller, head: Head) -> Option<Synced> {
        let page = Self::page_at_head(caller.cursor, head)?;
        if let Some(device) = caller.device {
            self.devices
                .record_sighting(caller.user, device, caller.session, caller.cursor)
                .await;
        }
        Some(Synced {
            outcomes: Vec::new(),
            page,
        })
    }

    async fn apply_and_read(
        &self,
        caller: Caller,
        limit: u32,
        Push { operations, seen }: Push,
    ) -> Outcome<Result<Synced, CursorRefusal>> {
        let Caller { user, cursor, .. } = caller;
        let mut outcomes = Vec::new();
        // A pure pull takes no lock on the user.
        if !operations.is_empty() {
            let submitted = self.ports.submit(user, cursor, operations, seen);
            let changeset = match submitted.await? {
                Ok(changeset) => changeset,
                Err(refusal) => return Ok(Err(refusal)),
            };
            // The usual push has no foreign changes since its cursor. Then the page is the
            // changeset, and the second read of the storage is saved.
            let page = cursor.and_then(|cursor| changeset.page_after(cursor.seq, limit));
            outcomes = changeset.outcomes;
            self.refresh_outcomes(user, &mut outcomes).await?;
            if let Some(mut page) = page {
                let records = &mut page.records;
                self.streaks.refresh_records(user, records).await?;
                let page = page.within(PAGE_BUDGET);
                return Ok(Ok(Synced { outcomes, page }));
            }
        }
        let position = cursor.map_or(ReadPosition::Beginning, ReadPosition::Cursor);
        let page = self.delta(user, position, Scope::Everything, Some(limit));
        let page = page.await?;
        Ok(page.map(|page| Synced { outcomes, page }))
    }

    /// Returns the newest position up to which the present history is the same as the one of `epoch`.
    pub async fn shared_up_to(&self, user: UserId, epoch: Epoch) -> Outcome<Seq> {
        let shared = self.ports.storage.shared_up_to(user, epoch).await?;
        shared.ok_or(Fault::AccountGone)
    }

    /// Updates the streaks of the habits that are part of the results.
    async fn refresh_outcomes(
        &self,
        user: UserId,
        outcomes: &mut [OperationOutcome],
    ) -> Outcome<()> {
        for outcome in outcomes {
            // The other outcomes send no record with their result, so their streaks would not be
            // seen.
            if let OperationOutcome::Conflict(_) | OperationOutcome::Merged(_) = outcome {
                self.streaks.refresh_outcome(user, outcome).await?;
            }
        }
        Ok(())
    }

    /// Returns the empty page of a device that has read up to `cursor` and to the newest change `head`; `None` if
    /// the storage must be asked.
    ///
    /// `head` must have been read during the call of the device.
    pub fn page_at_head(cursor: Option<Cursor>, head: Head) -> Option<Page> {
        let since = cursor?.since(head).ok()?;
        since.is_up_to_date(head).then(|| Page::empty(head))
    }

    /// Returns the records that changed after `position`, at most `limit` of them.
    pub async fn delta(
        &self,
        user: UserId,
        position: ReadPosition,
        scope: Scope,
        limit: Option<u32>,
    ) -> Outcome<Result<Page, CursorRefusal>> {
        let since = match position {
            ReadPosition::Beginning => Since::Beginning,
            ReadPosition::Cursor(cursor) => cursor.unchecked(),
            ReadPosition::Instant(instant) => Since::Instant(instant),
        };
        let query = DeltaQuery {
            since,
            scope,
            limit,
        };
        let mut page = self.read_page(user, query).await?;
        // The head is from the same snapshot as the records, so the check is valid for them. A head
        // that was read before could be older than a purge.
        if let Err(refusal) = position.check(page.head) {
            return Ok(Err(refusal));
        }
        // Without a limit the client of a first version expects everything at once.
        if limit.is_some() {
            page = page.within(PAGE_BUDGET);
        }
        self.streaks.refresh_page(user, query, &mut page).await?;
        Ok(Ok(page))
    }

    /// Returns the records of a delta after the position `after`, up to its head `began`.
    ///
    /// It is for an answer that is read in pieces, of which `began` is the head of the first one.
    /// Records that change meanwhile are left out: they are in the next delta, after `began`. Returns
    /// `None` if deletions of this delta may be missing now.
    pub async fn rest_of_delta(
        &self,
        user: UserId,
        (after, began): (Seq, Head),
        scope: Scope,
        limit: u32,
    ) -> Outcome<Option<Page>> {
        let query = DeltaQuery {
            since: Since::Position(after),
            scope,
            limit: Some(limit),
        };
        let mut page = self.read_page(user, query).await?.within(PAGE_BUDGET);
        // The history was replaced, or tombstones were purged.
        if (page.head.epoch, page.head.floor) != (began.epoch, began.floor) {
            return Ok(None);
        }
        let is_later = |record: &Record| record.stamp().seq > began.seq;
        if page.records.iter().any(is_later) {
            page.remaining = 0;
            page.records.retain(|record| !is_later(record));
        }
        self.streaks.refresh_page(user, query, &mut page).await?;
        Ok(Some(page))
    }

    /// Returns a page of all records, including tombstones, in the order of `seq`, after the cursor
    /// of the page before.
    ///
    /// It is for an export of all data, not for a device that has read before. Returns `None` if
    /// the history was replaced after that page.
    pub async fn history_page(
        &self,
        user: UserId,
        after: Option<Cursor>,
        limit: u32,
    ) -> Outcome<Option<Page>> {
        let query = DeltaQuery {
            since: Since::Position(after.map_or(Seq::ZERO, |cursor| cursor.seq)),
            scope: Scope::Everything,
            limit: Some(limit),
        };
        let mut page = self.read_page(user, query).await?.within(PAGE_BUDGET);
        // Positions of another epoch count other changes: a page after them would skip or repeat
        // records.
        if after.is_some_and(|cursor| cursor.epoch != page.head.epoch) {
            return Ok(None);
        }
        self.streaks.refresh_page(user, query, &mut page).await?;
        Ok(Some(page))
    }

    async fn read_page(&self, user: UserId, query: DeltaQuery) -> Outcome<Page> {
        let page = self.ports.storage.delta(user, query).await?;
        page.ok_or(Fault::AccountGone)
    }
}
