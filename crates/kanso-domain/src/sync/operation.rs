//! Operations and what becomes of them.

use crate::entries::EntryFields;
use crate::habits::HabitFields;
use crate::record::Stamp;
use crate::validation::{FieldError, Invalid};
use crate::{DeviceId, Entity, EntryId, HabitId, OpId, QuantityChange, Record, Seq, Version};

/// The hash of an operation's content: distinguishes a retry from another operation that has the
/// same id.
///
/// It is stored for as long as a receipt is kept, so servers of several releases read it. Its first
/// eight bytes therefore name its form. Release 0.1.0 stored a plain SHA-256 without such a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// The form in which a server writes fingerprints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FingerprintForm {
    /// The form of this release.
    #[default]
    Current,
    /// The form of release 0.1.0, for a database that servers of that release still use.
    V0_1_0,
}

impl Fingerprint {
    /// The name of the present form. It changes whenever the same content may get another hash,
    /// which includes any change of which operations can be read.
    const TAG: [u8; 8] = *b"kansofp1";

    /// Returns the fingerprint of the present form that has the beginning of `hash`. 192 bits of
    /// a hash are kept, so two contents of one user collide with a chance below 10^-50.
    pub fn of_hash(hash: [u8; 32]) -> Self {
        let mut bytes = [0; 32];
        let (tag, kept) = bytes.split_at_mut(Self::TAG.len());
        tag.copy_from_slice(&Self::TAG);
        let length = kept.len();
        kept.copy_from_slice(&hash[..length]);
        Self(bytes)
    }

    /// Wraps stored bytes, which may be of any form.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns true if the content may be the same. Only fingerprints of the present form are
    /// compared: of any other form the content is unknown, and to refuse an honest retry would lose
    /// its result, whereas a reused id is a defect of a client.
    pub fn may_equal(&self, other: &Self) -> bool {
        let is_current = |print: &Self| print.0.starts_with(&Self::TAG);
        self == other || !is_current(self) || !is_current(other)
    }
}

/// The identity of an operation that takes effect exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiptKey {
    /// The operation's id, made by the device.
    pub op_id: OpId,
    /// The hash of the operation's content.
    pub fingerprint: Fingerprint,
}

impl ReceiptKey {
    /// Returns true if an operation with this key is a retry of the one that left `stored`.
    pub fn is_retry_of(&self, stored: &Self) -> bool {
        self.op_id == stored.op_id && self.fingerprint.may_equal(&stored.fingerprint)
    }
}

/// A command as it was handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// With a key, the result is stored and a retry has no second effect.
    pub key: Option<ReceiptKey>,
    /// Which device handed it in, where that is known.
    pub device: Option<DeviceId>,
    /// Commands of the same group, which stand side by side, are carried out all or none.
    pub group: Option<String>,
    /// What to do when the record is not as the author had seen it.
    pub policy: ConflictPolicy,
    /// What to do.
    pub action: Action,
}

impl Operation {
    /// A command on the strictest terms that nobody will retry.
    pub const fn once(action: Action) -> Self {
        Self {
            key: None,
            device: None,
            group: None,
            policy: ConflictPolicy::STRICT,
            action,
        }
    }
}

/// What to do when a record is not as the author of a command had seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConflictPolicy {
    /// When it was edited since.
    pub on_conflict: OnConflict,
    /// When it was deleted: whether a create or an edit brings it back.
    pub revive: bool,
}

impl ConflictPolicy {
    /// Any difference is a conflict, and what is deleted stays so.
    pub const STRICT: Self = Self {
        on_conflict: OnConflict::Reject,
        revive: false,
    };
}

/// What becomes of an edit that builds on an older version than the stored one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// It is a conflict.
    Reject,
    /// It is applied, unless it changes a field that somebody else changed since: then it is a
    /// conflict.
    Merge,
    /// As [`OnConflict::Merge`], but instead of a conflict the edit is dropped.
    Server,
    /// It is applied, knowingly over whatever is there.
    Client,
}

/// What to do to one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// To a habit.
    Habit(HabitId, Edit<HabitFields>),
    /// To an entry.
    Entry(EntryId, Edit<EntryFields>),
    /// Add to the value of an entry, whatever it is: increments commute.
    Increment(EntryId, QuantityChange),
    /// Nothing: the command could not be read.
    Unreadable(Invalid),
}

/// What to do to a record whose members are `F`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit<F> {
    /// Make it.
    Create(F),
    /// Change the members that are given.
    Update {
        /// What the author had seen.
        base: Base,
        /// The changes.
        fields: F,
    },
    /// Make it a tombstone.
    Delete {
        /// What the author had seen.
        base: Base,
    },
}

/// The state of a record that an edit builds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// This version; what another one means, [`OnConflict`] says.
    Version(Version),
    /// Whatever is stored, knowingly.
    Any,
}

impl Base {
    /// The version that the author had seen, when `stored` has moved on from it.
    pub(super) fn stale(self, stored: &Stamp) -> Option<Version> {
        match self {
            Self::Version(version) if version != stored.version => Some(version),
            Self::Version(_) | Self::Any => None,
        }
    }
}

impl Base {
    /// The version that the author had seen, where it names one.
    pub(super) const fn version(self) -> Option<Version> {
        match self {
            Self::Version(version) => Some(version),
            Self::Any => None,
        }
    }
}

impl<F> Edit<F> {
    /// The members that it gives.
    pub const fn fields(&self) -> Option<&F> {
        match self {
            Self::Create(fields) | Self::Update { fields, .. } => Some(fields),
            Self::Delete { .. } => None,
        }
    }

    const fn base(&self) -> Option<Base> {
        match self {
            Self::Create(_) => None,
            Self::Update { base, .. } | Self::Delete { base } => Some(*base),
        }
    }
}

impl Action {
    /// The kind of record that it is about.
    pub(super) const fn entity(&self) -> Entity {
        match self {
            Self::Entry(..) | Self::Increment(..) => Entity::Entry,
            Self::Habit(..) | Self::Unreadable(_) => Entity::Habit,
        }
    }

    /// The version that its author had seen.
    pub(super) fn base(&self) -> Option<Version> {
        let base = match self {
            Self::Habit(_, edit) => edit.base(),
            Self::Entry(_, edit) => edit.base(),
            Self::Increment(..) | Self::Unreadable(_) => None,
        };
        base.and_then(Base::version)
    }
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationOutcome {
    /// The record now is this.
    Applied(Record),
    /// The record was edited since, in other fields; with the command it now is this.
    Merged(Record),
    /// Nothing changed: the record already was like this, or by the command's terms stays as it is.
    Noop(Record),
    /// A retry of a command that had been applied or was a no-op; nothing changed.
    Duplicate {
        /// The record's version after the first time.
        version: Version,
        /// Where the record stood in the history after the first time.
        seq: Seq,
        /// The record as it is now.
        record: Option<Record>,
    },
    /// Somebody else was faster; nothing changed.
    Conflict(Conflict),
    /// The record, or the habit that it belongs to, is this tombstone; nothing changed.
    Gone(Record),
    /// The record, or the habit that it belongs to, was deleted so long ago that only its grave
    /// is left; nothing changed.
    Purged(Entity),
    /// The command can never be carried out; nothing changed.
    Rejected(Rejection),
    /// The command may be carried out later; nothing changed or was noted.
    Deferred(Deferral),
}

/// An edit that builds on another state than the stored one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The version that the author had seen; none for a create.
    pub your_base: Option<Version>,
    /// The stored record.
    pub record: Record,
    /// The wire names of the members on which the edit and the stored record disagree, and which
    /// somebody else changed since.
    pub clashing: Vec<&'static str>,
    /// Those that the edit could change alone.
    pub mergeable: Vec<&'static str>,
}

/// Why a command can never be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The reason.
    pub code: RejectionCode,
    /// For [`RejectionCode::Invalid`], the members at fault.
    pub errors: Vec<FieldError>,
}

/// The reasons for a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectionCode {
    /// Members that cannot be accepted.
    Invalid,
    /// The user has no such record.
    NotFound(Entity),
    /// The `op_id` was used before with another body.
    OpIdReused,
    /// Another command of its group failed.
    GroupFailed,
    /// The commands of its group do not stand side by side.
    GroupSplit,
}

impl RejectionCode {
    /// All reasons.
    pub const ALL: [Self; 6] = [
        Self::Invalid,
        Self::NotFound(Entity::Habit),
        Self::NotFound(Entity::Entry),
        Self::OpIdReused,
        Self::GroupFailed,
        Self::GroupSplit,
    ];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotFound(Entity::Habit) => "habit_not_found",
            Self::NotFound(Entity::Entry) => "entry_not_found",
            Self::OpIdReused => "op_id_reused",
            Self::GroupFailed => "group_failed",
            Self::GroupSplit => "group_split",
        }
    }
}

impl From<RejectionCode> for Rejection {
    fn from(code: RejectionCode) -> Self {
        Self {
            code,
            errors: Vec::new(),
        }
    }
}

impl From<Invalid> for Rejection {
    fn from(invalid: Invalid) -> Self {
        Self {
            code: RejectionCode::Invalid,
            errors: invalid.into_errors(),
        }
    }
}

/// What a deferred command waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deferral {
    /// The entry's habit has not arrived.
    HabitUnknown(HabitId),
}

/// The result of an operation, kept so that a retry gets it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The operation.
    pub key: ReceiptKey,
    /// Which device handed it in, where that is known.
    pub device: Option<DeviceId>,
    /// What became of it.
    pub outcome: ReceiptOutcome,
}

/// The part of an outcome that is kept. Records are not: a retry is shown the newest state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptOutcome {
    /// Applied, or a no-op.
    Done {
        /// The record's version afterwards.
        version: Version,
        /// Where the record stood in the history afterwards.
        seq: Seq,
    },
    /// A conflict.
    Conflict,
    /// The record was gone.
    Gone,
    /// Rejected.
    Rejected(Rejection),
}
