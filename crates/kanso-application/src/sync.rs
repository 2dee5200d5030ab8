//! Sync: an outbox in, a delta out.

use kanso_domain::sync::{Cursor, CursorRefusal, Head, Operation, OperationOutcome, Page, Since};
use kanso_domain::{DeviceId, Seq, UserId};

use crate::devices::Devices;
use crate::ports::storage::{DeltaQuery, Scope};
use crate::streaks::Streaks;
use crate::{Fault, Outcome, RecordPorts};

/// What a device has position, as it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadPosition {
    /// Nothing.
    Beginning,
    /// Everything up to a cursor.
    Cursor(Cursor),
    /// Everything up to an instant, as the first clients say it.
    Instant(kanso_domain::Timestamp),
}

impl ReadPosition {
    /// Whether what changed since can be told, where the history stands at `head`.
    fn check(self, head: Head) -> Result<(), CursorRefusal> {
        match self {
            Self::Cursor(cursor) => cursor.since(head).map(|_| ()),
            // The first clients say 1970 for the beginning, and then hold nothing.
            Self::Instant(instant) if instant.as_micros() <= 0 => Ok(()),
            Self::Instant(instant) if instant < head.floor.at => Err(CursorRefusal::Expired),
            Self::Instant(_) | Self::Beginning => Ok(()),
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

/// Who syncs, and what it has position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose device it is.
    pub user: UserId,
    /// The device, if it says which it is.
    pub device: Option<DeviceId>,
    /// What it has position; nothing without a cursor.
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
        let synced = self.apply_and_read(caller, limit, operations).await?;
        if let (Ok(_), Some(device)) = (&synced, caller.device) {
            self.devices
                .record_sighting(caller.user, device, caller.cursor)
                .await;
        }
        if let Err(CursorRefusal::Ahead) = synced {
            tracing::error!(
                user_id = %caller.user,
                "a device has position changes that this server never made: the database was put \
                 back to an older state without a new epoch"
            );
        }
        Ok(synced)
    }

    async fn apply_and_read(
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

    /// Brings the habits that a device is shown beside its results to this moment.
    async fn refresh_outcomes(
        &self,
        user: UserId,
        outcomes: &mut [OperationOutcome],
    ) -> Outcome<()> {
        for outcome in outcomes {
            if let OperationOutcome::Conflict(_) | OperationOutcome::Merged(_) = outcome {
                self.streaks.refresh_outcome(user, outcome).await?;
            }
        }
        Ok(())
    }

    /// What changed since `position`, at most `limit` records of it.
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
        // The head is of the same snapshot as the records, so the verdict fits them.
        if let Err(refusal) = position.check(page.head) {
            return Ok(Err(refusal));
        }
        if limit.is_some() {
            page = page.within(PAGE_BUDGET);
        }
        self.streaks.refresh_page(user, query, &mut page).await?;
        Ok(Ok(page))
    }

    /// Everything that is kept, tombstones among it, in the order of `seq`, at most `limit` records
    /// of it after the cursor of the page before: for whoever wants it all, not for a device that
    /// has position something. `None` when the history was replaced after that page.
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
