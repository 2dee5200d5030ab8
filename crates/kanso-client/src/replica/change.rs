//! Construction of the operations that go into the outbox.

use kanso_domain::{Entity, Timestamp, Version};
use kanso_protocol::sync::{ActionName, EntityName, OperationRequest};
use serde_json::Value;
use uuid::Uuid;

use super::outbox::NewOperation;
use super::{RecordKey, ReplicaError};

/// Action of an operation, with its members as JSON.
pub(crate) enum Change {
    Create(Value),
    /// Sets members; the version is the one that the edit builds on.
    Update(Version, Value),
    Increment(Value),
    Delete,
}

/// Builds the operation that applies `change` to the record `key`.
///
/// The operation keeps `op_id` at every retry: the server recognises a retry by it.
pub(crate) fn operation(
    op_id: Uuid,
    at: Timestamp,
    key: RecordKey,
    change: Change,
) -> NewOperation {
    let (action, base_version, fields) = match change {
        Change::Create(fields) => (ActionName::Create, None, Some(fields)),
        Change::Update(base, fields) => (ActionName::Update, Some(base.get()), Some(fields)),
        // An increment commutes with every other edit, so it needs no base version.
        Change::Increment(fields) => (ActionName::Increment, None, Some(fields)),
        // A delete wins over any edit (ADR 0008), so it needs none either.
        Change::Delete => (ActionName::Delete, None, None),
    };
    let entity = match key.entity {
        Entity::Habit => EntityName::Habit,
        Entity::Entry => EntityName::Entry,
    };
    NewOperation {
        key,
        request: OperationRequest {
            op_id,
            entity,
            action,
            id: key.id,
            base_version,
            on_conflict: None,
            revive: false,
            purge: false,
            group: None,
            group_size: None,
            fields,
        },
        at,
    }
}

/// Serialises the members of a request as JSON.
pub(crate) fn members(members: &impl serde::Serialize) -> Result<Value, ReplicaError> {
    // Members are structs of texts, numbers and lists: serialising them does not fail.
    serde_json::to_value(members).map_err(ReplicaError::damaged)
}
