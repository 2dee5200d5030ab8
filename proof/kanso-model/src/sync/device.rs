//! A device: its replica, its outbox, and what it does with answers.

use super::{
    Answer, Change, Cursor, FIELDS, Op, Outcome, RECORDS, Refusal, Request, Row, Slot, SyncBug,
};

/// A device.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Device {
    /// What it holds of the server's live records.
    pub replica: [Option<Row>; RECORDS],
    /// How far it has read.
    pub cursor: Option<Cursor>,
    /// What it wrote and was not answered.
    pub outbox: Vec<Op>,
    /// What it reads beside its replica, while it starts anew.
    pub resync: Option<Resync>,
    /// What it was not answered yet, while it waits.
    pub waiting: Option<Request>,
}

/// A replica that is read anew.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resync {
    rows: [Option<Row>; RECORDS],
    cursor: Option<Cursor>,
    gives_back: bool,
}

/// What a device learnt of its operations.
#[derive(Debug, Default)]
pub(super) struct PushResults {
    /// They were carried out.
    pub(super) acknowledged: Vec<u8>,
    /// They were not, and a person is told.
    pub(super) rejected: Vec<u8>,
}

impl Device {
    /// What it sends next. While it starts anew its outbox waits.
    pub fn request(&self, device: u8) -> Request {
        let (cursor, ops) = match &self.resync {
            Some(resync) => (resync.cursor, Vec::new()),
            None => (self.cursor, self.outbox.clone()),
        };
        Request {
            device,
            cursor,
            ops,
        }
    }

    /// What it shows of a record and the version that an edit of it builds on, without what a
    /// person just deleted.
    pub fn shows(&self, record: usize) -> Option<u8> {
        let pending = || self.outbox.iter().filter(|op| op.record == record);
        if pending().any(|op| op.change == Change::Delete) {
            return None;
        }
        let is_created = pending().any(|op| op.change == Change::Create);
        let version = self.replica[record].map(|row| row.version);
        version.or(is_created.then_some(1))
    }

    /// Takes the answer to what it waits for. What it gives back is numbered from `next_op`.
    pub(super) fn take(
        &mut self,
        answer: Result<Answer, Refusal>,
        next_op: &mut u8,
        bug: Option<SyncBug>,
    ) -> PushResults {
        let Some(request) = self.waiting.take() else {
            return PushResults::default();
        };
        match answer {
            Ok(answer) => self.read(&request, &answer, next_op, bug),
            Err(refusal) => {
                self.resync = Some(Resync {
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
        request: &Request,
        answer: &Answer,
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
            self.outbox.retain(|waiting| waiting.id != op.id);
            match outcome {
                Outcome::Applied(row) | Outcome::Merged(row) | Outcome::Noop(row) => {
                    self.hold(op.record, *row);
                    results.acknowledged.push(op.id);
                }
                Outcome::Duplicate { row, .. } => {
                    if let Some(row) = row {
                        self.hold(op.record, *row);
                    }
                    results.acknowledged.push(op.id);
                }
                Outcome::Conflict(_) | Outcome::Gone(_) | Outcome::Purged | Outcome::NotFound => {
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

    /// Holds a record as an answer showed it, unless a newer one is here.
    fn hold(&mut self, record: usize, row: Row) {
        if self.replica[record].is_none_or(|held| held.version <= row.version) {
            self.replica[record] = Slot::Stored(row).live();
        }
    }

    /// What was read anew takes the place of the replica. What the server lost is given back
    /// before what waits, and what waits builds on the versions that the server will have.
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
            for op in &mut self.outbox {
                if let (Change::Edit { base, .. }, true) = (&mut op.change, op.record == record) {
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

/// How a record that this device holds is given back to a server that was put back, and the
/// version that the server will have.
fn repair(held: Row, stored: Option<Row>) -> (Option<Change>, Option<u8>) {
    let Some(stored) = stored else {
        return (Some(Change::Create), Some(1));
    };
    if stored.fields == held.fields || held.version <= stored.version {
        return (None, Some(stored.version));
    }
    // Who wrote it since it was put back had not seen what is given back.
    let is_strict = stored.written_in > held.written_in;
    let base = if is_strict {
        held.version
    } else {
        stored.version
    };
    let expected = (!is_strict).then_some(stored.version + 1);
    (Some(Change::Edit { base, is_strict }), expected)
}

fn apply_page(rows: &mut [Option<Row>; RECORDS], records: &[(usize, Row)]) {
    for (record, row) in records {
        rows[*record] = Slot::Stored(*row).live();
    }
}
