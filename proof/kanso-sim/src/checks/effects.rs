//! Effects on each record, version by version, as the answers report them.
//!
//! A version of a record is made by one operation under a lock on the user's row. So the answers
//! order the effects of a record without a search over interleavings, and every check reads the
//! history once.

use std::collections::{BTreeMap, BTreeSet};

use kanso_protocol::sync::{ActionName, OperationRequest, OperationResult, OperationStatus};
use serde_json::Value;
use uuid::Uuid;

use super::authors::{Author, Authors};
use crate::history::History;

/// Members that are followed: texts that are stored as they were sent.
const FOLLOWED: [&str; 4] = ["title", "description", "color", "notes"];

/// A user's record.
pub(super) type RecordKey = (u32, Uuid);

/// One change of a record that an answer reported.
#[derive(Clone, Debug)]
pub(super) struct Effect {
    pub(super) author: Author,
    pub(super) operation: OperationRequest,
    /// True if only a retry reported it, so the effect of the first attempt is uncertain.
    pub(super) is_from_retry: bool,
    /// Place in the history where the answer was delivered, if it was.
    pub(super) delivered_at: Option<usize>,
}

/// Changes of one record.
#[derive(Clone, Debug, Default)]
pub(super) struct VersionChain {
    /// Reported effects, by version.
    pub(super) versions: BTreeMap<i64, Vec<Effect>>,
    /// Operations that were sent and never answered, although no outbox waits. After a failover a
    /// device sends its writes under new ids (`docs/sync.md`), so the first ids are never asked for
    /// again. Each of them may have made one version.
    pub(super) unanswered: Vec<OperationRequest>,
}

/// Effects on all records.
pub(super) type Effects = BTreeMap<RecordKey, VersionChain>;

/// Returns the operations of a push with their results.
pub(super) fn answered<'a>(
    operations: &'a [OperationRequest],
    results: &'a [OperationResult],
) -> impl Iterator<Item = (&'a OperationRequest, &'a OperationResult)> {
    // Results stand in the order of the operations, but the history has only the operations that can
    // be read, so results may come between.
    let mut rest = results.iter();
    operations.iter().filter_map(move |operation| {
        let before = rest.clone();
        let found = rest.find(|result| result.op_id == Some(operation.op_id));
        if found.is_none() {
            rest = before;
        }
        Some((operation, found?))
    })
}

/// Returns true if a result reports that the operation was carried out.
pub(super) const fn is_done(status: OperationStatus) -> bool {
    matches!(
        status,
        OperationStatus::Applied
            | OperationStatus::Merged
            | OperationStatus::Noop
            | OperationStatus::Duplicate
    )
}

/// Strength of the evidence that an answer gives about the effect of its operation.
///
/// A first answer says which version the operation made. A retry answers `duplicate` with the
/// current version of the receipt: for an operation that changed nothing, another operation made
/// that version. Deletes are the weakest, because most deletes that find a tombstone are no-ops.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Evidence {
    /// The first answer.
    FirstAnswer,
    /// Only a retry; the first answer was lost.
    Retry,
    /// Only the retry of a delete.
    DeleteRetry,
}

/// Returns all reported effects, delivered or not.
pub(super) fn effects(history: &History, authors: &Authors) -> Effects {
    let mut effects = Effects::new();
    let mut reported = BTreeSet::new();
    // Three passes, strongest evidence first, so that a retry never displaces a first answer.
    for evidence in [
        Evidence::FirstAnswer,
        Evidence::Retry,
        Evidence::DeleteRetry,
    ] {
        for (exchange, request, serving, response) in history.syncs() {
            for (operation, result) in answered(&request.operations, &response.results) {
                // A no-op changed nothing, so a later retry of it must not count as an effect.
                if result.status == OperationStatus::Noop {
                    reported.insert(operation.op_id);
                }
                let (true, Some(version)) = (evidence.is_of(operation, result), result.version)
                else {
                    continue;
                };
                let is_from_retry = evidence != Evidence::FirstAnswer;
                if !reported.insert(operation.op_id) && is_from_retry {
                    continue;
                }
                let key = (exchange.actor.person, operation.id);
                let chain: &mut VersionChain = effects.entry(key).or_default();
                let made = chain.versions.entry(version).or_default();
                // A retry of a no-op names the version that it found. If only retries name a
                // version, any of them may have made it.
                let is_known = made.iter().any(|effect| !effect.is_from_retry);
                let is_late = evidence == Evidence::DeleteRetry && !made.is_empty();
                if is_from_retry && (is_known || is_late) {
                    continue;
                }
                made.push(Effect {
                    author: authors.at(exchange.actor, exchange.sent_at),
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

/// Returns the operations that were sent and that no answer names, each once.
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

impl Effect {
    /// Returns true if the operation sets the member `name`.
    pub(super) fn sets(&self, name: &str) -> bool {
        let fields = self.operation.fields.as_ref();
        fields.is_some_and(|fields| fields.get(name).is_some())
    }
}

impl VersionChain {
    /// Returns true if a first answer reports which operation made this version.
    pub(super) fn is_explained(&self, version: i64) -> bool {
        let made = self.versions.get(&version);
        made.is_some_and(|made| made.iter().any(|effect| !effect.is_from_retry))
    }

    /// Newest reported version.
    pub(super) fn newest(&self) -> i64 {
        self.versions.keys().next_back().copied().unwrap_or(0)
    }

    /// Returns the versions up to `newest` that no answer reports.
    pub(super) fn unexplained_versions(&self, newest: i64) -> impl Iterator<Item = i64> {
        (1..=newest).filter(|version| !self.versions.contains_key(version))
    }

    /// Returns the expected states of the record, by version. After a gap of unreported versions,
    /// every member that an unanswered operation may have changed is unknown.
    pub(super) fn states(&self) -> BTreeMap<i64, ExpectedState> {
        let mut state = ExpectedState::default();
        let mut last = 0;
        let step = |(&version, effects): (&i64, &Vec<Effect>)| {
            if version > last + 1 {
                state.make_unknown(&self.unanswered);
            }
            last = version;
            let operations = effects.iter().map(|effect| &effect.operation);
            // Several retries name this version and it is uncertain which made it.
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

/// Expected state of a record after a version. A missing or `None` value is unknown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ExpectedState {
    /// Followed members with a known text.
    pub(super) members: BTreeMap<&'static str, String>,
    /// Sum of the increments, in thousandths.
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
    /// Marks as unknown everything that these operations may have changed.
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

/// Returns the followed members that an operation sets. Upper case, because the server may
/// normalise a color.
pub(super) fn followed(
    operation: &OperationRequest,
) -> impl Iterator<Item = (&'static str, String)> + use<'_> {
    operation.fields.iter().flat_map(texts)
}

/// Returns the followed members that a record or the fields of an operation have.
pub(super) fn texts(members: &Value) -> impl Iterator<Item = (&'static str, String)> + use<'_> {
    FOLLOWED.iter().filter_map(move |&name| {
        let text = members.get(name)?.as_str()?;
        Some((name, text.to_uppercase()))
    })
}

/// Returns the `value` member in thousandths.
#[expect(
    clippy::cast_possible_truncation,
    reason = "amounts have three decimals at most and are far below 2^53"
)]
fn thousandths(fields: Option<&Value>) -> i64 {
    let value = fields.and_then(|fields| fields.get("value")?.as_f64());
    (value.unwrap_or_default() * 1_000.0).round() as i64
}
