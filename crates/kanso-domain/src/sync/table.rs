//! The records that one write works on.

use std::collections::{BTreeMap, BTreeSet};

use super::{Base, Conflict, Head, OperationOutcome, Rejection, RejectionCode, Save};
use crate::calendar::Today;
use crate::entries::{Entry, EntryFields};
use crate::habits::{Habit, HabitFields};
use crate::record::Stamp;
use crate::{Entity, Record, Timestamp, Version};

use OperationOutcome::{Applied, Gone, Noop, Rejected};

/// Hands out places in the history.
pub(super) struct Pen {
    pub(super) head: Head,
    pub(super) now: Timestamp,
}

impl Pen {
    pub(super) fn next(&mut self) -> Head {
        self.head = self.head.advanced(self.now);
        self.head
    }

    pub(super) fn first_stamp(&mut self) -> Stamp {
        let head = self.next();
        Stamp::created(head.seq, head.changed_at)
    }
}

/// A kind of record that commands create, update and delete.
pub(super) trait Editable: Clone {
    type Fields;

    fn with_details_of(&self, fields: &Self::Fields, today: Today<'_>) -> Result<Self, Rejection>;
    fn same_details(&self, other: &Self) -> bool;
    fn clashing(&self, fields: &Self::Fields) -> Vec<&'static str>;
    fn stamp(&self) -> &Stamp;
    fn stamped(self, stamp: Stamp) -> Self;
    fn record(self) -> Record;
}

macro_rules! editable {
    ($record:ident, $fields:ident, |$details:ident, $given:ident, $today:ident| $updated:expr) => {
        impl Editable for $record {
            type Fields = $fields;

            fn with_details_of(
                &self,
                $given: &$fields,
                $today: Today<'_>,
            ) -> Result<Self, Rejection> {
                let $details = &self.details;
                Ok(Self {
                    details: $updated?,
                    ..self.clone()
                })
            }

            fn same_details(&self, other: &Self) -> bool {
                self.details == other.details
            }

            fn clashing(&self, fields: &$fields) -> Vec<&'static str> {
                fields.clashing(&self.details)
            }

            fn stamp(&self) -> &Stamp {
                &self.stamp
            }

            fn stamped(self, stamp: Stamp) -> Self {
                Self { stamp, ..self }.unsettled()
            }

            fn record(self) -> Record {
                Record::$record(self)
            }
        }
    };
}

editable!(Habit, HabitFields, |details, fields, today| details
    .updated(fields, today));
editable!(Entry, EntryFields, |details, fields, today| details
    .updated(fields, today.settings));

/// What is derived from a record no longer fits it once it was edited.
trait Unsettled {
    fn unsettled(self) -> Self;
}

impl Unsettled for Habit {
    fn unsettled(mut self) -> Self {
        self.streak.day = None;
        self
    }
}

impl Unsettled for Entry {
    fn unsettled(self) -> Self {
        self
    }
}

/// Records by id, and which of them were touched since they were loaded.
pub(super) struct Table<I, R> {
    entity: Entity,
    pub(super) records: BTreeMap<I, R>,
    loaded: BTreeMap<I, Version>,
    touched: BTreeSet<I>,
}

impl<I: Ord + Copy, R: Editable> Table<I, R> {
    pub(super) fn new(entity: Entity, records: BTreeMap<I, R>) -> Self {
        let loaded = records
            .iter()
            .map(|(id, record)| (*id, record.stamp().version))
            .collect();
        Self {
            entity,
            records,
            loaded,
            touched: BTreeSet::new(),
        }
    }

    /// Makes the record `id`, unless it is there. A create whose members say nothing else than
    /// the stored record is a retry.
    pub(super) fn create(
        &mut self,
        id: I,
        fields: &R::Fields,
        pen: &mut Pen,
        make: impl FnOnce(Stamp) -> R,
    ) -> OperationOutcome {
        let Some(stored) = self.records.get(&id) else {
            return self.put(id, make(pen.first_stamp()));
        };
        let record = stored.clone().record();
        if stored.stamp().is_deleted() {
            return Gone(record);
        }
        let clashing = stored.clashing(fields);
        if clashing.is_empty() {
            Noop(record)
        } else {
            OperationOutcome::Conflict(Conflict {
                your_base: None,
                record,
                clashing,
            })
        }
    }

    /// Changes the members that `fields` gives.
    pub(super) fn update(
        &mut self,
        id: I,
        base: Base,
        fields: &R::Fields,
        today: Today<'_>,
        pen: &mut Pen,
    ) -> OperationOutcome {
        let Some(stored) = self.records.get(&id) else {
            return Rejected(RejectionCode::NotFound(self.entity).into());
        };
        if stored.stamp().is_deleted() {
            return Gone(stored.clone().record());
        }
        let updated = match stored.with_details_of(fields, today) {
            Ok(updated) => updated,
            Err(rejection) => return Rejected(rejection),
        };
        if updated.same_details(stored) {
            return Noop(updated.record());
        }
        if let Some(version) = base.stale(stored.stamp()) {
            let clashing = stored.clashing(fields);
            let record = stored.clone().record();
            return OperationOutcome::Conflict(Conflict {
                your_base: Some(version),
                record,
                clashing,
            });
        }
        let head = pen.next();
        let stamp = stored.stamp().edited(head.seq, head.changed_at);
        self.put(id, updated.stamped(stamp))
    }

    /// Makes the record `id` a tombstone.
    pub(super) fn delete(&mut self, id: I, base: Base, pen: &mut Pen) -> OperationOutcome {
        let Some(stored) = self.records.get(&id) else {
            return Rejected(RejectionCode::NotFound(self.entity).into());
        };
        let record = stored.clone();
        if record.stamp().is_deleted() {
            return Noop(record.record());
        }
        if let Some(version) = base.stale(record.stamp()) {
            return OperationOutcome::Conflict(Conflict {
                your_base: Some(version),
                record: record.record(),
                clashing: Vec::new(),
            });
        }
        let head = pen.next();
        let stamp = record.stamp().deleted(head.seq, head.changed_at);
        self.put(id, record.stamped(stamp))
    }

    pub(super) fn into_saves(mut self) -> Vec<Save<R>> {
        let mut saves = Vec::with_capacity(self.touched.len());
        for id in self.touched {
            let replaces = self.loaded.get(&id).copied();
            saves.extend(
                self.records
                    .remove(&id)
                    .map(|record| Save { record, replaces }),
            );
        }
        saves
    }

    fn put(&mut self, id: I, record: R) -> OperationOutcome {
        self.touched.insert(id);
        self.records.insert(id, record.clone());
        Applied(record.record())
    }
}
