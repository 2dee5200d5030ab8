//! A push as the server reads it: an operation that cannot be read does not stop the others.

use std::collections::BTreeMap;
use std::fmt;

use kanso_domain::sync::{Action, ConflictPolicy, FingerprintForm, OnConflict, Operation};
use kanso_domain::validation::{FieldError, Invalid};
use kanso_domain::{DeviceId, OpId};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::OperationRequest;
use crate::json::read_part;
use crate::{MAX_OPERATIONS, parse_uuid};

/// A [`SyncRequest`](super::SyncRequest) as the server reads it.
///
/// Everything but the operations is read as strictly as any body. Each operation is read by itself.
///
/// ```
/// use kanso_protocol::sync::{PushRequest, PushedOperation};
///
/// let push: PushRequest = kanso_protocol::read(
///     br#"{"operations": [
///         {"op_id": "0198c2f4-2222-7c3a-9d2e-4f5a6b7c8d9e", "entity": "note"},
///         {"op_id": "0198c2f4-3333-7c3a-9d2e-4f5a6b7c8d9e", "entity": "habit",
///          "action": "delete", "id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e"}
///     ]}"#,
/// )?;
/// let [PushedOperation::Unreadable(note), PushedOperation::Read(_)] = &push.operations[..] else {
///     panic!("{push:?}");
/// };
/// assert_eq!(note.error.to_string(), "/entity: must be `habit` or `entry`");
/// assert!(note.op_id.is_some());
/// # Ok::<(), kanso_protocol::ReadError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushRequest {
    /// As in [`SyncRequest`](super::SyncRequest).
    #[serde(default, with = "crate::text::uuid::optional")]
    pub device_id: Option<Uuid>,
    /// As in [`SyncRequest`](super::SyncRequest).
    #[serde(default)]
    pub cursor: Option<String>,
    /// As in [`SyncRequest`](super::SyncRequest).
    #[serde(default)]
    pub limit: Option<u32>,
    /// As in [`SyncRequest`](super::SyncRequest).
    #[serde(default)]
    pub wait_ms: Option<u32>,
    /// As in [`SyncRequest`](super::SyncRequest).
    #[serde(default)]
    pub min_seq: Option<i64>,
    /// As in [`SyncRequest`](super::SyncRequest).
    #[serde(default)]
    pub seen_versions: Option<BTreeMap<String, Vec<i64>>>,
    /// The operations in their order. Of a push with more than [`MAX_OPERATIONS`], only one more
    /// than that are here.
    #[serde(default, deserialize_with = "operations")]
    pub operations: Vec<PushedOperation>,
}

/// An operation of a push.
#[derive(Clone, Debug, PartialEq)]
pub enum PushedOperation {
    /// It has the shape of an operation. Its members may still be invalid.
    Read(OperationRequest),
    /// It cannot be read.
    Unreadable(UnreadableOperation),
}

/// Readable parts of an operation that cannot be read as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableOperation {
    /// Its `op_id`, if it has exactly one that can be read.
    pub op_id: Option<Uuid>,
    /// The id of its record, if it has exactly one that can be read.
    pub id: Option<Uuid>,
    /// Its group, if that can be read: the group fails with it.
    pub group: Option<String>,
    /// The first member that cannot be read. The field is a JSON pointer into the operation.
    pub error: FieldError,
}

impl PushedOperation {
    /// Returns the `op_id`, if it could be read.
    pub fn op_id(&self) -> Option<OpId> {
        let op_id = match self {
            Self::Read(request) => Some(request.op_id),
            Self::Unreadable(unreadable) => unreadable.op_id,
        };
        op_id.map(OpId::new)
    }

    /// Returns the id of the record, if it could be read.
    pub fn record_id(&self) -> Option<Uuid> {
        match self {
            Self::Read(request) => Some(request.id),
            Self::Unreadable(unreadable) => unreadable.id,
        }
    }

    /// Returns the operation in the domain's terms, with a fingerprint in `form`.
    pub fn operation(self, device: Option<DeviceId>, form: FingerprintForm) -> Operation {
        match self {
            Self::Read(request) => request.operation(device, form),
            Self::Unreadable(unreadable) => Operation {
                // Without a key: nothing of it can be compared with a retry.
                key: None,
                device,
                group: unreadable.group,
                group_size: None,
                policy: ConflictPolicy {
                    on_conflict: OnConflict::Merge,
                    revive: false,
                },
                action: Action::Unreadable(Invalid::one(
                    unreadable.error.field,
                    unreadable.error.reason,
                )),
            },
        }
    }
}

impl From<&RawValue> for PushedOperation {
    fn from(text: &RawValue) -> Self {
        let error = match read_part::<OperationRequest>(text) {
            Ok(request) => return Self::Read(request),
            Err(error) => error,
        };
        // Text that is no object has no members to look for.
        let remains = serde_json::from_str::<Remains>(text.get()).unwrap_or_default();
        let field = match error.field.as_ref() {
            "" => String::new(),
            path => format!("/{path}"),
        };
        Self::Unreadable(UnreadableOperation {
            op_id: remains.op_id.one(),
            id: remains.id.one(),
            group: remains.group,
            error: FieldError::new(field, error.reason),
        })
    }
}

/// Reads each operation by itself, and at most one more than a push may have.
fn operations<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<PushedOperation>, D::Error> {
    struct Operations;

    impl<'de> Visitor<'de> for Operations {
        type Value = Vec<PushedOperation>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a sequence")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut operations = Vec::new();
            while let Some(text) = items.next_element::<Box<RawValue>>()? {
                // The rest is only checked for its syntax: a megabyte of `0,` has many operations,
                // and the errors of all of them would be much larger than the body.
                if operations.len() <= MAX_OPERATIONS {
                    operations.push(PushedOperation::from(&*text));
                }
            }
            Ok(operations)
        }
    }

    deserializer.deserialize_seq(Operations)
}

/// The members of an operation that cannot be read as a whole.
#[derive(Default)]
struct Remains {
    op_id: Ids,
    id: Ids,
    group: Option<String>,
}

/// The values of an id that may stand in an object more than once.
#[derive(Default)]
struct Ids {
    count: usize,
    last: Option<Uuid>,
}

impl Ids {
    fn add(&mut self, value: &RawValue) {
        self.count += 1;
        let text: Option<String> = serde_json::from_str(value.get()).ok();
        self.last = text.and_then(|text| parse_uuid(&text).ok());
    }

    /// Returns the id if there is exactly one: which of several is meant would be a guess.
    fn one(&self) -> Option<Uuid> {
        self.last.filter(|_| self.count == 1)
    }
}

impl<'de> Deserialize<'de> for Remains {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Remains;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Remains, A::Error> {
                let mut remains = Remains::default();
                while let Some(Name(name)) = members.next_key()? {
                    let value: &RawValue = members.next_value()?;
                    match &*name {
                        b"op_id" => remains.op_id.add(value),
                        b"id" => remains.id.add(value),
                        b"group" if remains.group.is_none() => {
                            remains.group = serde_json::from_str(value.get()).ok();
                        }
                        _ => {}
                    }
                }
                Ok(remains)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// The name of a member as bytes: half of a surrogate pair in one name must not hide the others.
struct Name(Vec<u8>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Name, E> {
                Ok(Name(bytes.to_vec()))
            }
        }

        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests;
