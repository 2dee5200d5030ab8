//! Edits: each is one transaction that appends to the outbox, and works with the server away.

mod entries;
mod habits;
mod resolve;

pub(crate) use habits::checked;
pub use resolve::ResolveError;

use std::cell::Cell;

use kanso_domain::{Invalid, Record, Timestamp, Version};
use kanso_protocol::MAX_OPERATIONS;
use kanso_protocol::sync::{ActionName, EntityName, OperationRequest};
use uuid::Uuid;

use crate::Client;
use crate::changes::Origin;
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
    /// A group of more edits than fit into one request.
    #[error("a group may have at most {MAX_OPERATIONS} edits")]
    TooMany,
    /// The local store failed.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// The edits of one transaction. Each sees those before it.
pub struct Edits<'a> {
    client: &'a Client,
    editor: &'a Editor<'a>,
    group: Option<String>,
    count: Cell<usize>,
}

impl std::fmt::Debug for Edits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Edits");
        debug
            .field("group", &self.group)
            .field("count", &self.count);
        debug.finish_non_exhaustive()
    }
}

impl<'a> Edits<'a> {
    const fn new(client: &'a Client, editor: &'a Editor<'a>, group: Option<String>) -> Self {
        Self {
            client,
            editor,
            group,
            count: Cell::new(0),
        }
    }

    /// Puts a change into the outbox; answers with what is shown of its record now.
    fn append(&self, key: Key, change: Change) -> Result<Option<Record>, EditError> {
        let mut operation = self.client.operation(key, change);
        operation.request.group.clone_from(&self.group);
        self.count.set(self.count.get() + 1);
        Ok(self.editor.append(&operation)?)
    }
}

/// What an operation does, with its members as JSON.
pub(crate) enum Change {
    Create(serde_json::Value),
    Update(Version, serde_json::Value),
    Increment(serde_json::Value),
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
        let mut replica = self.replica()?;
        let (done, changed) = replica.edit(|editor| self.while_editing(|| work(editor)))?;
        drop(replica);
        self.publish(Origin::Edit, changed, false);
        Ok(done)
    }

    /// Makes several edits at once: what `work` writes is kept, all of it or, when it fails,
    /// nothing. They reach the server one by one. Until it has ended, `work` reads and writes with
    /// what it is handed; the client itself answers [`ReplicaError::InTransaction`].
    ///
    /// # Errors
    /// Whatever `work` fails with; then nothing was written. The store failed.
    pub fn transaction<T, E: From<ReplicaError>>(
        &self,
        work: impl FnOnce(&Edits<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.edit(|editor| work(&Edits::new(self, editor, None)))
    }

    /// The same, and the server takes all of these edits or none of them: if one is refused, all
    /// of them become failures.
    ///
    /// # Errors
    /// Whatever `work` fails with; then nothing was written. More than [`MAX_OPERATIONS`] edits are
    /// `TooMany`. The store failed.
    pub fn group<T, E: From<EditError> + From<ReplicaError>>(
        &self,
        work: impl FnOnce(&Edits<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let name = self.ids.next_id().to_string();
        self.edit(|editor| {
            let edits = Edits::new(self, editor, Some(name));
            let done = work(&edits)?;
            if edits.count.get() > MAX_OPERATIONS {
                return Err(EditError::TooMany.into());
            }
            Ok(done)
        })
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
        Change::Increment(fields) => (ActionName::Increment, None, Some(fields)),
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
