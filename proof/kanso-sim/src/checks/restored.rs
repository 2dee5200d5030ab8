//! Check 1 after a restore: what was acknowledged is there, or a user decides.
//!
//! A restore loses acknowledged changes, and the devices give them back. Positions and versions of two
//! histories say nothing about each other, so these checks follow the texts of the members, which are
//! unique in a run.

use std::collections::{BTreeMap, BTreeSet};

use kanso_protocol::sync::{ActionName, OnConflictName, OperationStatus};
use uuid::Uuid;

use super::authors::Authors;
use super::effects::{Effects, RecordKey, answered, followed, texts};
use super::records::{ShownRecord, habit_of, member};
use crate::final_state::FinalState;
use crate::finding::{Check, Finding};
use crate::history::{Actor, History};

/// Returns the records that were created, acknowledged and never deleted, and are gone. Some device
/// gave each of them back.
pub(super) fn creations(
    effects: &Effects,
    history: &History,
    authors: &Authors,
    end_state: &FinalState,
) -> Vec<Finding> {
    let unwanted = deleted(history);
    let mut findings = Vec::new();
    for ((person, id), chain) in effects {
        let made = chain.versions.values().flatten().find(|effect| {
            effect.operation.action == ActionName::Create && effect.delivered_at.is_some()
        });
        let Some(made) = made else {
            continue;
        };
        let habit = habit_of(made);
        let was_deleted =
            unwanted.contains(id) || habit.is_some_and(|habit| unwanted.contains(&habit));
        let at = made.delivered_at.unwrap_or_default();
        if was_deleted || authors.is_replaced_after(made.author.actor, at) {
            continue;
        }
        let end = end_state.people.iter().find(|end| end.person == *person);
        let is_there =
            end.is_some_and(|end| end.records.get(id).is_some_and(|end| !end.is_deleted));
        if !is_there {
            let what = format!("{id} was created and acknowledged, never deleted, and is gone");
            findings.push(Finding::new(Check::AckedIsKept, what));
        }
    }
    findings
}

/// Returns the ids of all records that a device tried to delete. A delete counts even if it was never
/// answered: it may have been carried out.
fn deleted(history: &History) -> BTreeSet<Uuid> {
    let pushed = history.exchanges.iter().flat_map(|exchange| &exchange.sync);
    let operations = pushed.flat_map(|push| &push.operations);
    let deletes = operations.filter(|operation| operation.action == ActionName::Delete);
    deletes.map(|operation| operation.id).collect()
}

/// Color of a habit whose user chose none.
const DEFAULT_COLOR: &str = "#4CAF50";

/// A value of a member of a record.
type MemberKey = (RecordKey, &'static str);

/// A text that an operation wrote.
struct WrittenText {
    actor: Actor,
    text: String,
    sent_at: usize,
    /// Place among all operations, in the order in which they were first sent.
    order: usize,
    /// True if it replaces any text, also one that its author has not seen: the user chose so, or it
    /// comes from a browser, which knows nothing of epochs.
    is_forced: bool,
    /// Place in the history where the success was delivered, if it was.
    acknowledged_at: Option<usize>,
}

/// Everything that was written to, shown of, and refused for each member.
#[derive(Default)]
struct MemberHistory {
    written: BTreeMap<MemberKey, Vec<WrittenText>>,
    /// First delivery of each text to each actor.
    shown: BTreeMap<(MemberKey, Actor), BTreeMap<String, usize>>,
    /// Texts that were refused, so that a user decides.
    refused: BTreeSet<(MemberKey, String)>,
}

/// Returns the acknowledged edits that vanished: the member has another value in the end, the server
/// refused no offer of it, and no device that had seen the edit replaced it.
pub(super) fn edits(history: &History, authors: &Authors, end_state: &FinalState) -> Vec<Finding> {
    let unwanted = deleted(history);
    let members = MemberHistory::of(history);
    let mut findings = Vec::new();
    for (key @ ((person, id), name), written) in &members.written {
        let Some(end) = end_state.people.iter().find(|end| end.person == *person) else {
            continue;
        };
        // A missing record is reported as a lost creation.
        let Some(end) = end.records.get(id) else {
            continue;
        };
        let is_deleted = end.is_deleted || unwanted.contains(id);
        if is_deleted || end.habit.is_some_and(|habit| unwanted.contains(&habit)) {
            continue;
        }
        let now = member(&end.members, name);
        for edit in written {
            // A browser keeps nothing, so it can give nothing back.
            let is_device = edit.actor.is_device();
            let Some(at) = edit.acknowledged_at.filter(|_| is_device) else {
                continue;
            };
            // A device that gives a record back writes the defaults too, and they are not unique.
            let is_default = ["", DEFAULT_COLOR].contains(&edit.text.as_str());
            if is_default
                || edit.text == now
                || members.refused.contains(&(*key, edit.text.clone()))
                || authors.is_replaced_after(edit.actor, at)
                || members.is_replaced(*key, edit, authors)
            {
                continue;
            }
            let (actor, text) = (edit.actor, &edit.text);
            let what = format!(
                "{name} of {id} is {now:?}: {text:?} of {actor} was acknowledged and vanished without a \
                 conflict"
            );
            findings.push(Finding::new(Check::AckedIsKept, what));
        }
    }
    findings
}

impl MemberHistory {
    fn of(history: &History) -> Self {
        let mut all = Self::default();
        let mut answers = BTreeMap::new();
        for (exchange, request, serving, response) in history.syncs() {
            let Some(at) = serving.delivered_at else {
                continue;
            };
            let actor = exchange.actor;
            for (operation, result) in answered(&request.operations, &response.results) {
                let key = (actor.person, operation.id);
                match result.status {
                    // A no-op found the value there, or dropped its own: it promises nothing.
                    OperationStatus::Applied
                    | OperationStatus::Merged
                    | OperationStatus::Duplicate => {
                        answers.entry((actor, operation.op_id)).or_insert(at);
                    }
                    OperationStatus::Conflict
                    | OperationStatus::Gone
                    | OperationStatus::Rejected => {
                        let refused = followed(operation);
                        let refused = refused.map(|(name, text)| ((key, name), text));
                        all.refused.extend(refused);
                    }
                    OperationStatus::Noop
                    | OperationStatus::Deferred
                    | OperationStatus::OverQuota => {}
                }
                let stored = result.conflict.as_ref().map(|conflict| &conflict.record);
                if let Some(record) = stored.or(result.record.as_ref()) {
                    all.show(actor, at, operation.id, texts(record));
                }
            }
            for shown in response.changes.iter().filter_map(ShownRecord::of) {
                all.show(actor, at, shown.id, shown.members);
            }
        }
        let mut written = BTreeSet::new();
        for exchange in &history.exchanges {
            let actor = exchange.actor;
            for operation in exchange.sync.iter().flat_map(|sync| &sync.operations) {
                if !written.insert((actor, operation.op_id)) {
                    continue;
                }
                let order = written.len();
                let acknowledged_at = answers.get(&(actor, operation.op_id)).copied();
                for (name, text) in followed(operation) {
                    let key = ((actor.person, operation.id), name);
                    all.written.entry(key).or_default().push(WrittenText {
                        actor,
                        text,
                        sent_at: exchange.sent_at,
                        order,
                        is_forced: actor.device == 0
                            || operation.on_conflict == Some(OnConflictName::Client),
                        acknowledged_at,
                    });
                }
            }
        }
        all
    }

    fn show(
        &mut self,
        actor: Actor,
        at: usize,
        id: Uuid,
        members: impl IntoIterator<Item = (&'static str, String)>,
    ) {
        for (name, text) in members {
            let key = (((actor.person, id), name), actor);
            let texts = self.shown.entry(key).or_default();
            texts.entry(text).or_insert(at);
        }
    }

    /// Returns true if another text was written by an actor that knew this one: it had written the text
    /// itself, a page had shown it the text, or its replica is a copy of one that knew it.
    fn is_replaced(&self, key: MemberKey, edit: &WrittenText, authors: &Authors) -> bool {
        let all = self.written.get(&key).map_or(&[][..], Vec::as_slice);
        let others = all.iter().filter(|other| other.text != edit.text);
        others.into_iter().any(|other| {
            let sources = authors.sources(other.actor, other.sent_at);
            let knew = sources
                .into_iter()
                .enumerate()
                .any(|(nth, (source, until))| {
                    // A device that gives a record back writes the texts of others, so the text counts
                    // and not the operation.
                    let wrote = all.iter().any(|earlier| {
                        // Its own replica knows what stands before it in the same request.
                        let is_before = nth == 0 || earlier.sent_at < until;
                        let is_same = earlier.actor == source && earlier.text == edit.text;
                        is_same && is_before && earlier.order < other.order
                    });
                    let shown = self.shown.get(&(key, source));
                    let shown = shown.and_then(|texts| texts.get(&edit.text));
                    wrote || shown.is_some_and(|shown| *shown < until)
                });
            knew || other.is_forced
        })
    }
}
