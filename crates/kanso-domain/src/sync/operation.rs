//! Operations and their outcomes.

use uuid::Uuid;

use super::ExceededQuota;
use crate::entries::EntryFields;
use crate::habits::HabitFields;
use crate::record::{Member, Stamp};
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
    const TAG: [u8; 8] = *b"kansofp2";

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
    /// Id of the operation, made by the device.
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

/// An operation as the device sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Key of the stored result. With a key, a retry has no second effect. An operation that could
    /// not be read needs none: it has no effect.
    pub key: Option<ReceiptKey>,
    /// Device that sent the operation, if it is known.
    pub device: Option<DeviceId>,
    /// Group of the operation. Operations of one group stand next to each other and are carried out
    /// all or none.
    pub group: Option<String>,
    /// Number of operations of the whole group, if its author says so.
    pub group_size: Option<u32>,
    /// Rule for a record that differs from the state that the author had seen.
    pub policy: ConflictPolicy,
    /// The change itself.
    pub action: Action,
}

impl Operation {
    /// Returns an operation without a key and with the policy [`ConflictPolicy::STRICT`].
    pub const fn once(action: Action) -> Self {
        Self {
            key: None,
            device: None,
            group: None,
            group_size: None,
            policy: ConflictPolicy::STRICT,
            action,
        }
    }
}

impl Operation {
    /// Returns true if the operation makes a record a tombstone or erases its texts.
    pub const fn is_deletion(&self) -> bool {
        matches!(
            &self.action,
            Action::Habit(_, Edit::Delete { .. }) | Action::Entry(_, Edit::Delete { .. })
        )
    }
}

/// The rule for a record that differs from the state that the author of an operation had seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConflictPolicy {
    /// Rule for a record that was edited since.
    pub on_conflict: OnConflict,
    /// True if a create or an update revives a deleted record.
    pub revive: bool,
}

impl ConflictPolicy {
    /// Every difference is a conflict, and a deleted record stays deleted.
    pub const STRICT: Self = Self {
        on_conflict: OnConflict::Reject,
        revive: false,
    };
}

/// The rule for an edit that builds on an older version than the stored one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// The edit is a conflict.
    Reject,
    /// The edit is applied, unless it changes a field that another device changed since. Then it is
    /// a conflict.
    Merge,
    /// Like [`OnConflict::Merge`], but a clashing edit is dropped.
    Server,
    /// The edit is applied over every other edit.
    Client,
}

/// The change of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Edits a habit.
    Habit(HabitId, Edit<HabitFields>),
    /// Edits an entry.
    Entry(EntryId, Edit<EntryFields>),
    /// Adds to the value of an entry. Increments commute, so they need no base.
    Increment(EntryId, QuantityChange),
    /// Changes nothing: the operation could not be read.
    Unreadable(Invalid),
}

/// An edit of a record with the members `F`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit<F> {
    /// Creates the record.
    Create(F),
    /// Changes the given members.
    Update {
        /// State that the author had seen.
        base: Base,
        /// Members to change.
        fields: F,
    },
    /// Makes the record a tombstone.
    Delete {
        /// State that the author had seen.
        base: Base,
        /// True if the texts of the record are erased at once, also those of a tombstone. Otherwise
        /// [`super::erase_texts`] does that later.
        erases_texts: bool,
    },
}

/// The state of a record that an edit builds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// This version. [`OnConflict`] has the rule for another stored version.
    Version(Version),
    /// Any version.
    Any,
}

impl Base {
    /// Returns the version that the author had seen, if `stored` has another one.
    pub(super) fn mismatch(self, stored: &Stamp) -> Option<Version> {
        match self {
            Self::Version(version) if version != stored.version => Some(version),
            Self::Version(_) | Self::Any => None,
        }
    }
}

impl Base {
    /// Returns the version that the author had seen, if the base is a version.
    pub(super) const fn version(self) -> Option<Version> {
        match self {
            Self::Version(version) => Some(version),
            Self::Any => None,
        }
    }
}

impl<F> Edit<F> {
    /// Returns the members that the edit gives.
    pub const fn fields(&self) -> Option<&F> {
        match self {
            Self::Create(fields) | Self::Update { fields, .. } => Some(fields),
            Self::Delete { .. } => None,
        }
    }

    const fn base(&self) -> Option<Base> {
        match self {
            Self::Create(_) => None,
            Self::Update { base, .. } | Self::Delete { base, .. } => Some(*base),
        }
    }
}

impl Action {
    /// Returns the kind of record that the action is about.
    pub(super) const fn entity(&self) -> Entity {
        match self {
            Self::Entry(..) | Self::Increment(..) => Entity::Entry,
            // The kind of an unreadable operation is never used: it is rejected as invalid, without
            // a record.
            Self::Habit(..) | Self::Unreadable(_) => Entity::Habit,
        }
    }

    /// Returns the id of the record that the action is about.
    pub(super) fn record_id(&self) -> Option<Uuid> {
        match self {
            Self::Habit(id, _) => Some(id.uuid()),
            Self::Entry(id, _) | Self::Increment(id, _) => Some(id.uuid()),
            Self::Unreadable(_) => None,
        }
    }

    /// Returns true if the action erases the texts of its record.
    pub(super) const fn erases_texts(&self) -> bool {
        matches!(
            self,
            Self::Habit(
                _,
                Edit::Delete {
                    erases_texts: true,
                    ..
                }
            ) | Self::Entry(
                _,
                Edit::Delete {
                    erases_texts: true,
                    ..
                }
            )
        )
    }

    /// Returns the version that the author had seen.
    pub(super) fn base(&self) -> Option<Version> {
        let base = match self {
            Self::Habit(_, edit) => edit.base(),
            Self::Entry(_, edit) => edit.base(),
            Self::Increment(..) | Self::Unreadable(_) => None,
        };
        base.and_then(Base::version)
    }
}

/// The outcome of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationOutcome {
    /// Applied. This is the new record.
    Applied(Record),
    /// Applied together with edits of other fields by other devices. This is the new record.
    Merged(Record),
    /// Nothing changed. The record already had these values, or the policy keeps the stored ones.
    Noop(Record),
    /// A retry of an operation that was applied or was a no-op. Nothing changed.
    Duplicate {
        /// Version of the record after the first attempt.
        version: Version,
        /// Position of the record in the history after the first attempt.
        seq: Seq,
        /// The record as it is now.
        record: Option<Record>,
    },
    /// Another edit came first. Nothing changed.
    Conflict(Conflict),
    /// The record or its habit is this tombstone. Nothing changed.
    Gone(Record),
    /// The tombstone of the record or of its habit was purged. Nothing changed.
    Purged(Entity),
    /// The operation can never be carried out. Nothing changed.
    Rejected(Rejection),
    /// The operation may be carried out later. Nothing changed, and no result was stored.
    Deferred(Deferral),
    /// The account would hold more than it may. Nothing changed, and no result was stored: the
    /// operation can succeed once there is room.
    OverQuota(ExceededQuota),
}

/// The conflict of an edit with a stored record that its author had not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Version that the author had seen; `None` for a create.
    pub your_base: Option<Version>,
    /// The stored record.
    pub record: Record,
    /// Members in which the edit and the stored record differ, and which another device changed
    /// since.
    pub clashing: Vec<Member>,
    /// Members of the edit that do not clash. The edit could change them alone.
    pub mergeable: Vec<Member>,
}

/// The reason why an operation can never be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Code of the reason.
    pub code: RejectionCode,
    /// The invalid members, for [`RejectionCode::Invalid`].
    pub errors: Vec<FieldError>,
}

/// The reasons for a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectionCode {
    /// The operation has invalid members.
    Invalid,
    /// The user has no such record.
    NotFound(Entity),
    /// The `op_id` was used before with another body.
    OpIdReused,
    /// Another operation of the group failed.
    GroupFailed,
    /// The operations of the group are not next to each other, or some of them are missing.
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

    /// Returns the stable name of the reason. Storages and the protocol use it.
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

/// The record that a deferred operation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deferral {
    /// The habit of the entry has not arrived.
    HabitUnknown(HabitId),
}

/// The stored result of an operation. A retry gets it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Key of the operation.
    pub key: ReceiptKey,
    /// Device that sent the operation, if it is known.
    pub device: Option<DeviceId>,
    /// Stored part of the outcome.
    pub outcome: ReceiptOutcome,
}

/// The stored part of an outcome. It has no record, because a retry gets the newest state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptOutcome {
    /// The operation was applied or was a no-op.
    Done {
        /// Version of the record afterwards.
        version: Version,
        /// Position of the record in the history afterwards.
        seq: Seq,
    },
    /// The operation was a conflict.
    Conflict,
    /// The record was gone.
    Gone,
    /// The operation was rejected.
    Rejected(Rejection),
}
