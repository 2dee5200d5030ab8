//! The rules of merging: the outcome of an edit that builds on an older version.
//!
//! The order in which operations arrive at the server decides, never the clock of a device. Each
//! field has the version of its last edit ([`crate::record::Provenance`]). An edit that builds on
//! an older version clashes in the fields that it changes and that another device edited after that
//! version. Its other fields merge with the edits of the other devices. An edit by the same device
//! counts as one of another device unless the device has seen it ([`super::Seen`]).

use super::editable::Editable;
use super::{Base, Conflict, ConflictPolicy, OnConflict, OperationOutcome};
use crate::record::{FieldSet, Member, Stamp};
use crate::{DeviceId, Version};

/// A proposed edit, with the state that it builds on.
#[derive(Clone, Copy)]
pub(super) struct ProposedEdit<'a, F> {
    pub(super) base: Base,
    pub(super) policy: ConflictPolicy,
    pub(super) fields: &'a F,
}

/// The outcome of an edit by the rules of merging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MergeOutcome {
    /// The edit is applied; nothing changed that its author had not seen.
    Apply,
    /// The edit is applied together with the edits of other devices.
    Merge,
    /// The edit is dropped, as its policy asks for a clash.
    Drop,
    /// The edit clashes in these fields.
    Clash(FieldSet),
}

impl<'a, F> ProposedEdit<'a, F> {
    /// Returns an edit that creates a record.
    pub(super) const fn create(fields: &'a F, policy: ConflictPolicy) -> Self {
        Self {
            base: Base::Any,
            policy,
            fields,
        }
    }

    /// Returns the fields of `stored` that other devices edited after the version that this edit
    /// builds on.
    ///
    /// Edits that this write made itself are left out. `loaded` is the version of the record before
    /// the write. `has_seen` is true for the versions whose edit `device` knows if it made the edit.
    pub(super) fn edited_by_others<R>(
        &self,
        stored: &R,
        device: Option<DeviceId>,
        loaded: Version,
        has_seen: impl Fn(Version) -> bool,
    ) -> FieldSet
    where
        R: Editable<Fields = F>,
    {
        match self.base {
            Base::Version(base) => stored.edited_by_others(base, device, loaded, has_seen),
            Base::Any => FieldSet::EMPTY,
        }
    }

    /// Returns the outcome of this edit.
    ///
    /// `stamp` is the stamp of the stored record, `changed` are the fields that the edit changes,
    /// and `edited` those that other devices edited since its base.
    pub(super) fn merge_outcome(
        &self,
        stamp: &Stamp,
        changed: FieldSet,
        edited: FieldSet,
    ) -> MergeOutcome {
        let Some(base) = self.stale_base(stamp) else {
            return MergeOutcome::Apply;
        };
        // `stale_base` returns every other version. A base that is newer than the record is not an
        // older state of it.
        let is_older = base < stamp.version;
        let clashing = match self.policy.on_conflict {
            OnConflict::Client => return MergeOutcome::Apply,
            // Since the base, the record has only edits of this device that it has seen. So this is
            // not a conflict even for a field that it changed twice.
            OnConflict::Merge | OnConflict::Server if is_older && edited.is_empty() => {
                return MergeOutcome::Apply;
            }
            OnConflict::Merge | OnConflict::Server if is_older => changed.and(edited),
            // The base is a version that the server never issued, for example from before a
            // restore. Nothing is known about the edits between it and the stored version, so every
            // changed field clashes.
            OnConflict::Merge | OnConflict::Server | OnConflict::Reject => changed,
        };
        // `Client` has returned above. An edit without a clash merges; a clash is dropped or
        // reported, as the policy says.
        match self.policy.on_conflict {
            OnConflict::Merge | OnConflict::Server if clashing.is_empty() => MergeOutcome::Merge,
            OnConflict::Server => MergeOutcome::Drop,
            _ => MergeOutcome::Clash(clashing),
        }
    }

    /// Returns the outcome of an edit that cannot be applied to `stored`, or `None` if its author
    /// had seen that version.
    ///
    /// The edit may have been valid for the version that its author had seen. Then the cause is the
    /// edit of another device, so the result is a conflict, not a rejection.
    pub(super) fn contradiction<R>(&self, stored: &R) -> Option<OperationOutcome>
    where
        R: Editable<Fields = F>,
    {
        self.stale_base(stored.stamp())?;
        match self.policy.on_conflict {
            OnConflict::Client => None,
            OnConflict::Server => Some(OperationOutcome::Noop(stored.clone().record())),
            OnConflict::Reject | OnConflict::Merge => {
                // The combination of fields is invalid, and no single field is the cause. So every
                // member of the edit clashes.
                let everything = FieldSet::of(u16::BITS as usize, |_| true);
                Some(self.conflict(stored, everything))
            }
        }
    }

    /// Returns the conflict of this edit with `stored` in the fields `clashing`.
    pub(super) fn conflict<R>(&self, stored: &R, clashing: FieldSet) -> OperationOutcome
    where
        R: Editable<Fields = F>,
    {
        let named = stored.differing_members(self.fields).into_iter();
        let (clashing, mergeable): (Vec<_>, Vec<_>) =
            named.partition(|(field, _)| clashing.contains(*field));
        let without_fields =
            |members: Vec<(usize, Member)>| members.into_iter().map(|(_, member)| member).collect();
        OperationOutcome::Conflict(Conflict {
            your_base: self.base.version(),
            record: stored.clone().record(),
            clashing: without_fields(clashing),
            mergeable: without_fields(mergeable),
        })
    }

    /// Returns the version that the author had seen, if `stored` has another one.
    ///
    /// An author who revives a record has seen its deletion. The deletion made one more version, so
    /// the base may be one version behind the tombstone.
    fn stale_base(&self, stored: &Stamp) -> Option<Version> {
        let stale = self.base.mismatch(stored)?;
        let has_seen_deletion =
            self.policy.revive && stored.is_deleted() && stale.next() == stored.version;
        (!has_seen_deletion).then_some(stale)
    }
}
