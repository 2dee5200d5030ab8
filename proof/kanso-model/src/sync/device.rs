//! A device: its replica, its outbox, and how it handles answers.

use std::collections::BTreeSet;

use super::give_back::{EarlierState, GiveBack, LostRecord};
use super::{
    ModelAnswer, ModelChange, ModelCursor, ModelOutcome, ModelRequest, Op, RECORDS, Refusal, Row,
    Slot, SyncBug,
};

/// A device.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct ModelDevice {
    /// Id that it sends.
    pub id: u8,
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
    /// Records of the outbox with the versions that this device made of them.
    pub own: BTreeSet<(usize, u8)>,
    /// Earlier states in which the records were delivered, oldest first.
    pub earlier: [Vec<EarlierState>; RECORDS],
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
    /// Returns true if the device was never used.
    pub fn is_new(&self) -> bool {
        self.cursor.is_none()
            && self.outbox.is_empty()
            && self.waiting.is_none()
            && self.resync.is_none()
    }

    /// Returns the next request. During a resync the outbox waits.
    pub fn request(&self, device: u8) -> ModelRequest {
        let (cursor, ops) = match &self.resync {
            Some(resync) => (resync.cursor, Vec::new()),
            None => (self.cursor, self.outbox.clone()),
        };
        let is_sent = |record: usize| ops.iter().any(|op| op.record == record);
        let seen = self
            .own
            .iter()
            .copied()
            .filter(|(record, _)| is_sent(*record));
        ModelRequest {
            device,
            device_id: self.id,
            cursor,
            seen: seen.collect(),
            ops,
        }
    }

    /// Returns the text of a field as the user sees it; 0 if there is none.
    pub fn text(&self, record: usize, field: usize) -> u8 {
        let mut pending = self.outbox.iter().rev().filter(|op| op.record == record);
        let pending = pending.find_map(|op| op.fields[field]);
        let stored = self.replica[record].map(|row| row.fields[field]);
        pending.or(stored).unwrap_or_default()
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
                self.swap(answer.history_start, next_op, bug);
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
                    if !matches!(outcome, ModelOutcome::Noop(_)) {
                        self.own.insert((op.record, row.version));
                    }
                    self.hold(op.record, *row);
                    results.acknowledged.push(op.id);
                }
                ModelOutcome::Duplicate { row, version, .. } => {
                    self.own.insert((op.record, *version));
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
        for (record, row) in &answer.records {
            self.show(*record, Slot::Stored(*row).live());
        }
        self.cursor = Some(answer.cursor);
        self.forget_own();
        results
    }

    /// Shows a record as it was delivered, and keeps the state before it.
    fn show(&mut self, record: usize, new: Option<Row>) {
        let old = self.replica[record];
        match (old, new) {
            (Some(old), Some(new)) if old.version != new.version => {
                self.earlier[record].push(EarlierState::of(&old));
            }
            (_, None) => self.earlier[record].clear(),
            _ => {}
        }
        self.replica[record] = new;
    }

    /// Removes the own versions of records without an operation in the outbox: the next edit builds on
    /// a version that was delivered.
    fn forget_own(&mut self) {
        let outbox = &self.outbox;
        let waits = |record: usize| outbox.iter().any(|op| op.record == record);
        self.own.retain(|(record, _)| waits(*record));
    }

    /// Stores a record as an answer showed it, unless the replica has a newer version.
    fn hold(&mut self, record: usize, row: Row) {
        if self.replica[record].is_none_or(|held| held.version <= row.version) {
            self.show(record, Slot::Stored(row).live());
        }
    }

    /// Replaces the replica by the one that was read. Operations that restore lost changes go before
    /// the outbox, and pending edits are put on the versions that the two histories share.
    fn swap(&mut self, history_start: u8, next_op: &mut u8, bug: Option<SyncBug>) {
        let Some(resync) = self.resync.take() else {
            return;
        };
        let ours = std::mem::replace(&mut self.replica, resync.rows);
        let earlier = std::mem::take(&mut self.earlier);
        self.cursor = resync.cursor;
        let stored = self.replica;
        // The versions that the server lost may be made again by another device.
        self.own
            .retain(|(record, version)| stored[*record].is_some_and(|row| row.version >= *version));
        if !resync.gives_back {
            return;
        }
        let mut offers = Vec::new();
        for (record, held) in ours.into_iter().enumerate() {
            let Some(held) = held else { continue };
            let lost = LostRecord {
                held,
                stored: self.replica[record],
                history_start,
                earlier: &earlier[record],
            };
            let GiveBack { offer, base } = lost.give_back(bug);
            // The pending edit was made on the old history.
            for op in &mut self.outbox {
                if let (ModelChange::Edit { base: old, .. }, true) =
                    (&mut op.change, op.record == record)
                {
                    *old = base.unwrap_or(*old);
                }
            }
            if let Some((change, fields)) = offer {
                offers.push(Op {
                    id: *next_op,
                    device: self.id,
                    record,
                    change,
                    fields,
                });
                *next_op += 1;
            }
        }
        offers.append(&mut self.outbox);
        self.outbox = offers;
    }
}

fn apply_page(rows: &mut [Option<Row>; RECORDS], records: &[(usize, Row)]) {
    for (record, row) in records {
        rows[*record] = Slot::Stored(*row).live();
    }
}
