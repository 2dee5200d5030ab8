//! Fingerprints of operations and of calls: a canonical text of the content, hashed.
//!
//! Servers of several releases compare these hashes for as long as receipts are kept. The text is
//! therefore written here by hand, member by member: no `Debug` and no `Display` of a type of this
//! workspace or of a library is part of it, so renaming a type, a variant or a field changes
//! nothing. `tests/golden/operations.json` and `tests/golden/requests.json` pin it.
//!
//! The text is a first line with its name and version, then one line `name=value` for each member
//! that is there, in a fixed order. A text value begins with its length in bytes, so no content can
//! look like another line. `docs/formats.md` describes every value.

mod canonical;
mod v0_1_0;

use kanso_domain::sync::{Action, Base, Edit, Fingerprint, FingerprintForm, Operation};
use kanso_domain::{EntryId, HabitId};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::idempotency::{Call, Content};
use crate::sync::OperationRequest;
use canonical::{Canonical, Members};

/// Returns the fingerprint of `request`, which was read as `operation`; `None` if it could not be
/// read.
pub(crate) fn of_operation(
    form: FingerprintForm,
    request: &OperationRequest,
    operation: &Operation,
) -> Option<Fingerprint> {
    let text = operation_text(operation)?;
    Some(match form {
        FingerprintForm::Current => Fingerprint::of_hash(hash(&text)),
        FingerprintForm::V0_1_0 => Fingerprint::from_bytes(hash(&v0_1_0::operation(request))),
    })
}

/// Returns the fingerprint of `call`.
pub(crate) fn of_call(form: FingerprintForm, call: &Call<'_>) -> Fingerprint {
    match form {
        FingerprintForm::Current => Fingerprint::of_hash(hash(&call_text(call))),
        FingerprintForm::V0_1_0 => Fingerprint::from_bytes(hash(&v0_1_0::call(call))),
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

fn operation_text(operation: &Operation) -> Option<String> {
    let mut text = match &operation.action {
        Action::Habit(id, edit) => readable("habit", id.uuid(), edit),
        Action::Entry(id, edit) => readable("entry", id.uuid(), edit),
        Action::Increment(id, change) => {
            let mut text = begin("entry", "increment", id.uuid());
            text.number("value", change.thousandths());
            text
        }
        Action::Unreadable(_) => return None,
    };
    // The policy as it is applied: `merge` may be written or left out.
    text.word(
        "on_conflict",
        canonical::on_conflict(operation.policy.on_conflict),
    );
    text.word("revive", canonical::boolean(operation.policy.revive));
    // Not the size of the group: a client that learns to send it between two attempts still sends
    // the same operation.
    if let Some(group) = &operation.group {
        text.text("group", group);
    }
    Some(text.finish())
}

fn begin(entity: &str, action: &str, id: Uuid) -> Canonical {
    let mut text = Canonical::titled("kanso operation 1");
    text.word("entity", entity);
    text.word("action", action);
    text.uuid("id", id);
    text
}

fn readable<F: Members>(entity: &str, id: Uuid, edit: &Edit<F>) -> Canonical {
    match edit {
        Edit::Create(fields) => {
            let mut text = begin(entity, "create", id);
            fields.write(&mut text);
            text
        }
        Edit::Update { base, fields } => {
            let mut text = begin(entity, "update", id);
            write_base(&mut text, *base);
            fields.write(&mut text);
            text
        }
        Edit::Delete { base, erases_texts } => {
            let mut text = begin(entity, "delete", id);
            write_base(&mut text, *base);
            write_purge(&mut text, *erases_texts);
            text
        }
    }
}

fn write_base(text: &mut Canonical, base: Base) {
    match base {
        Base::Version(version) => text.number("base", version.get()),
        Base::Any => text.word("base", "any"),
    }
}

/// A deletion of an earlier client has no such member, and its text must not change.
fn write_purge(text: &mut Canonical, purge: bool) {
    if purge {
        text.word("purge", canonical::boolean(purge));
    }
}

fn call_text(call: &Call<'_>) -> String {
    let mut text = Canonical::titled("kanso request 1");
    text.text("method", call.method);
    text.count("nth", call.nth);
    let mut begin = |entity, id: Option<Uuid>| {
        text.word("entity", entity);
        if let Some(id) = id {
            text.uuid("id", id);
        }
    };
    match &call.content {
        Content::CreateHabit { request, fields } => {
            begin("habit", request.id);
            fields.write(&mut text);
        }
        Content::CreateEntry { request, fields } => {
            begin("entry", request.id);
            fields.write(&mut text);
        }
        Content::UpdateHabit { id, base, fields } => {
            begin("habit", Some(HabitId::uuid(*id)));
            write_base(&mut text, *base);
            fields.write(&mut text);
        }
        Content::UpdateEntry { id, base, fields } => {
            begin("entry", Some(EntryId::uuid(*id)));
            write_base(&mut text, *base);
            fields.write(&mut text);
        }
        Content::DeleteHabit { id, base, purge } => {
            begin("habit", Some(HabitId::uuid(*id)));
            write_base(&mut text, *base);
            write_purge(&mut text, *purge);
        }
        Content::DeleteEntry { id, base, purge } => {
            begin("entry", Some(EntryId::uuid(*id)));
            write_base(&mut text, *base);
            write_purge(&mut text, *purge);
        }
    }
    text.finish()
}

#[cfg(test)]
mod tests;
