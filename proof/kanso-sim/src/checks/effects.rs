//! What the answers say was done to each record, version by version.

use std::collections::{BTreeMap, BTreeSet};

use kanso_protocol::sync::{ActionName, OperationRequest, OperationResult, OperationStatus};
use serde_json::Value;
use uuid::Uuid;

use crate::history::{Actor, History};

/// The members that are followed: texts that are written as they are given.
const FOLLOWED: [&str; 4] = ["title", "description", "color", "notes"];

/// A person's record.
pub(super) type RecordKey = (u32, Uuid);

/// One change of a record that the server said it made.
#[derive(Clone, Debug)]
pub(super) struct Effect {
    pub(super) actor: Actor,
    pub(super) operation: OperationRequest,
    /// Only a retry tells of it: what it did when it was new is not known for sure.
    pub(super) is_from_retry: bool,
    /// When the answer arrived that told it, if it did.
    pub(super) delivered_at: Option<usize>,
}

/// The changes of one record.
#[derive(Clone, Debug, Default)]
pub(super) struct VersionChain {
    /// What answers tell of, by version.
    pub(super) versions: BTreeMap<i64, Vec<Effect>>,
    /// What went out and was never answered, although nothing waits any more: after a standby took
    /// over, a device gives what it writes another id (`docs/sync.md`), and nobody asks for the first
    /// one again. Each of them may have made one version.
    pub(super) unanswered: Vec<OperationRequest>,
}

/// What was done to the records.
pub(super) type Effects = BTreeMap<RecordKey, VersionChain>;

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
enum Evidence {
    /// It tells what was done.
    FirstAnswer,
    /// Only a retry tells of it; the answer before was never given.
    Retry,
    /// The same, of a delete, which more often than others found nothing to change.
    DeleteRetry,
}

/// All effects that answers tell of, whether or not the answers arrived.
pub(super) fn effects(history: &History) -> Effects {
    let mut effects = Effects::new();
    let mut told = BTreeSet::new();
    for evidence in [
        Evidence::FirstAnswer,
        Evidence::Retry,
        Evidence::DeleteRetry,
    ] {
        for (exchange, request, serving, response) in history.syncs() {
            for (operation, result) in answered(&request.operations, &response.results) {
                if result.status == OperationStatus::Noop {
                    told.insert(operation.op_id);
                }
                let (true, Some(version)) = (evidence.is_of(operation, result), result.version)
                else {
                    continue;
                };
                let is_from_retry = evidence != Evidence::FirstAnswer;
                if !told.insert(operation.op_id) && is_from_retry {
                    continue;
                }
                let key = (exchange.actor.person, operation.id);
                let chain: &mut VersionChain = effects.entry(key).or_default();
                let made = chain.versions.entry(version).or_default();
                // A retry of what changed nothing names the version that it found: of several of
                // which only retries tell, any may have made it.
                let is_known = made.iter().any(|effect| !effect.is_from_retry);
                let is_late = evidence == Evidence::DeleteRetry && !made.is_empty();
                if is_from_retry && (is_known || is_late) {
                    continue;
                }
                made.push(Effect {
                    actor: exchange.actor,
                    operation: operation.clone(),
                    is_from_retry,
                    delivered_at: serving.delivered_at,
                });
            }
        }
    }
    for (key, operation) in unanswered(history) {
        if let Some(chain) = effects.get_mut(&key) {
            chain.unanswered.push(operation);
        }
    }
    effects
}

/// The operations that went out and that no answer names, each once.
fn unanswered(history: &History) -> impl Iterator<Item = (RecordKey, OperationRequest)> {
    let mut open = BTreeMap::new();
    for exchange in &history.exchanges {
        for operation in exchange.sync.iter().flat_map(|sync| &sync.operations) {
            let key = (exchange.actor.person, operation.id);
            open.insert(operation.op_id, (key, operation.clone()));
        }
    }
    for (_, request, _, response) in history.syncs() {
        for (operation, _) in answered(&request.operations, &response.results) {
            open.remove(&operation.op_id);
        }
    }
    open.into_values()
}

impl VersionChain {
    /// The newest version of which an answer tells.
    pub(super) fn newest(&self) -> i64 {
        self.versions.keys().next_back().copied().unwrap_or(0)
    }

    /// The versions up to `newest` of which no answer tells.
    pub(super) fn unexplained_versions(&self, newest: i64) -> impl Iterator<Item = i64> {
        (1..=newest).filter(|version| !self.versions.contains_key(version))
    }

    /// The states of the record, by version. From a version on of which no answer tells, nothing is
    /// known of what an operation without an answer may have changed.
    pub(super) fn states(&self) -> BTreeMap<i64, ExpectedState> {
        let mut state = ExpectedState::default();
        let mut last = 0;
        let step = |(&version, effects): (&i64, &Vec<Effect>)| {
            if version > last + 1 {
                state.make_unknown(&self.unanswered);
            }
            last = version;
            let operations = effects.iter().map(|effect| &effect.operation);
            if effects.len() > 1 && effects.iter().all(|effect| effect.is_from_retry) {
                state.make_unknown(operations);
            } else {
                operations.for_each(|operation| state.apply(operation));
            }
            (version, state.clone())
        };
        self.versions.iter().map(step).collect()
    }
}

impl Evidence {
    fn is_of(self, operation: &OperationRequest, result: &OperationResult) -> bool {
        let is_delete = operation.action == ActionName::Delete;
        match result.status {
            OperationStatus::Applied | OperationStatus::Merged => self == Self::FirstAnswer,
            OperationStatus::Duplicate if is_delete => self == Self::DeleteRetry,
            OperationStatus::Duplicate => self == Self::Retry,
            _ => false,
        }
    }
}

/// What a record should be after a version, as far as answers tell.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ExpectedState {
    /// The followed members that somebody gave.
    pub(super) members: BTreeMap<&'static str, String>,
    /// What increments added, in thousandths.
    pub(super) added: Option<i64>,
    pub(super) is_deleted: Option<bool>,
}

impl Default for ExpectedState {
    fn default() -> Self {
        Self {
            members: BTreeMap::new(),
            added: Some(0),
            is_deleted: Some(false),
        }
    }
}

impl ExpectedState {
    /// Any of these may have been carried out.
    pub(super) fn make_unknown<'a>(
        &mut self,
        operations: impl IntoIterator<Item = &'a OperationRequest>,
    ) {
        for operation in operations {
            for (member, _) in followed(operation) {
                self.members.remove(member);
            }
            match operation.action {
                ActionName::Increment => self.added = None,
                ActionName::Delete | ActionName::Create => self.is_deleted = None,
                ActionName::Update if operation.revive && self.is_deleted == Some(true) => {
                    self.is_deleted = None;
                }
                ActionName::Update => {}
            }
        }
    }

    fn apply(&mut self, operation: &OperationRequest) {
        match operation.action {
            ActionName::Delete => self.is_deleted = Some(true),
            ActionName::Increment => {
                let added = thousandths(operation.fields.as_ref());
                self.added = self.added.map(|sum| sum + added);
            }
            ActionName::Create | ActionName::Update => {
                self.is_deleted = Some(false);
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
