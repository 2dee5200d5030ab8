//! Operations as devices send them.

use kanso_domain::entries::EntryFields;
use kanso_domain::habits::HabitFields;
use kanso_domain::sync::{
    Action, Base, ConflictPolicy, Edit, FingerprintForm, OnConflict, Operation, ReceiptKey,
};
use kanso_domain::validation::{FieldError, Invalid};
use kanso_domain::{DeviceId, EntryId, HabitId, OpId, QuantityChange, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::entries::EntryMembers;
use crate::habits::HabitMembers;
use crate::json::read_value;
use crate::problem::MemberError;
use crate::{MAX_OPERATIONS, fingerprint};

/// The kind of record that an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntityName {
    /// A habit.
    Habit,
    /// An entry.
    Entry,
}

/// The action of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionName {
    /// Creates the record.
    Create,
    /// Changes the members that are given.
    Update,
    /// Turns the record into a tombstone. A delete beats an edit, unless `on_conflict` is `reject` or
    /// `server`.
    Delete,
    /// Adds to the current `value` of an entry; a negative number subtracts.
    Increment,
}

/// Rule for an operation whose record was edited since its `base_version`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnConflictName {
    /// Any edit since then is a conflict.
    Reject,
    /// Members that both sides changed are a conflict; other members merge.
    #[default]
    Merge,
    /// As `merge`, but an operation with a conflict is dropped.
    Server,
    /// The operation's members overwrite the stored ones.
    Client,
}

impl From<OnConflictName> for OnConflict {
    fn from(name: OnConflictName) -> Self {
        match name {
            OnConflictName::Reject => Self::Reject,
            OnConflictName::Merge => Self::Merge,
            OnConflictName::Server => Self::Server,
            OnConflictName::Client => Self::Client,
        }
    }
}

/// One operation of an outbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "op_id": "0198c2f4-2222-7c3a-9d2e-4f5a6b7c8d9e", "entity": "habit", "action": "update",
    "id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e", "base_version": 6, "fields": {"color": "#112233"}
}))]
pub struct OperationRequest {
    /// Id of the operation, made by the device. A retry has the same one.
    #[serde(with = "crate::text::uuid")]
    pub op_id: Uuid,
    /// The kind of record.
    pub entity: EntityName,
    /// The action.
    pub action: ActionName,
    /// The record.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
    /// The version that an update or a delete builds on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, minimum = 1)]
    pub base_version: Option<i64>,
    /// Rule for a record that was edited since `base_version`. Default: `merge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub on_conflict: Option<OnConflictName>,
    /// True if a create or an update revives a deleted record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub revive: bool,
    /// True if a delete erases the texts of the record at once, also those of a deleted record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub purge: bool,
    /// Name of a group. Adjacent operations with the same name are applied all or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, min_length = 1, max_length = 64)]
    pub group: Option<String>,
    /// Number of operations of the group, 1 to 500, the same in each of them. A part of a group
    /// without the rest is then rejected. Without it, the server cannot see that a part is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, minimum = 1, maximum = 500)]
    pub group_size: Option<u32>,
    /// Members of the habit or entry for a create or an update; only `value` for an increment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Object)]
    pub fields: Option<Value>,
}

/// Members of the operation itself; all other names belong to its `fields`.
const OPERATION_MEMBERS: [&str; 8] = [
    "action",
    "base_version",
    "fields",
    "group",
    "group_size",
    "on_conflict",
    "purge",
    "revive",
];

/// Most characters of a group's name.
const MAX_GROUP: usize = 64;

/// Returns `error` with a JSON pointer into the operation.
pub(super) fn member_error(error: &FieldError) -> MemberError {
    let pointer = match error.field.as_ref() {
        // An error of the reader is a pointer already; it is empty for the operation as a whole.
        field if field.is_empty() || field.starts_with('/') => field.to_owned(),
        field if OPERATION_MEMBERS.contains(&field) => format!("/{field}"),
        field => format!("/fields/{field}"),
    };
    MemberError {
        pointer,
        detail: error.reason.clone(),
    }
}

impl OperationRequest {
    /// Returns the operation in the domain's terms, with a fingerprint in `form`.
    ///
    /// An operation that cannot be read has no key. It never has an effect, and reading it again
    /// gives the same errors, so no receipt is needed; and without one, its `op_id` is free for the
    /// corrected operation.
    pub fn operation(self, device: Option<DeviceId>, form: FingerprintForm) -> Operation {
        let policy = ConflictPolicy {
            on_conflict: self.on_conflict.unwrap_or_default().into(),
            revive: self.revive,
        };
        // The fingerprint covers the operation as it was read, so the key is set after the rest.
        let mut operation = Operation {
            key: None,
            device,
            group: self.group.clone(),
            group_size: self.group_size,
            policy,
            action: self.clone().action(),
        };
        let fingerprint = fingerprint::of_operation(form, &self, &operation);
        operation.key = fingerprint.map(|fingerprint| ReceiptKey {
            op_id: OpId::new(self.op_id),
            fingerprint,
        });
        operation
    }

    /// Returns the action alone; [`Action::Unreadable`] if it cannot be read.
    pub fn action(self) -> Action {
        self.read().unwrap_or_else(Action::Unreadable)
    }

    fn read(self) -> Result<Action, Invalid> {
        let length = self.group.as_ref().map_or(1, |group| group.chars().count());
        if !(1..=MAX_GROUP).contains(&length) {
            let reason = format!("must have 1 to {MAX_GROUP} characters");
            return Err(Invalid::one("group", reason));
        }
        match self.group_size.map(usize::try_from) {
            Some(_) if self.group.is_none() => {
                return Err(Invalid::one("group_size", "goes with a group"));
            }
            Some(size) if !size.is_ok_and(|size| (1..=MAX_OPERATIONS).contains(&size)) => {
                let reason = format!("must be between 1 and {MAX_OPERATIONS}");
                return Err(Invalid::one("group_size", reason));
            }
            Some(_) | None => {}
        }
        if self.revive && !matches!(self.action, ActionName::Create | ActionName::Update) {
            let reason = "goes with a create or an update";
            return Err(Invalid::one("revive", reason));
        }
        if self.purge && self.action != ActionName::Delete {
            return Err(Invalid::one("purge", "goes with a delete"));
        }
        match (self.entity, self.action) {
            (EntityName::Habit, ActionName::Increment) => {
                Err(Invalid::one("action", "increment is for entries"))
            }
            (EntityName::Entry, ActionName::Increment) => self.increment(),
            (EntityName::Habit, _) => {
                let read = |value| read_members(value, HabitMembers::fields);
                Ok(Action::Habit(
                    HabitId::new(self.id),
                    self.edit::<HabitFields>(read)?,
                ))
            }
            (EntityName::Entry, _) => {
                let read = |value| read_members(value, EntryMembers::fields);
                Ok(Action::Entry(
                    EntryId::new(self.id),
                    self.edit::<EntryFields>(read)?,
                ))
            }
        }
    }

    fn increment(self) -> Result<Action, Invalid> {
        let not_for_increments = "must be left out of an increment, which always applies";
        if self.base_version.is_some() {
            return Err(Invalid::one("base_version", not_for_increments));
        }
        if self.on_conflict.is_some() {
            return Err(Invalid::one("on_conflict", not_for_increments));
        }
        let fields = self
            .fields
            .ok_or_else(|| Invalid::one("fields", "is required"))?;
        let change = read_members(fields, |members: IncrementMembers| {
            QuantityChange::from_f64(members.value)
                .map_err(|error| Invalid::one("value", error.to_string()))
        })?;
        Ok(Action::Increment(EntryId::new(self.id), change))
    }

    fn edit<F>(self, read: impl FnOnce(Value) -> Result<F, Invalid>) -> Result<Edit<F>, Invalid> {
        let version = match self.base_version.map(Version::new) {
            Some(None) => return Err(Invalid::one("base_version", "must be at least 1")),
            Some(Some(version)) => Some(version),
            None => None,
        };
        let fields = self.fields.map(read).transpose()?;
        match (self.action, version, fields) {
            (ActionName::Create, None, Some(fields)) => Ok(Edit::Create(fields)),
            (ActionName::Create, Some(_), _) => {
                Err(Invalid::one("base_version", "must be left out of a create"))
            }
            (ActionName::Update, Some(version), Some(fields)) => Ok(Edit::Update {
                base: Base::Version(version),
                fields,
            }),
            (ActionName::Update, None, _) => Err(Invalid::one("base_version", "is required")),
            (ActionName::Create | ActionName::Update, _, None) => {
                Err(Invalid::one("fields", "is required"))
            }
            (ActionName::Delete, version, None) => Ok(Edit::Delete {
                base: version.map_or(Base::Any, Base::Version),
                erases_texts: self.purge,
            }),
            (ActionName::Delete, _, Some(_)) => {
                Err(Invalid::one("fields", "must be left out of a delete"))
            }
            // `read` handles increments before; this arm keeps the match total without a panic.
            (ActionName::Increment, ..) => Err(Invalid::one("action", "increment is for entries")),
        }
    }
}

/// Members of an increment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IncrementMembers {
    value: f64,
}

fn read_members<M, F>(
    value: Value,
    fields: impl FnOnce(M) -> Result<F, Invalid>,
) -> Result<F, Invalid>
where
    M: serde::de::DeserializeOwned,
{
    let members = read_value::<M>(value).map_err(|error| {
        // A pointer: a member of `fields` may have the name of one of the operation.
        let field = match error.field.as_ref() {
            "" => "/fields".to_owned(),
            path => format!("/fields/{path}"),
        };
        Invalid::one(field, error.reason)
    })?;
    fields(members)
}

#[cfg(test)]
mod tests;
