//! Edits: each is one transaction that appends to the outbox, and works with the server away.

mod entries;
mod habits;
mod resolve;

pub(crate) use habits::checked;
pub use resolve::ResolveError;

use kanso_domain::{Invalid, Timestamp, Version};
use kanso_protocol::sync::{ActionName, EntityName, OperationRequest};
use uuid::Uuid;

use crate::Client;
use crate::replica::{Editor, Key, NewOperation, ReplicaError};

/// Why an edit was not made.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// Members that cannot be accepted.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There is no such habit here.
    #[error("there is no such habit")]
    NoSuchHabit,
    /// There is no such entry here.
    #[error("there is no such entry")]
    NoSuchEntry,
    /// The local store failed.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// What an operation does, with its members as JSON.
pub(crate) enum Change {
    Create(serde_json::Value),
    Update(Version, serde_json::Value),
    Delete,
}

/// Members as JSON. They are structs of texts, numbers and lists.
pub(crate) fn members(members: &impl serde::Serialize) -> Result<serde_json::Value, ReplicaError> {
    serde_json::to_value(members).map_err(ReplicaError::damaged)
}

impl Client {
    /// Runs `work` in one transaction: what it writes is kept, all of it or, when it fails, nothing.
    pub(crate) fn edit<T, E: From<ReplicaError>>(
        &self,
        work: impl FnOnce(&Editor<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.replica().edit(work)
    }

    /// An operation with an id of its own, which it keeps at each retry.
    pub(crate) fn operation(&self, key: Key, change: Change) -> NewOperation {
        operation(self.ids.next_id(), self.clock.now(), key, change)
    }
}

pub(crate) fn operation(op_id: Uuid, at: Timestamp, key: Key, change: Change) -> NewOperation {
    let (action, base_version, fields) = match change {
        Change::Create(fields) => (ActionName::Create, None, Some(fields)),
        Change::Update(base, fields) => (ActionName::Update, Some(base.get()), Some(fields)),
        Change::Delete => (ActionName::Delete, None, None),
    };
    let entity = match key.entity {
        kanso_domain::Entity::Habit => EntityName::Habit,
        kanso_domain::Entity::Entry => EntityName::Entry,
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
            group: None,
            fields,
        },
        at,
    }
}
