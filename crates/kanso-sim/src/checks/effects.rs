//! What the answers say was done to each record, version by version.

use std::collections::{BTreeMap, BTreeSet};

use kanso_protocol::sync::{ActionName, OperationRequest, OperationResult, OperationStatus};
use serde_json::Value;
use uuid::Uuid;

use crate::history::{History, Who};

/// The members that are followed: texts that are written as they are given.
const FOLLOWED: [&str; 4] = ["title", "description", "color", "notes"];

/// A person's record.
pub(super) type Key = (u32, Uuid);

/// One change of a record that the server said it made.
#[derive(Clone, Debug)]
pub(super) struct Effect {
    pub(super) who: Who,
    pub(super) operation: OperationRequest,
    /// Only a retry tells of it: what it did when it was new is not known for sure.
    pub(super) is_hearsay: bool,
    /// When the answer arrived that told it, if it did.
    pub(super) delivered_at: Option<usize>,
}

/// What was done to the records, by version.
pub(super) type Effects = BTreeMap<Key, BTreeMap<i64, Vec<Effect>>>;

/// The operations of a serving with their results.
pub(super) fn answered<'a>(
    operations: &'a [OperationRequest],
    results: &'a [OperationResult],
) -> impl Iterator<Item = (&'a OperationRequest, &'a OperationResult)> {
    let answered = operations.iter().zip(results);
    answered.filter(|(operation, result)| operation.op_id == result.op_id)
}

/// Whether a result says that something was done.
pub(super) const fn is_done(status: OperationStatus) -> bool {
    matches!(
        status,
        OperationStatus::Applied
            | OperationStatus::Merged
            | OperationStatus::Noop
            | OperationStatus::Duplicate
    )
}

/// How sure an answer makes of what its operation did.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// It tells what was done.
    New,
    /// Only a retry tells of it; the answer before was never given.
    Again,
    /// The same, of a delete, which more often than others found nothing to change.
    DeleteAgain,
}

/// All effects that answers tell of, whether or not the answers arrived.
pub(super) fn effects(history: &History) -> Effects {
    let mut effects = Effects::new();
    let mut told = BTreeSet::new();
    for telling in [Telling::New, Telling::Again, Telling::DeleteAgain] {
        for (exchange, request, serving, response) in history.syncs() {
            for (operation, result) in answered(&request.operations, &response.results) {
                if result.status == OperationStatus::Noop {
                    told.insert(operation.op_id);
                }
                let (true, Some(version)) = (telling.is_of(operation, result), result.version)
                else {
                    continue;
                };
                let is_hearsay = telling != Telling::New;
                if !told.insert(operation.op_id) && is_hearsay {
                    continue;
                }
                let key = (exchange.who.person, operation.id);
                let versions: &mut BTreeMap<i64, Vec<Effect>> = effects.entry(key).or_default();
                let made = versions.entry(version).or_default();
                // A retry of what changed nothing names the version that it found.
                if is_hearsay && !made.is_empty() {
                    continue;
                }
                made.push(Effect {
                    who: exchange.who,
                    operation: operation.clone(),
                    is_hearsay,
                    delivered_at: serving.delivered_at,
                });
            }
        }
    }
    effects
}

impl Telling {
    fn is_of(self, operation: &OperationRequest, result: &OperationResult) -> bool {
        let is_delete = operation.action == ActionName::Delete;
        match result.status {
            OperationStatus::Applied | OperationStatus::Merged => self == Self::New,
            OperationStatus::Duplicate if is_delete => self == Self::DeleteAgain,
            OperationStatus::Duplicate => self == Self::Again,
            _ => false,
        }
    }
}

/// What a record should be after a version.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    /// The followed members that somebody gave.
    pub(super) members: BTreeMap<&'static str, String>,
    /// What increments added, in thousandths.
    pub(super) added: i64,
    pub(super) is_deleted: bool,
}

impl State {
    /// The states of a record, by version.
    pub(super) fn fold(versions: &BTreeMap<i64, Vec<Effect>>) -> BTreeMap<i64, Self> {
        let mut state = Self::default();
        let step = |(version, effects): (&i64, &Vec<Effect>)| {
            for effect in effects {
                state.take(&effect.operation);
            }
            (*version, state.clone())
        };
        versions.iter().map(step).collect()
    }

    fn take(&mut self, operation: &OperationRequest) {
        match operation.action {
            ActionName::Delete => self.is_deleted = true,
            ActionName::Increment => self.added += thousandths(operation.fields.as_ref()),
            ActionName::Create | ActionName::Update => {
                self.is_deleted = false;
                self.members.extend(followed(operation));
            }
        }
    }
}

/// The followed members that an operation gives.
pub(super) fn followed(
    operation: &OperationRequest,
) -> impl Iterator<Item = (&'static str, String)> + use<'_> {
    let fields = operation.fields.as_ref();
    FOLLOWED.iter().filter_map(move |&name| {
        let text = fields?.get(name)?.as_str()?;
        Some((name, text.to_uppercase()))
    })
}

/// The value that is given, in thousandths.
#[expect(
    clippy::cast_possible_truncation,
    reason = "amounts have three decimals at most and are far below 2^53"
)]
fn thousandths(fields: Option<&Value>) -> i64 {
    let value = fields.and_then(|fields| fields.get("value")?.as_f64());
    (value.unwrap_or_default() * 1_000.0).round() as i64
}
