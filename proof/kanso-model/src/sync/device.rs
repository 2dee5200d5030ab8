//! A device: its replica, its outbox, and how it handles answers.

use super::{
    FIELDS, ModelAnswer, ModelChange, ModelCursor, ModelOutcome, ModelRequest, Op, RECORDS,
    Refusal, Row, Slot, SyncBug,
};

/// A device.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct ModelDevice {
    /// Live records of the server as far as the device has read.
    pub replica: [Option<Row>; RECORDS],
    /// Cursor of the last answer that was applied.
    pub cursor: Option<ModelCursor>,
    /// Operations that are not answered yet.
    pub outbox: Vec<Op>,
    /// The replica of a resync in progress, kept beside the current one.
    pub resync: Option<ModelResync>,
    /// The request that the device waits for.
    pub waiting: Option<ModelRequest>,
}

/// A replica that is being read from the beginning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelResync {
    rows: [Option<Row>; RECORDS],
    cursor: Option<ModelCursor>,
    gives_back: bool,
}

/// Results of the operations of one push.
#[derive(Debug, Default)]
pub(super) struct PushResults {
    /// Operations that were carried out.
    pub(super) acknowledged: Vec<u8>,
    /// Operations that were rejected and are reported to the user.
    pub(super) rejected: Vec<u8>,
}

impl ModelDevice {
    /// Returns the next request. During a resync the outbox waits.
    pub fn request(&self, device: u8) -> ModelRequest {
        let (cursor, ops) = match &self.resync {
            Some(resync) => (resync.cursor, Vec::new()),
            None => (self.cursor, self.outbox.clone()),
        };
        ModelRequest {
            device,
            cursor,
            ops,
        }
    }

    /// Returns the version that an edit of the record builds on, or `None` if the user cannot see
    /// it. A record with a pending delete is hidden.
    pub fn shows(&self, record: usize) -> Option<u8> {
        // self.outbox || The outbox is shown over the replica: a user sees own writes at once.
        let pending = || self.outbox.iter().filter(|op| op.record == record);
        if pending().any(|op| op.change == ModelChange::Delete) {
            return None;
        }
        let is_created = pending().any(|op| op.change == ModelChange::Create);
        let version = self.replica[record].map(|row| row.version);
        version.or(is_created.then_some(1))
    }

    /// Handles the answer to the pending request. Operations that restore lost records are numbered
    /// from `next_op`.
    pub(super) fn take(
        &mut self,
        answer: Result<ModelAnswer, Refusal>,
        next_op: &mut u8,
        bug: Option<SyncBug>,
    ) -> PushResults {
        let Some(request) = self.waiting.take() else {
            return PushResults::default();
        };
        match answer {
            Ok(answer) => self.read(&request, &answer, next_op, bug),
            // An expired cursor means that tombstones were purged, so the server lost nothing and
            // nothing is restored. Any other refusal means another history, which may lack
            // acknowledged records.
            Err(refusal) => {
                self.resync = Some(ModelResync {
                    rows: [None; RECORDS],
                    cursor: None,
                    gives_back: refusal != Refusal::Expired
                        && bug != Some(SyncBug::LostNotRestored),
                });
                if bug == Some(SyncBug::OutboxDropped) {
                    self.outbox.clear();
                }
                PushResults::default()
            }
        }
    }

    fn read(
        &mut self,
        request: &ModelRequest,
        answer: &ModelAnswer,
        next_op: &mut u8,
        bug: Option<SyncBug>,
    ) -> PushResults {
        if let Some(resync) = &mut self.resync {
            apply_page(&mut resync.rows, &answer.records);
            resync.cursor = Some(answer.cursor);
            if !answer.has_more {
                self.swap(request.device, next_op);
            }
            return PushResults::default();
        }
        let mut results = PushResults::default();
        for (op, outcome) in request.ops.iter().zip(&answer.outcomes) {
            // Every outcome is final for the outbox. Only a request without an answer keeps its
            // operations.
            self.outbox.retain(|waiting| waiting.id != op.id);
            match outcome {
                ModelOutcome::Applied(row)
                | ModelOutcome::Merged(row)
                | ModelOutcome::Noop(row) => {
                    self.hold(op.record, *row);
                    results.acknowledged.push(op.id);
                }
                ModelOutcome::Duplicate { row, .. } => {
                    if let Some(row) = row {
                        self.hold(op.record, *row);
                    }
                    results.acknowledged.push(op.id);
                }
                ModelOutcome::Conflict(_)
                | ModelOutcome::Gone(_)
                | ModelOutcome::Purged
                | ModelOutcome::NotFound => {
                    results.rejected.push(op.id);
                }
            }
        }
        if bug == Some(SyncBug::SentIsDone) {
            self.outbox.clear();
        }
        apply_page(&mut self.replica, &answer.records);
        self.cursor = Some(answer.cursor);
        results
    }

    /// Stores a record as an answer showed it, unless the replica has a newer version.
    fn hold(&mut self, record: usize, row: Row) {
        if self.replica[record].is_none_or(|held| held.version <= row.version) {
            self.replica[record] = Slot::Stored(row).live();
        }
    }

    /// Replaces the replica by the one that was read. Operations that restore lost records go
    /// before the outbox, and pending edits are rebased on the versions that the server will have
    /// then.
    fn swap(&mut self, device: u8, next_op: &mut u8) {
        let Some(resync) = self.resync.take() else {
            return;
        };
        let ours = std::mem::replace(&mut self.replica, resync.rows);
        self.cursor = resync.cursor;
        if !resync.gives_back {
            return;
        }
        let mut offers = Vec::new();
        for (record, held) in ours.into_iter().enumerate() {
            let Some(held) = held else { continue };
            let stored = self.replica[record];
            let (offer, expected) = repair(held, stored);
            // The pending edit was made on the old history. Without the new base it would conflict
            // with the record that the same device restores just before.
            for op in &mut self.outbox {
                if let (ModelChange::Edit { base, .. }, true) =
                    (&mut op.change, op.record == record)
                {
                    *base = expected.unwrap_or(*base);
                }
            }
            if let Some(change) = offer {
                let theirs = stored.map_or([None; FIELDS], |row| row.fields.map(Some));
                let differs = |field: usize| theirs[field] != Some(held.fields[field]);
                offers.push(Op {
                    id: *next_op,
                    device,
                    record,
                    change,
                    fields: std::array::from_fn(|it| differs(it).then_some(held.fields[it])),
                });
                *next_op += 1;
            }
        }
        offers.append(&mut self.outbox);
        self.outbox = offers;
    }
}

/// Decides how a record of the device is restored on a server that runs on a backup. Returns the
/// operation, if one is needed, and the version that the server will have.
fn repair(held: Row, stored: Option<Row>) -> (Option<ModelChange>, Option<u8>) {
    let Some(stored) = stored else {
        return (Some(ModelChange::Create), Some(1));
    };
    if stored.fields == held.fields || held.version <= stored.version {
        return (None, Some(stored.version));
    }
    // A record that was written after the restore did not see the version of this device, so it
    // wins: the strict edit becomes a conflict instead of overwriting it.
    let is_strict = stored.written_in > held.written_in;
    let base = if is_strict {
        held.version
    } else {
        stored.version
    };
    let expected = (!is_strict).then_some(stored.version + 1);
    (Some(ModelChange::Edit { base, is_strict }), expected)
}

fn apply_page(rows: &mut [Option<Row>; RECORDS], records: &[(usize, Row)]) {
    for (record, row) in records {
        rows[*record] = Slot::Stored(*row).live();
    }
}
