//! Operations as devices send them.

use std::fmt::Write as _;

use kanso_domain::entries::EntryFields;
use kanso_domain::habits::HabitFields;
use kanso_domain::sync::{
    Action, Base, ConflictPolicy, Edit, Fingerprint, OnConflict, Operation, ReceiptKey,
};
use kanso_domain::validation::{FieldError, Invalid};
use kanso_domain::{DeviceId, EntryId, HabitId, OpId, QuantityChange, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::entries::EntryMembers;
use crate::habits::HabitMembers;
use crate::json::read_value;

/// The kind of record that an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntityName {
    /// A habit.
    Habit,
    /// An entry.
    Entry,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionName {
    /// Makes the record.
    Create,
    /// Changes the members that are given.
    Update,
    /// Makes the record a tombstone. A delete beats an edit, unless `on_conflict` is `reject` or
    /// `server`.
    Delete,
    /// Adds to the `value` of an entry, whatever it is; a negative number takes away.
    Increment,
}

/// What becomes of an operation when the record was edited since its `base_version`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnConflictName {
    /// Any edit since is a conflict.
    Reject,
    /// Members that both changed are a conflict; the rest merge.
    #[default]
    Merge,
    /// As `merge`, but where members clash the operation is dropped.
    Server,
    /// The operation's members are written over whatever is there.
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
    /// Made by the device, the same at each retry.
    #[serde(with = "crate::text::uuid")]
    pub op_id: Uuid,
    /// The kind of record.
    pub entity: EntityName,
    /// What to do.
    pub action: ActionName,
    /// The record.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
    /// The version that an update or a delete builds on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, minimum = 1)]
    pub base_version: Option<i64>,
    /// What becomes of it when the record was edited since; left out, `merge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub on_conflict: Option<OnConflictName>,
    /// Whether a create or an update brings a deleted record back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub revive: bool,
    /// Operations of the same group, which stand side by side, are applied all or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, min_length = 1, max_length = 64)]
    pub group: Option<String>,
    /// The members of a create or an update: those of a habit or of an entry. Of an increment,
    /// `value` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Object)]
    pub fields: Option<Value>,
}

/// The members of an operation itself; all others are members of its `fields`.
const OPERATION_MEMBERS: [&str; 5] = ["base_version", "fields", "group", "on_conflict", "revive"];

/// The most characters of a group's name.
const MAX_GROUP: usize = 64;

/// The JSON pointer, within an operation, to the member that `error` is about.
pub(super) fn pointer_base(error: &FieldError) -> &'static str {
    if OPERATION_MEMBERS.contains(&error.field.as_ref()) {
        ""
    } else {
        "/fields"
    }
}

impl OperationRequest {
    /// The operation in the domain's terms. What cannot be read is submitted too, so that its
    /// refusal is kept as its result.
    pub fn operation(self, device: Option<DeviceId>) -> Operation {
        let op_id = OpId::new(self.op_id);
        let key = ReceiptKey {
            op_id,
            fingerprint: self.fingerprint(),
        };
        let policy = ConflictPolicy {
            on_conflict: self.on_conflict.unwrap_or_default().into(),
            revive: self.revive,
        };
        let group = self.group.clone();
        let action = self.action().unwrap_or_else(Action::Unreadable);
        Operation {
            key: Some(key),
            device,
            group,
            policy,
            action,
        }
    }

    fn action(self) -> Result<Action, Invalid> {
        let length = self.group.as_ref().map_or(1, |group| group.chars().count());
        if !(1..=MAX_GROUP).contains(&length) {
            let reason = format!("must have 1 to {MAX_GROUP} characters");
            return Err(Invalid::one("group", reason));
        }
        if self.revive && !matches!(self.action, ActionName::Create | ActionName::Update) {
            let reason = "goes with a create or an update";
            return Err(Invalid::one("revive", reason));
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
            }),
            (ActionName::Delete, _, Some(_)) => {
                Err(Invalid::one("fields", "must be left out of a delete"))
            }
            (ActionName::Increment, ..) => Err(Invalid::one("action", "increment is for entries")),
        }
    }

    /// SHA-256 over everything but the `op_id`, with the members of objects in sorted order.
    fn fingerprint(&self) -> Fingerprint {
        let mut canonical = format!("{:?} {:?} {} ", self.entity, self.action, self.id);
        canonical.push_str(
            &self
                .base_version
                .map_or_else(String::new, |v| v.to_string()),
        );
        if let Some(fields) = &self.fields {
            write_canonical(fields, &mut canonical);
        }
        let terms = (self.on_conflict, self.revive, &self.group);
        if terms != (None, false, &None) {
            // Writing to a string cannot fail.
            let _ = write!(canonical, "{terms:?}");
        }
        Fingerprint::new(Sha256::digest(canonical).into())
    }
}

/// The members that an increment gives.
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
        let field = if error.field.is_empty() {
            "fields".into()
        } else {
            error.field
        };
        Invalid::one(field, error.reason)
    })?;
    fields(members)
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in sorted {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write_canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests;
