//! Operations as devices send them.

use kanso_domain::entries::EntryFields;
use kanso_domain::habits::HabitFields;
use kanso_domain::sync::{Action, Base, Command, Fingerprint, ReceiptKey, Submission};
use kanso_domain::validation::{FieldError, Invalid};
use kanso_domain::{DeviceId, EntryId, HabitId, OpId, Version};
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
    /// Makes the record a tombstone. A delete beats an edit: `base_version` does not stop it.
    Delete,
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
    /// The version that an update builds on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, minimum = 1)]
    pub base_version: Option<i64>,
    /// The members of a create or an update: those of a habit or of an entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Object)]
    pub fields: Option<Value>,
}

/// The members of an operation itself; all others are members of its `fields`.
const OPERATION_MEMBERS: [&str; 2] = ["base_version", "fields"];

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
    pub fn submission(self, device: Option<DeviceId>) -> Submission {
        let op_id = OpId::new(self.op_id);
        let key = ReceiptKey {
            op_id,
            fingerprint: self.fingerprint(),
        };
        let command = self.command().unwrap_or_else(Command::Unreadable);
        Submission {
            key: Some(key),
            device,
            command,
        }
    }

    fn command(self) -> Result<Command, Invalid> {
        match self.entity {
            EntityName::Habit => {
                let read = |value| read_members(value, HabitMembers::fields);
                Ok(Command::Habit(
                    HabitId::new(self.id),
                    self.action::<HabitFields>(read)?,
                ))
            }
            EntityName::Entry => {
                let read = |value| read_members(value, EntryMembers::fields);
                Ok(Command::Entry(
                    EntryId::new(self.id),
                    self.action::<EntryFields>(read)?,
                ))
            }
        }
    }

    fn action<F>(
        self,
        read: impl FnOnce(Value) -> Result<F, Invalid>,
    ) -> Result<Action<F>, Invalid> {
        let version = match self.base_version.map(Version::new) {
            Some(None) => return Err(Invalid::one("base_version", "must be at least 1")),
            Some(Some(version)) => Some(version),
            None => None,
        };
        let fields = self.fields.map(read).transpose()?;
        match (self.action, version, fields) {
            (ActionName::Create, None, Some(fields)) => Ok(Action::Create(fields)),
            (ActionName::Create, Some(_), _) => {
                Err(Invalid::one("base_version", "must be left out of a create"))
            }
            (ActionName::Update, Some(version), Some(fields)) => Ok(Action::Update {
                base: Base::Version(version),
                fields,
            }),
            (ActionName::Update, None, _) => Err(Invalid::one("base_version", "is required")),
            (ActionName::Create | ActionName::Update, _, None) => {
                Err(Invalid::one("fields", "is required"))
            }
            (ActionName::Delete, _, None) => Ok(Action::Delete { base: Base::Any }),
            (ActionName::Delete, _, Some(_)) => {
                Err(Invalid::one("fields", "must be left out of a delete"))
            }
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
        Fingerprint::new(Sha256::digest(canonical).into())
    }
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
