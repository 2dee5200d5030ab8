//! Sync: an outbox in, a delta out.

use std::sync::Arc;

use kanso_domain::UserId;
use kanso_domain::sync::{Cursor, CursorRefusal, OperationOutcome, Page, Since, Submission};

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

/// The results of an outbox and the delta after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// What became of each submission, in their order.
    pub outcomes: Vec<OperationOutcome>,
    /// What is new to the device, its own changes included.
    pub page: Page,
}

/// What devices do.
#[derive(Clone)]
pub struct Sync {
    ports: RecordPorts,
    streaks: Streaks,
}

impl Sync {
    /// The feature over its ports.
    pub fn new(ports: RecordPorts) -> Self {
        let streaks = Streaks::new(Arc::clone(&ports.storage), Arc::clone(&ports.clock));
        Self { ports, streaks }
    }

    /// Carries out `submissions` in order, in one transaction, and reads the page after `cursor`.
    /// A cursor of another history refuses the whole: nothing is carried out, and the device
    /// keeps its outbox.
    pub async fn exchange(
        &self,
        user: UserId,
        cursor: Option<Cursor>,
        limit: u32,
        submissions: Vec<Submission>,
    ) -> Outcome<Result<Synced, CursorRefusal>> {
        let seen = cursor.map_or(Seen::Nothing, Seen::UpTo);
        if submissions.is_empty() {
            let page = self
                .delta(user, seen, Scope::Everything, Some(limit))
                .await?;
            return Ok(page.map(|page| Synced {
                outcomes: Vec::new(),
                page,
            }));
        }
        let mut changeset = match self.ports.submit(user, cursor, submissions).await? {
            Ok(changeset) => changeset,
            Err(refusal) => return Ok(Err(refusal)),
        };
        for outcome in &mut changeset.outcomes {
            if let OperationOutcome::Conflict(_) = outcome {
                self.streaks.freshen_outcome(user, outcome).await?;
            }
        }
        if let Some(mut page) = cursor.and_then(|cursor| changeset.page_after(cursor.seq, limit)) {
            self.streaks
                .freshen_records(user, &mut page.records)
                .await?;
            return Ok(Ok(Synced {
                outcomes: changeset.outcomes,
                page,
            }));
        }
        let page = self
            .delta(user, seen, Scope::Everything, Some(limit))
            .await?;
        Ok(page.map(|page| Synced {
            outcomes: changeset.outcomes,
            page,
        }))
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
            Seen::UpTo(cursor) => Since::Position(cursor.seq),
            Seen::UpToInstant(instant) => Since::Instant(instant),
        };
        let query = DeltaQuery {
            since,
            scope,
            limit,
        };
        let mut page = self
            .ports
            .storage
            .delta(user, query)
            .await?
            .ok_or(Fault::AccountGone)?;
        // The head is of the same snapshot as the records, so the verdict fits them.
        if let Seen::UpTo(cursor) = seen
            && let Err(refusal) = cursor.position(page.head)
        {
            return Ok(Err(refusal));
        }
        self.streaks
            .freshen_records(user, &mut page.records)
            .await?;
        Ok(Ok(page))
    }
}
