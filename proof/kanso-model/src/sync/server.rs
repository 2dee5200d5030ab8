//! The server: outcomes of operations, and pages.

use std::collections::BTreeMap;

use super::{
    DEVICES, FIELDS, ModelAnswer, ModelChange, ModelCursor, ModelOutcome, ModelRequest, Op,
    RECORDS, Refusal, SyncBug,
};

/// Rules of the server that differ between explorations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// Number of records on a page.
    pub page: usize,
    /// The planted bug, if any.
    pub bug: Option<SyncBug>,
}

/// A stored record. A field's text is the number of the operation that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Row {
    /// Number of writes.
    pub version: u8,
    /// Position of its newest change in the history.
    pub seq: u8,
    /// True for a tombstone.
    pub is_deleted: bool,
    /// Texts of its fields.
    pub fields: [u8; FIELDS],
    /// Version at which each field was written last, and the device that wrote it.
    pub edits: [(u8, u8); FIELDS],
    /// Epoch of its newest change; stands for the time at which it was made.
    pub written_in: u8,
}

/// Storage of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The record never existed.
    Absent,
    /// A record or its tombstone.
    Stored(Row),
    /// The tombstone was purged.
    Purged,
}

impl Slot {
    /// Returns the record or its tombstone.
    pub const fn row(self) -> Option<Row> {
        match self {
            Self::Stored(row) => Some(row),
            Self::Absent | Self::Purged => None,
        }
    }

    /// Returns the record if it is live.
    pub fn live(self) -> Option<Row> {
        self.row().filter(|row| !row.is_deleted)
    }
}

/// The part of an outcome that a receipt keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReceiptResult {
    /// Applied, merged or a no-op, with version and position.
    Done(u8, u8),
    /// A conflict.
    Conflict,
    /// Gone or purged.
    Gone,
    /// Not found.
    NotFound,
}

/// A change that was carried out. Only the properties read it; the rules of the server do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Effect {
    /// The operation.
    pub op: u8,
    /// True if it left a tombstone.
    pub is_deleted: bool,
}

/// The server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelServer {
    /// Identity of the history.
    pub epoch: u8,
    /// Position of the newest change.
    pub seq: u8,
    /// Tombstones up to this position were purged.
    pub floor: u8,
    /// The records.
    pub slots: [Slot; RECORDS],
    /// Receipts of operations.
    pub receipts: BTreeMap<u8, ReceiptResult>,
    /// Position that each device reported last.
    pub sightings: [Option<u8>; DEVICES],
    /// All changes of each record, oldest first.
    pub history: [Vec<Effect>; RECORDS],
}

impl Default for ModelServer {
    fn default() -> Self {
        Self {
            epoch: 1,
            seq: 0,
            floor: 0,
            slots: [Slot::Absent; RECORDS],
            receipts: BTreeMap::new(),
            sightings: [None; DEVICES],
            history: [const { Vec::new() }; RECORDS],
        }
    }
}

impl ModelServer {
    /// Carries out the operations of `request` and returns the changes. A refused cursor carries
    /// out nothing.
    pub fn exchange(
        &mut self,
        request: &ModelRequest,
        rules: Rules,
    ) -> Result<ModelAnswer, Refusal> {
        let has = |bug| rules.bug == Some(bug);
        if let Some(cursor) = request.cursor {
            self.check(cursor, has(SyncBug::FloorUnchecked))?;
        }
        let before = self.clone();
        let outcomes = request.ops.iter().map(|op| self.submit(op, rules.bug));
        let outcomes = outcomes.collect();
        let mut answer = self.page(request, rules);
        answer.outcomes = outcomes;
        if has(SyncBug::AckBeforeCommit) && !request.ops.is_empty() {
            *self = before;
        }
        // The position is the one that the device sent, not the one that it gets now: the answer
        // may be lost, and a tombstone that the device never read must not be purged.
        let read = request
            .cursor
            .map_or(0, |it| it.first_pull.unwrap_or(it.seq));
        self.sightings[usize::from(request.device)] = Some(read);
        Ok(answer)
    }

    fn check(&self, cursor: ModelCursor, is_floor_ignored: bool) -> Result<(), Refusal> {
        if cursor.epoch != self.epoch {
            Err(Refusal::EpochChanged)
        } else if cursor.seq > self.seq {
            Err(Refusal::Ahead)
        // During a first pull the position that counts is the head at its beginning: tombstones
        // after it are delivered, those before it are not needed.
        } else if cursor.first_pull.unwrap_or(cursor.seq) < self.floor && !is_floor_ignored {
            Err(Refusal::Expired)
        } else {
            Ok(())
        }
    }

    fn submit(&mut self, op: &Op, bug: Option<SyncBug>) -> ModelOutcome {
        // The receipt is looked up before the record, because a retry has to get the first result
        // even if the record has changed since.
        let first = self.receipts.get(&op.id).copied();
        if let Some(kept) = first.filter(|_| bug != Some(SyncBug::RetryWithoutReceipt)) {
            return answer_from_receipt(kept, self.slots[op.record].row());
        }
        let outcome = match self.slots[op.record] {
            Slot::Absent => self.on_nothing(op),
            Slot::Purged => ModelOutcome::Purged,
            Slot::Stored(row) => self.on_row(op, row, bug),
        };
        self.receipts.insert(op.id, receipt_result(outcome));
        outcome
    }

    fn on_nothing(&mut self, op: &Op) -> ModelOutcome {
        if op.change != ModelChange::Create {
            return ModelOutcome::NotFound;
        }
        ModelOutcome::Applied(self.store(op, None, false))
    }

    fn on_row(&mut self, op: &Op, row: Row, bug: Option<SyncBug>) -> ModelOutcome {
        let is_edit = matches!(op.change, ModelChange::Edit { .. });
        if row.is_deleted && !(is_edit && bug == Some(SyncBug::EditRevives)) {
            return match op.change {
                ModelChange::Delete => ModelOutcome::Noop(row),
                ModelChange::Create | ModelChange::Edit { .. } => ModelOutcome::Gone(row),
            };
        }
        let differs = |field: &usize| op.fields[*field].is_some_and(|it| it != row.fields[*field]);
        let changed: Vec<usize> = (0..FIELDS).filter(differs).collect();
        let (base, is_strict) = match op.change {
            // A delete wins over any edit that it has not seen.
            ModelChange::Delete => return ModelOutcome::Applied(self.store(op, Some(row), true)),
            _ if changed.is_empty() && !row.is_deleted => return ModelOutcome::Noop(row),
            ModelChange::Create => return ModelOutcome::Conflict(row),
            ModelChange::Edit { base, is_strict } => (base, is_strict),
        };
        // Edits of the same device never clash: it has not seen the answer, but it knows its own
        // text.
        let by_others = |(version, device): (u8, u8)| version > base && device != op.device;
        let clashes = |field: &usize| base > row.version || by_others(row.edits[*field]);
        let is_alone = base <= row.version && !row.edits.into_iter().any(by_others);
        // The order of the arms is the rule: an edit of the newest version is applied, a strict or
        // clashing one is a conflict, an edit over own edits is applied, and the rest is merged.
        match () {
            () if base == row.version => ModelOutcome::Applied(self.store(op, Some(row), false)),
            () if is_strict || changed.iter().any(clashes) => ModelOutcome::Conflict(row),
            () if is_alone => ModelOutcome::Applied(self.store(op, Some(row), false)),
            () => ModelOutcome::Merged(self.store(op, Some(row), false)),
        }
    }

    fn store(&mut self, op: &Op, before: Option<Row>, is_deleted: bool) -> Row {
        self.seq += 1;
        let version = before.map_or(0, |row| row.version) + 1;
        let mut row = Row {
            version,
            seq: self.seq,
            is_deleted,
            fields: before.map_or([0; FIELDS], |row| row.fields),
            edits: before.map_or([(version, op.device); FIELDS], |row| row.edits),
            written_in: self.epoch,
        };
        for (field, said) in op.fields.into_iter().enumerate() {
            if let Some(text) = said.filter(|text| *text != row.fields[field] && !is_deleted) {
                row.fields[field] = text;
                row.edits[field] = (version, op.device);
            }
        }
        self.slots[op.record] = Slot::Stored(row);
        let effect = Effect {
            op: op.id,
            is_deleted,
        };
        self.history[op.record].push(effect);
        row
    }

    fn page(&self, request: &ModelRequest, rules: Rules) -> ModelAnswer {
        let (after, told_since, first_pull) = match request.cursor {
            // A first pull leaves out tombstones: the device has nothing to delete.
            None => (0, self.seq, Some(self.seq)),
            Some(cursor) => {
                let told_since = cursor.first_pull.unwrap_or(cursor.seq);
                (cursor.seq, told_since, cursor.first_pull)
            }
        };
        let rows = (0..RECORDS).filter_map(|at| Some((at, self.slots[at].row()?)));
        let mut records: Vec<_> = rows
            .filter(|(_, row)| row.seq > after && (!row.is_deleted || row.seq > told_since))
            .collect();
        records.sort_by_key(|(_, row)| row.seq);
        if rules.bug == Some(SyncBug::CursorPastUncommitted) {
            let is_others = |row: &Row| row.edits.iter().any(|edit| edit.1 != request.device);
            records.retain(|(_, row)| row.seq < self.seq || row.version < 2 || !is_others(row));
        }
        let has_more = records.len() > rules.page;
        records.truncate(rules.page);
        let has_more = has_more && rules.bug != Some(SyncBug::CutPageIsLast);
        let last = records.last().filter(|_| has_more);
        let cursor = ModelCursor {
            epoch: self.epoch,
            seq: last.map_or(self.seq, |(_, row)| row.seq),
            first_pull: first_pull.filter(|_| has_more),
        };
        ModelAnswer {
            outcomes: Vec::new(),
            records,
            cursor,
            has_more,
        }
    }

    /// Removes the tombstones that all devices have read, except devices that were `absent` for too
    /// long. Returns true if any were removed.
    pub fn purge(&mut self, absent: [bool; DEVICES], bug: Option<SyncBug>) -> bool {
        let mut purged = false;
        for at in 0..RECORDS {
            let Some(row) = self.slots[at].row().filter(|row| row.is_deleted) else {
                continue;
            };
            let waits = |device: usize| {
                !absent[device] && self.sightings[device].is_some_and(|read| read < row.seq)
            };
            if (0..DEVICES).any(waits) {
                continue;
            }
            let is_forgotten = bug == Some(SyncBug::PurgedIdForgotten);
            self.slots[at] = if is_forgotten {
                Slot::Absent
            } else {
                Slot::Purged
            };
            if bug != Some(SyncBug::FloorNotRaised) {
                self.floor = self.floor.max(row.seq);
            }
            purged = true;
        }
        purged
    }
}

fn answer_from_receipt(kept: ReceiptResult, row: Option<Row>) -> ModelOutcome {
    match (kept, row) {
        (ReceiptResult::Done(version, seq), row) => ModelOutcome::Duplicate { version, seq, row },
        (ReceiptResult::Conflict, Some(row)) => ModelOutcome::Conflict(row),
        (ReceiptResult::Gone, Some(row)) => ModelOutcome::Gone(row),
        (ReceiptResult::Gone, None) => ModelOutcome::Purged,
        (ReceiptResult::Conflict, None) | (ReceiptResult::NotFound, _) => ModelOutcome::NotFound,
    }
}

const fn receipt_result(outcome: ModelOutcome) -> ReceiptResult {
    match outcome {
        ModelOutcome::Applied(row) | ModelOutcome::Merged(row) | ModelOutcome::Noop(row) => {
            ReceiptResult::Done(row.version, row.seq)
        }
        ModelOutcome::Duplicate { version, seq, .. } => ReceiptResult::Done(version, seq),
        ModelOutcome::Conflict(_) => ReceiptResult::Conflict,
        ModelOutcome::Gone(_) | ModelOutcome::Purged => ReceiptResult::Gone,
        ModelOutcome::NotFound => ReceiptResult::NotFound,
    }
}
