//! The rules of merging: what becomes of an edit when somebody else was faster.
//!
//! The server's order of arrival decides, never a device's clock. Each field remembers the version
//! at which it was edited last ([`crate::record::Provenance`]). An edit that builds on an older
//! version clashes with the fields that it changes and that another device edited after that
//! version; what it says of other fields stands beside what others said.

use super::working_set::Editable;
use super::{Base, Conflict, ConflictPolicy, OnConflict, OperationOutcome};
use crate::record::{FieldSet, Member, Stamp};
use crate::{DeviceId, Version};

/// An edit, and what it builds on.
#[derive(Clone, Copy)]
pub(super) struct ProposedEdit<'a, F> {
    pub(super) base: Base,
    pub(super) policy: ConflictPolicy,
    pub(super) fields: &'a F,
}

/// What becomes of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MergeOutcome {
    /// It is applied as its author saw it.
    Apply,
    /// It is applied beside the edits of others.
    Merge,
    /// By its own terms it yields to the edits of others.
    Drop,
    /// It clashes in these fields.
    Clash(FieldSet),
}

impl<'a, F> ProposedEdit<'a, F> {
    /// An edit that makes a record.
    pub(super) const fn create(fields: &'a F, policy: ConflictPolicy) -> Self {
        Self {
            base: Base::Any,
            policy,
            fields,
        }
    }

    /// The fields of `stored` that others than `device` edited since the version that this edit
    /// builds on, before this write, which found the record at `loaded`.
    pub(super) fn edited_by_others<R>(
        &self,
        stored: &R,
        device: Option<DeviceId>,
        loaded: Version,
    ) -> FieldSet
    where
        R: Editable<Fields = F>,
    {
        match self.base {
            Base::Version(base) => stored.edited_by_others(base, device, loaded),
            Base::Any => FieldSet::EMPTY,
        }
    }

    /// What becomes of an edit that changes the fields `changed` of a record at `stamp`, the
    /// fields `edited` of which others edited since.
    pub(super) fn merge_outcome(
        &self,
        stamp: &Stamp,
        changed: FieldSet,
        edited: FieldSet,
    ) -> MergeOutcome {
        let Some(base) = self.stale_base(stamp) else {
            return MergeOutcome::Apply;
        };
        let is_older = base < stamp.version;
        let clashing = match self.policy.on_conflict {
            OnConflict::Client => return MergeOutcome::Apply,
            // Only this device edited it since: it knows.
            OnConflict::Merge | OnConflict::Server if is_older && edited.is_empty() => {
                return MergeOutcome::Apply;
            }
            OnConflict::Merge | OnConflict::Server if is_older => changed.and(edited),
            // A version that was never given out says nothing about who edited what.
            OnConflict::Merge | OnConflict::Server | OnConflict::Reject => changed,
        };
        match self.policy.on_conflict {
            OnConflict::Merge | OnConflict::Server if clashing.is_empty() => MergeOutcome::Merge,
            OnConflict::Server => MergeOutcome::Drop,
            _ => MergeOutcome::Clash(clashing),
        }
    }

    /// What becomes of an edit that cannot be applied to `stored` although it may have fitted the
    /// version that its author had seen; none when it had seen this one.
    pub(super) fn contradiction<R>(&self, stored: &R) -> Option<OperationOutcome>
    where
        R: Editable<Fields = F>,
    {
        self.stale_base(stored.stamp())?;
        match self.policy.on_conflict {
            OnConflict::Client => None,
            OnConflict::Server => Some(OperationOutcome::Noop(stored.clone().record())),
            OnConflict::Reject | OnConflict::Merge => {
                let everything = FieldSet::of(u16::BITS as usize, |_| true);
                Some(self.conflict(stored, everything))
            }
        }
    }

    /// The conflict of this edit with `stored` in the fields `clashing`.
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

    /// The version that the author had seen, when `stored` has moved on from it. Whoever revives
    /// a record knows that it was deleted.
    fn stale_base(&self, stored: &Stamp) -> Option<Version> {
        let stale = self.base.mismatch(stored)?;
        let knows = self.policy.revive && stored.is_deleted() && stale.next() == stored.version;
        (!knows).then_some(stale)
    }
}
