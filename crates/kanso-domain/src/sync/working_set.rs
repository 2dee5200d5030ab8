//! The records that one write works on.

use std::collections::{BTreeMap, BTreeSet};

use super::merge::{MergeOutcome, ProposedEdit};
use super::{
    Base, Conflict, Head, OnConflict, OperationOutcome, RecordWrite, Rejection, RejectionCode,
};
use crate::calendar::Today;
use crate::entries::{Entry, EntryField, EntryFields};
use crate::habits::{Habit, HabitField, HabitFields};
use crate::record::{FieldSet, Member, Provenance, Stamp};
use crate::{DeviceId, Entity, Record, Timestamp, Version};

use OperationOutcome::{Applied, Gone, Merged, Noop, Purged, Rejected};

/// Hands out places in the history.
pub(super) struct Stamper {
    pub(super) head: Head,
    pub(super) now: Timestamp,
    /// Who holds it, where that is known.
    pub(super) device: Option<DeviceId>,
}

impl Stamper {
    pub(super) fn next(&mut self) -> Head {
        self.head = self.head.advanced(self.now);
        self.head
    }

    fn first_stamp(&mut self) -> Stamp {
        let head = self.next();
        Stamp::created(head.seq, head.changed_at)
    }
}

/// A kind of record that commands create, update and delete.
pub(super) trait Editable: Clone {
    type Fields;

    fn with_details_of(&self, fields: &Self::Fields, today: Today<'_>) -> Result<Self, Rejection>;
    /// This record with the details of another.
    fn with_details(&self, other: &Self) -> Self;
    /// The fields in which two records differ.
    fn differing(&self, other: &Self) -> FieldSet;
    /// The fields that somebody else than `device` edited after `version`, before this write,
    /// which found the record at `loaded`.
    fn edited_by_others(
        &self,
        version: Version,
        device: Option<DeviceId>,
        loaded: Version,
    ) -> FieldSet;
    /// The members of a request that differ from this record, with their fields.
    fn differing_members(&self, fields: &Self::Fields) -> Vec<(usize, Member)>;
    fn stamp(&self) -> &Stamp;
    fn stamped(self, stamp: Stamp) -> Self;
    /// This record, as `device` made it.
    fn created_by(self, device: Option<DeviceId>) -> Self;
    /// This record after `device` edited `fields`, its stamp being that of the edit.
    fn edited_by(self, device: Option<DeviceId>, fields: FieldSet) -> Self;
    /// The same after `device` added to `fields`.
    fn added_to_by(self, device: Option<DeviceId>, fields: FieldSet) -> Self;
    fn record(self) -> Record;
}

macro_rules! editable {
    ($record:ident, $fields:ident, $field:ident,
     |$details:ident, $given:ident, $today:ident| $updated:expr) => {
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

            fn with_details(&self, other: &Self) -> Self {
                Self {
                    details: other.details.clone(),
                    ..self.clone()
                }
            }

            fn differing(&self, other: &Self) -> FieldSet {
                self.details.differing(&other.details)
            }

            fn edited_by_others(
                &self,
                version: Version,
                device: Option<DeviceId>,
                loaded: Version,
            ) -> FieldSet {
                let others = self.provenance.edited_by_others(version, device);
                others.and(self.provenance.unedited_since(loaded))
            }

            fn differing_members(&self, fields: &$fields) -> Vec<(usize, Member)> {
                let named = fields.differing(&self.details).into_iter();
                named
                    .map(|(field, member)| (field as usize, member))
                    .collect()
            }

            fn stamp(&self) -> &Stamp {
                &self.stamp
            }

            fn stamped(self, stamp: Stamp) -> Self {
                Self { stamp, ..self }
            }

            fn created_by(self, device: Option<DeviceId>) -> Self {
                Self {
                    provenance: Provenance::<{ $field::COUNT }>::at(self.stamp.version, device),
                    ..self
                }
            }

            fn edited_by(self, device: Option<DeviceId>, fields: FieldSet) -> Self {
                let version = self.stamp.version;
                Self {
                    provenance: self.provenance.edited(fields, version, device),
                    ..self
                }
                .without_derived()
            }

            fn added_to_by(self, device: Option<DeviceId>, fields: FieldSet) -> Self {
                let version = self.stamp.version;
                Self {
                    provenance: self.provenance.added_to(fields, version, device),
                    ..self
                }
                .without_derived()
            }

            fn record(self) -> Record {
                Record::$record(self)
            }
        }
    };
}

editable!(Habit, HabitFields, HabitField, |details, fields, today| {
    details.updated(fields, today)
});
editable!(Entry, EntryFields, EntryField, |details, fields, today| {
    details.updated(fields, today.settings)
});

/// What is derived from a record no longer fits it once it was edited.
trait Derived {
    fn without_derived(self) -> Self;
}

impl Derived for Habit {
    fn without_derived(mut self) -> Self {
        self.streak.day = None;
        self
    }
}

impl Derived for Entry {
    fn without_derived(self) -> Self {
        self
    }
}

/// Records by id, and which of them were touched since they were loaded.
pub(super) struct WorkingSet<I, R> {
    entity: Entity,
    pub(super) records: BTreeMap<I, R>,
    purged: BTreeSet<I>,
    loaded_versions: BTreeMap<I, Version>,
    touched: BTreeSet<I>,
    /// What the records were before each change since [`WorkingSet::set_savepoint`], oldest first, and whether
    /// they were touched before it.
    undo: Vec<(I, Option<R>, bool)>,
}

impl<I: Ord + Copy, R: Editable> WorkingSet<I, R> {
    pub(super) fn new(entity: Entity, records: BTreeMap<I, R>, purged: BTreeSet<I>) -> Self {
        let loaded_versions = records
            .iter()
            .map(|(id, record)| (*id, record.stamp().version))
            .collect();
        Self {
            entity,
            records,
            purged,
            loaded_versions,
            touched: BTreeSet::new(),
            undo: Vec::new(),
        }
    }

    /// Where [`WorkingSet::roll_back`] goes back to.
    pub(super) fn set_savepoint(&mut self) {
        self.undo.clear();
    }

    /// Takes back every change since the mark.
    pub(super) fn roll_back(&mut self) {
        while let Some((id, before, was_touched)) = self.undo.pop() {
            if !was_touched {
                self.touched.remove(&id);
            }
            match before {
                Some(record) => self.records.insert(id, record),
                None => self.records.remove(&id),
            };
        }
    }

    pub(super) fn is_purged(&self, id: I) -> bool {
        self.purged.contains(&id)
    }

    fn missing(&self, id: I) -> OperationOutcome {
        if self.is_purged(id) {
            Purged(self.entity)
        } else {
            Rejected(RejectionCode::NotFound(self.entity).into())
        }
    }

    /// Makes the record `id`, unless it is there. A create whose members say nothing else than
    /// the stored record is a retry.
    pub(super) fn create(
        &mut self,
        id: I,
        proposed: &ProposedEdit<'_, R::Fields>,
        today: Today<'_>,
        stamper: &mut Stamper,
        make: impl FnOnce(Stamp) -> R,
    ) -> OperationOutcome {
        let Some(stored) = self.records.get(&id) else {
            if self.is_purged(id) && !proposed.policy.revive {
                return Purged(self.entity);
            }
            let record = make(stamper.first_stamp()).created_by(stamper.device);
            return Applied(self.put(id, record));
        };
        let stored = stored.clone();
        if stored.stamp().is_deleted() {
            if !proposed.policy.revive {
                return Gone(stored.record());
            }
            let head = stamper.next();
            let stamp = stored.stamp().revived(head.seq, head.changed_at);
            let revived = stored.with_details(&make(stamp)).stamped(stamp);
            let changed = stored.differing(&revived);
            return Applied(self.put(id, revived.edited_by(stamper.device, changed)));
        }
        let clashing: Vec<_> = stored
            .differing_members(proposed.fields)
            .into_iter()
            .map(|(_, member)| member)
            .collect();
        match proposed.policy.on_conflict {
            _ if clashing.is_empty() => Noop(stored.record()),
            OnConflict::Server => Noop(stored.record()),
            OnConflict::Client => self.update(id, proposed, today, stamper),
            OnConflict::Reject | OnConflict::Merge => OperationOutcome::Conflict(Conflict {
                your_base: None,
                record: stored.record(),
                clashing,
                mergeable: Vec::new(),
            }),
        }
    }

    /// Changes the members that `edit` gives.
    pub(super) fn update(
        &mut self,
        id: I,
        proposed: &ProposedEdit<'_, R::Fields>,
        today: Today<'_>,
        stamper: &mut Stamper,
    ) -> OperationOutcome {
        let Some(stored) = self.records.get(&id).cloned() else {
            return self.missing(id);
        };
        if stored.stamp().is_deleted() && !proposed.policy.revive {
            return Gone(stored.record());
        }
        let updated = match stored.with_details_of(proposed.fields, today) {
            Ok(updated) => updated,
            // What fits the version that the author had seen may contradict what others did since.
            Err(rejection) => match proposed.contradiction(&stored) {
                Some(outcome) => return outcome,
                None => return Rejected(rejection),
            },
        };
        let changed = stored.differing(&updated);
        if changed.is_empty() && !stored.stamp().is_deleted() {
            return Noop(stored.record());
        }
        // All of a write is one device's, named or not; what was made in it was not there before.
        let edited = match self.loaded_versions.get(&id) {
            Some(&loaded) => proposed.edited_by_others(&stored, stamper.device, loaded),
            None => FieldSet::EMPTY,
        };
        match proposed.merge_outcome(stored.stamp(), changed, edited) {
            MergeOutcome::Apply => Applied(self.edit(id, updated, changed, stamper)),
            MergeOutcome::Merge => Merged(self.edit(id, updated, changed, stamper)),
            MergeOutcome::Drop => Noop(stored.record()),
            MergeOutcome::Clash(clashing) => proposed.conflict(&stored, clashing),
        }
    }

    fn edit(&mut self, id: I, updated: R, changed: FieldSet, stamper: &mut Stamper) -> Record {
        let head = stamper.next();
        let stamp = updated.stamp().revived(head.seq, head.changed_at);
        let edited = updated.stamped(stamp).edited_by(stamper.device, changed);
        self.put(id, edited)
    }

    /// Adds to the record `id`, whatever its version, as `change` says.
    pub(super) fn add(
        &mut self,
        id: I,
        stamper: &mut Stamper,
        change: impl FnOnce(&R) -> Result<R, Rejection>,
    ) -> OperationOutcome {
        let Some(stored) = self.records.get(&id).cloned() else {
            return self.missing(id);
        };
        if stored.stamp().is_deleted() {
            return Gone(stored.record());
        }
        match change(&stored) {
            Err(rejection) => Rejected(rejection),
            Ok(changed) => {
                let fields = stored.differing(&changed);
                if fields.is_empty() {
                    return Noop(stored.record());
                }
                let head = stamper.next();
                let stamp = stored.stamp().edited(head.seq, head.changed_at);
                let added = changed.stamped(stamp).added_to_by(stamper.device, fields);
                Applied(self.put(id, added))
            }
        }
    }

    /// Makes the record `id` a tombstone. A delete beats an edit, unless its author wants it to
    /// yield to one.
    pub(super) fn delete(
        &mut self,
        id: I,
        base: Base,
        on_conflict: OnConflict,
        stamper: &mut Stamper,
    ) -> OperationOutcome {
        let Some(record) = self.records.get(&id).cloned() else {
            return self.missing(id);
        };
        if record.stamp().is_deleted() {
            return Noop(record.record());
        }
        match (base.mismatch(record.stamp()), on_conflict) {
            (Some(version), OnConflict::Reject) => OperationOutcome::Conflict(Conflict {
                your_base: Some(version),
                record: record.record(),
                clashing: Vec::new(),
                mergeable: Vec::new(),
            }),
            (Some(_), OnConflict::Server) => Noop(record.record()),
            (None, _) | (Some(_), OnConflict::Merge | OnConflict::Client) => {
                let head = stamper.next();
                let stamp = record.stamp().deleted(head.seq, head.changed_at);
                let deleted = record
                    .stamped(stamp)
                    .edited_by(stamper.device, FieldSet::EMPTY);
                Applied(self.put(id, deleted))
            }
        }
    }

    /// Sends those of the live records that `is_meant` says yes to again, as they are.
    pub(super) fn send_again(&mut self, stamper: &mut Stamper, is_meant: impl Fn(&R) -> bool) {
        let live = |record: &R| !record.stamp().is_deleted() && is_meant(record);
        let meant = self.records.iter().filter(|(_, record)| live(record));
        let meant: Vec<_> = meant.map(|(id, record)| (*id, record.clone())).collect();
        for (id, record) in meant {
            let head = stamper.next();
            let stamp = record.stamp().sent_again(head.seq, head.changed_at);
            self.put(id, record.stamped(stamp));
        }
    }

    pub(super) fn into_writes(mut self) -> Vec<RecordWrite<R>> {
        let mut writes = Vec::with_capacity(self.touched.len());
        for id in self.touched {
            let replaces = self.loaded_versions.get(&id).copied();
            writes.extend(
                self.records
                    .remove(&id)
                    .map(|record| RecordWrite { record, replaces }),
            );
        }
        writes
    }

    fn put(&mut self, id: I, record: R) -> Record {
        let was_touched = !self.touched.insert(id);
        let before = self.records.insert(id, record.clone());
        self.undo.push((id, before, was_touched));
        record.record()
    }
}
