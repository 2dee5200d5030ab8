//! The records that one write works on.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Add as _;

use uuid::Uuid;

use super::editable::{EditContext, Editable};
use super::merge::{MergeOutcome, ProposedEdit};
use super::{
    Base, Conflict, Head, OnConflict, OperationOutcome, RecordWrite, Rejection, RejectionCode,
    Seen, Usage,
};
use crate::record::{FieldSet, Stamp};
use crate::{DeviceId, Entity, Record, Timestamp};

use OperationOutcome::{Applied, Gone, Merged, Noop, Purged, Rejected};

/// Assigns positions in the history.
pub(super) struct Stamper {
    pub(super) head: Head,
    pub(super) now: Timestamp,
    /// Device of the current operation, if it is known.
    pub(super) device: Option<DeviceId>,
    /// Edits that the sender of the push knows.
    pub(super) seen: Seen,
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

/// The loaded records by id, and the ids of the records that were changed.
pub(super) struct WorkingSet<I, R> {
    entity: Entity,
    pub(super) records: BTreeMap<I, R>,
    purged: BTreeSet<I>,
    loaded_stamps: BTreeMap<I, Stamp>,
    /// Usage of the records.
    usage: Usage,
    touched: BTreeSet<I>,
    /// Undo log: the record before each change of the write, oldest first, and true if it had been
    /// touched before.
    ///
    /// A log is cheaper than a copy of all records for each group. `None` stands for a record that
    /// did not exist.
    undo: Vec<(I, Option<R>, bool)>,
}

impl<I: Ord + Copy + Into<Uuid>, R: Editable> WorkingSet<I, R> {
    pub(super) fn new(entity: Entity, records: BTreeMap<I, R>, purged: BTreeSet<I>) -> Self {
        // Kept apart from the records, because those get new stamps during the write. A storage
        // must replace exactly the version that was loaded, an edit clashes only with edits up to
        // it, and a cursor covers only changes from before the write.
        let loaded_stamps = records
            .iter()
            .map(|(id, record)| (*id, *record.stamp()))
            .collect();
        let usage = records
            .values()
            .map(Editable::usage)
            .fold(Usage::NONE, Usage::add);
        Self {
            entity,
            records,
            usage,
            purged,
            loaded_stamps,
            touched: BTreeSet::new(),
            undo: Vec::new(),
        }
    }

    /// Returns the point to which [`WorkingSet::roll_back_to`] can return.
    pub(super) fn mark(&self) -> usize {
        self.undo.len()
    }

    /// Undoes every change since `mark`.
    pub(super) fn roll_back_to(&mut self, mark: usize) {
        // Newest first: a record that was changed twice must end in its oldest state.
        for (id, before, was_touched) in self.undo.drain(mark..).rev() {
            if !was_touched {
                self.touched.remove(&id);
            }
            if let Some(record) = &before {
                self.usage += record.usage();
            }
            let after = match before {
                Some(record) => self.records.insert(id, record),
                None => self.records.remove(&id),
            };
            if let Some(record) = after {
                self.usage = self.usage - record.usage();
            }
        }
    }

    /// Returns the usage of the loaded records in their present state.
    pub(super) const fn usage(&self) -> Usage {
        self.usage
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

    /// Creates the record `id`.
    ///
    /// If the record exists and each given member has the stored value, the create is a no-op: the
    /// device sends it again.
    pub(super) fn create(
        &mut self,
        id: I,
        proposed: &ProposedEdit<'_, R::Fields>,
        context: EditContext<'_>,
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
            // A revived record keeps its id, version count and creation time; its details are those
            // of a new record.
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
            // A create has no base, so nothing is known about the edits since. Every differing
            // member clashes, and a merge is the same as a rejection.
            _ if clashing.is_empty() => Noop(stored.record()),
            OnConflict::Server => Noop(stored.record()),
            OnConflict::Client => self.update(id, proposed, context, stamper),
            OnConflict::Reject | OnConflict::Merge => OperationOutcome::Conflict(Conflict {
                your_base: None,
                record: stored.record(),
                clashing,
                mergeable: Vec::new(),
            }),
        }
    }

    /// Changes the given members of the record `id`.
    pub(super) fn update(
        &mut self,
        id: I,
        proposed: &ProposedEdit<'_, R::Fields>,
        context: EditContext<'_>,
        stamper: &mut Stamper,
    ) -> OperationOutcome {
        let Some(stored) = self.records.get(&id).cloned() else {
            return self.missing(id);
        };
        // Before validation: an edit of a tombstone is `gone`, even if it is also invalid.
        if stored.stamp().is_deleted() && !proposed.policy.revive {
            return Gone(stored.record());
        }
        let updated = match stored.with_details_of(proposed.fields, context) {
            Ok(updated) => updated,
            // The edit may be valid for the version that its author had seen.
            Err(rejection) => match proposed.contradiction(&stored) {
                Some(outcome) => return outcome,
                None => return Rejected(rejection),
            },
        };
        let changed = stored.differing(&updated);
        // A no-op must not become a change: each retry without a key would move the head and be
        // delivered to every device. A tombstone is the exception, since the edit revives it.
        if changed.is_empty() && !stored.stamp().is_deleted() {
            return Noop(stored.record());
        }
        // Edits that this write made before never clash. A push comes from one device, even if it
        // does not say which, and the device knows its own edits.
        let edited = match self.loaded_stamps.get(&id) {
            Some(loaded) => {
                let seen = &stamper.seen;
                let has_seen = |version| seen.covers(loaded) || seen.has(id.into(), version);
                let version = loaded.version;
                proposed.edited_by_others(&stored, stamper.device, version, has_seen)
            }
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
        // Also for a live record: without a deletion, `revived` is the same as `edited`.
        let stamp = updated.stamp().revived(head.seq, head.changed_at);
        let edited = updated.stamped(stamp).edited_by(stamper.device, changed);
        self.put(id, edited)
    }

    /// Adds to the values of the record `id`. The version of the record does not matter.
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
                // An edit of this write is known: a push comes from one device.
                let loaded = self.loaded_stamps.get(&id);
                let seen = &stamper.seen;
                let has_seen = |version| {
                    loaded.is_none_or(|loaded| version > loaded.version || seen.has_read(loaded))
                        || seen.has(id.into(), version)
                };
                let device = stamper.device;
                let added = changed.stamped(stamp).added_to_by(device, fields, has_seen);
                Applied(self.put(id, added))
            }
        }
    }

    /// Makes the record `id` a tombstone.
    ///
    /// A delete beats an edit that its author had not seen, unless its policy is
    /// [`OnConflict::Reject`] or [`OnConflict::Server`]. With `erases_texts`, the texts are erased at
    /// once, also those of a tombstone.
    pub(super) fn delete(
        &mut self,
        id: I,
        (base, erases_texts): (Base, bool),
        on_conflict: OnConflict,
        stamper: &mut Stamper,
    ) -> OperationOutcome {
        let Some(record) = self.records.get(&id).cloned() else {
            return self.missing(id);
        };
        if record.stamp().is_deleted() {
            // The deletion has been there before, whatever the state that its author had seen.
            return if erases_texts && record.has_texts() {
                Applied(self.erase_texts(id, record, stamper))
            } else {
                Noop(record.record())
            };
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
                // No field is edited by a deletion, but the record gets a new version and a new
                // device.
                let deleted = record
                    .stamped(stamp)
                    .edited_by(stamper.device, FieldSet::EMPTY);
                let deleted = if erases_texts {
                    deleted.without_texts()
                } else {
                    deleted
                };
                Applied(self.put(id, deleted))
            }
        }
    }

    /// Erases the texts of the records for which `should_erase` is true.
    pub(super) fn erase_texts_of(
        &mut self,
        stamper: &mut Stamper,
        should_erase: impl Fn(&R) -> bool,
    ) {
        let matching = self.records.iter();
        let matching = matching.filter(|(_, record)| record.has_texts() && should_erase(record));
        let matching: Vec<_> = matching.map(|(id, record)| (*id, record.clone())).collect();
        for (id, record) in matching {
            self.erase_texts(id, record, stamper);
        }
    }

    /// Erases the texts of a record. No field counts as edited, but devices get the record again, so
    /// that they erase their copies.
    pub(super) fn erase_texts(&mut self, id: I, record: R, stamper: &mut Stamper) -> Record {
        let head = stamper.next();
        let stamp = record.stamp().sent_again(head.seq, head.changed_at);
        self.put(id, record.without_texts().stamped(stamp))
    }

    /// Gives the live records for which `should_send` is true a new `seq`. The next delta delivers
    /// them again unchanged.
    pub(super) fn send_again(&mut self, stamper: &mut Stamper, should_send: impl Fn(&R) -> bool) {
        let live = |record: &R| !record.stamp().is_deleted() && should_send(record);
        let matching = self.records.iter().filter(|(_, record)| live(record));
        let matching: Vec<_> = matching.map(|(id, record)| (*id, record.clone())).collect();
        for (id, record) in matching {
            let head = stamper.next();
            let stamp = record.stamp().sent_again(head.seq, head.changed_at);
            self.put(id, record.stamped(stamp));
        }
    }

    pub(super) fn into_writes(mut self) -> Vec<RecordWrite<R>> {
        let mut writes = Vec::with_capacity(self.touched.len());
        for id in self.touched {
            // A record that was created and changed in this write has no loaded version, so it is
            // stored as new.
            let replaces = self.loaded_stamps.get(&id).map(|stamp| stamp.version);
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
        self.usage += record.usage();
        let before = self.records.insert(id, record.clone());
        if let Some(record) = &before {
            self.usage = self.usage - record.usage();
        }
        // The log grows with each change, and a write is bounded by the size of a request.
        self.undo.push((id, before, was_touched));
        record.record()
    }
}
