//! Sync: an outbox in, a delta out.

use kanso_domain::sync::{Cursor, CursorRefusal, Head, Operation, OperationOutcome, Page, Since};
use kanso_domain::{DeviceId, Seq, UserId};

use crate::devices::Devices;
use crate::ports::storage::{DeltaQuery, Scope};
use crate::streaks::Streaks;
use crate::{Fault, Outcome, RecordPorts};

/// What a device has seen, as it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nothing.
    Nothing,
    /// Everything up to a cursor.
    UpTo(Cursor),
    /// Everything up to an instant, as the first clients say it.
    UpToInstant(kanso_domain::Timestamp),
}

impl Seen {
    /// Whether what changed since can be told, where the history stands at `head`.
    fn check(self, head: Head) -> Result<(), CursorRefusal> {
        match self {
            Self::UpTo(cursor) => cursor.since(head).map(|_| ()),
            // The first clients say 1970 for the beginning, and then hold nothing.
            Self::UpToInstant(instant) if instant.as_micros() <= 0 => Ok(()),
            Self::UpToInstant(instant) if instant < head.floor.at => Err(CursorRefusal::Expired),
            Self::UpToInstant(_) | Self::Nothing => Ok(()),
        }
    }
}

/// The results of an outbox and the delta after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// What became of each operation, in their order.
    pub outcomes: Vec<OperationOutcome>,
    /// What is new to the device, its own changes included.
    pub page: Page,
}

/// About how many bytes the records of a page weigh at most: a page that is cut off on a slow
/// link is read again as a whole.
const PAGE_BUDGET: usize = 1 << 20;

/// Who syncs, and what it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose device it is.
    pub user: UserId,
    /// The device, if it says which it is.
    pub device: Option<DeviceId>,
    /// What it has seen; nothing without a cursor.
    pub cursor: Option<Cursor>,
}

/// What devices do.
#[derive(Clone)]
pub struct Sync {
    ports: RecordPorts,
    streaks: Streaks,
    devices: Devices,
}

impl Sync {
    /// The feature over its ports.
    pub fn new(ports: RecordPorts, devices: Devices) -> Self {
        let streaks = Streaks::over(&ports);
        Self {
            ports,
            streaks,
            devices,
        }
    }

    /// Carries out `operations` in order, in one transaction, and reads the page after `cursor`.
    /// A cursor of another history refuses the whole: nothing is carried out, and the device
    /// keeps its outbox.
    pub async fn exchange(
        &self,
        caller: Caller,
        limit: u32,
        operations: Vec<Operation>,
    ) -> Outcome<Result<Synced, CursorRefusal>> {
        let synced = self.exchanged(caller, limit, operations).await?;
        if let (Ok(_), Some(device)) = (&synced, caller.device) {
            self.devices.saw(caller.user, device, caller.cursor).await;
        }
        if let Err(CursorRefusal::Ahead) = synced {
            tracing::error!(
                user_id = %caller.user,
                "a device has seen changes that this server never made: the database was put \
                 back to an older state without a new epoch"
            );
        }
        Ok(synced)
    }

    async fn exchanged(
        &self,
        caller: Caller,
        limit: u32,
        operations: Vec<Operation>,
    ) -> Outcome<Result<Synced, CursorRefusal>> {
        let Caller { user, cursor, .. } = caller;
        let mut outcomes = Vec::new();
        if !operations.is_empty() {
            let changeset = match self.ports.submit(user, cursor, operations).await? {
                Ok(changeset) => changeset,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let page = cursor.and_then(|cursor| changeset.page_after(cursor.seq, limit));
            outcomes = changeset.outcomes;
            self.freshen_outcomes(user, &mut outcomes).await?;
            if let Some(mut page) = page {
                let records = &mut page.records;
                self.streaks.freshen_records(user, records).await?;
                let page = page.within(PAGE_BUDGET);
                return Ok(Ok(Synced { outcomes, page }));
            }
        }
        let seen = cursor.map_or(Seen::Nothing, Seen::UpTo);
        let page = self.delta(user, seen, Scope::Everything, Some(limit));
        let page = page.await?;
        Ok(page.map(|page| Synced { outcomes, page }))
    }

    /// Brings the habits that a device is shown beside its results to this moment.
    async fn freshen_outcomes(
        &self,
        user: UserId,
        outcomes: &mut [OperationOutcome],
    ) -> Outcome<()> {
        for outcome in outcomes {
            if let OperationOutcome::Conflict(_) | OperationOutcome::Merged(_) = outcome {
                self.streaks.freshen_outcome(user, outcome).await?;
            }
        }
        Ok(())
    }

    /// What changed since `seen`, at most `limit` records of it.
    pub async fn delta(
        &self,
        user: UserId,
        seen: Seen,
        scope: Scope,
        limit: Option<u32>,
    ) -> Outcome<Result<Page, CursorRefusal>> {
        let since = match seen {
            Seen::Nothing => Since::Beginning,
            Seen::UpTo(cursor) => cursor.unchecked(),
            Seen::UpToInstant(instant) => Since::Instant(instant),
        };
        let query = DeltaQuery {
            since,
            scope,
            limit,
        };
        let mut page = self.stored(user, query).await?;
        // The head is of the same snapshot as the records, so the verdict fits them.
        if let Err(refusal) = seen.check(page.head) {
            return Ok(Err(refusal));
        }
        if limit.is_some() {
            page = page.within(PAGE_BUDGET);
        }
        self.streaks.freshen_page(user, query, &mut page).await?;
        Ok(Ok(page))
    }

    /// Everything that is kept, tombstones among it, in the order of `seq`, at most `limit` records
    /// of it after the cursor of the page before: for whoever wants it all, not for a device that
    /// has seen something. `None` when the history was replaced after that page.
    pub async fn kept(
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
        let mut page = self.stored(user, query).await?.within(PAGE_BUDGET);
        if after.is_some_and(|cursor| cursor.epoch != page.head.epoch) {
            return Ok(None);
        }
        self.streaks.freshen_page(user, query, &mut page).await?;
        Ok(Some(page))
    }

    async fn stored(&self, user: UserId, query: DeltaQuery) -> Outcome<Page> {
        let page = self.ports.storage.delta(user, query).await?;
        page.ok_or(Fault::AccountGone)
    }
}
