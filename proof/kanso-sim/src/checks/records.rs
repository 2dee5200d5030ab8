//! Checks 1, 2 and 5: promises about every record.
//!
//! Check 2 proves that the versions of a record form one chain and that no edit overwrites one that
//! it has not seen. Check 1 compares the end of the chain with the final record. Check 5 compares
//! each record of each page with its version in the chain. A page or record is looked up by
//! version, so the checks are linear in the history.

use std::collections::BTreeMap;

use kanso_protocol::sync::{ActionName, Change, OnConflictName};
use serde_json::Value;
use uuid::Uuid;

use super::authors::Authors;
use super::effects::{Effect, Effects, ExpectedState, RecordKey, VersionChain, answered, followed};
use crate::final_state::{FinalState, FinalUser, RecordState};
use crate::finding::{Check, Finding};
use crate::history::{Actor, History};

/// Compares each record, on every page and at the end, with its reported effects.
pub(super) fn check(
    history: &History,
    authors: &Authors,
    effects: &Effects,
    end_state: &FinalState,
) -> Vec<Finding> {
    let states: BTreeMap<RecordKey, BTreeMap<i64, ExpectedState>> = effects
        .iter()
        .map(|(key, chain)| (*key, chain.states()))
        .collect();
    let mut findings = Vec::new();
    for ((person, id), chain) in effects {
        let Some(person) = end_state.people.iter().find(|end| end.person == *person) else {
            continue;
        };
        findings.extend(one_chain(*id, chain, person.records.get(id), authors));
        if let Some(states) = states.get(&(person.person, *id)) {
            findings.extend(acknowledged(*id, chain, states, person));
        }
    }
    findings.extend(pages(history, &states));
    findings.extend(conflicts_with_itself(history, authors, effects));
    findings
}

/// Check 2: each version was made by exactly one change, and no change overwrites a conflicting
/// one.
fn one_chain(
    id: Uuid,
    chain: &VersionChain,
    end: Option<&RecordState>,
    authors: &Authors,
) -> Vec<Finding> {
    let mut wrong = Vec::new();
    let newest = chain.newest().max(end.map_or(0, |end| end.version));
    // Each unanswered operation may explain one missing version, but only one.
    if chain.unexplained_versions(newest).count() > chain.unanswered.len() {
        let unmade = |version| format!("version {version} of {id} was made by no operation");
        wrong.extend(chain.unexplained_versions(newest).map(unmade));
    }
    for (version, made) in &chain.versions {
        let sure = made.iter().filter(|effect| !effect.is_from_retry).count();
        if sure > 1 {
            wrong.push(format!("version {version} of {id} was made {sure} times"));
        }
    }
    let mut edited: BTreeMap<&str, (i64, &Effect, String)> = BTreeMap::new();
    for (&version, made) in &chain.versions {
        for effect in made.iter().filter(|effect| !effect.is_from_retry) {
            let operation = &effect.operation;
            let is_merged = operation.action == ActionName::Update
                && operation.on_conflict != Some(OnConflictName::Client);
            for (member, text) in followed(operation) {
                if let Some((last, earlier, theirs)) = edited.get(member)
                    && let Some(base) = operation.base_version.filter(|_| is_merged)
                    // A merge must see the last edit of each field that it sets. `on_conflict:
                    // client` overwrites on purpose, and a replica may overwrite its own text. A
                    // device with a backup has another replica than the one that wrote after it.
                    && (*last > base && *theirs != text)
                    && !authors.knows(effect.author, earlier.operation.op_id)
                {
                    wrong.push(format!(
                        "{} wrote {member} of {id} as version {version} on {base}, over what {} \
                         had written as {last}",
                        effect.author.actor, earlier.author.actor
                    ));
                }
                edited.insert(member, (version, effect, text));
            }
        }
    }
    let finding = |what| Finding::new(Check::OneChain, what);
    wrong.into_iter().map(finding).collect()
}

/// Check 2: no edit of a replica conflicts with other edits of the same replica only.
fn conflicts_with_itself(history: &History, authors: &Authors, effects: &Effects) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (exchange, request, _, response) in history.syncs() {
        // A browser has no device id, so the server cannot know its edits.
        if !(1..Actor::FOLLOWER).contains(&exchange.actor.device) {
            continue;
        }
        let author = authors.at(exchange.actor, exchange.sent_at);
        for (operation, result) in answered(&request.operations, &response.results) {
            let (Some(conflict), Some(base)) = (&result.conflict, operation.base_version) else {
                continue;
            };
            let chain = effects.get(&(exchange.actor.person, operation.id));
            let (Some(chain), Some(stored)) = (chain, conflict.record["version"].as_i64()) else {
                continue;
            };
            // A version that no answer explains may be one of another device.
            let is_known = (base + 1..=stored).all(|version| chain.is_explained(version));
            if base >= stored || !is_known {
                continue;
            }
            let between = || chain.versions.range(base + 1..=stored);
            let edits = between().flat_map(|(_, effects)| effects);
            let mut clashing = edits.filter(|effect| {
                let is_other = effect.operation.op_id != operation.op_id;
                is_other && conflict.clashing.iter().any(|name| effect.sets(name))
            });
            let is_own = |effect: &Effect| authors.knows(author, effect.operation.op_id);
            if let Some(first) = clashing.next()
                && is_own(first)
                && clashing.all(is_own)
            {
                let what = format!(
                    "{} conflicts with itself: {:?} of {} on {base}",
                    exchange.actor, conflict.clashing, operation.id
                );
                findings.push(Finding::new(Check::OneChain, what));
            }
        }
    }
    findings
}

/// Check 1: the last acknowledged state is there at the end, unless a later one replaced it.
fn acknowledged(
    id: Uuid,
    chain: &VersionChain,
    states: &BTreeMap<i64, ExpectedState>,
    person: &FinalUser,
) -> Option<Finding> {
    let (newest, state) = states.last_key_value()?;
    let (end, mut state) = (person.records.get(&id), state.clone());
    // The record has more versions than the answers report: an unanswered operation made them.
    if end.is_none_or(|end| end.version > *newest) {
        state.make_unknown(&chain.unanswered);
    }
    let finding = |what: String| Some(Finding::new(Check::AckedIsKept, what));
    let Some(end) = end else {
        let habit = chain.versions.values().flatten().find_map(habit_of);
        let is_gone = |habit: Uuid| person.records.get(&habit).is_none_or(|end| end.is_deleted);
        if state.is_deleted != Some(false) || habit.is_some_and(is_gone) {
            return None;
        }
        return finding(format!("{id} is gone without a delete"));
    };
    if end.version < *newest {
        return finding(format!(
            "{id} has version {}, acknowledged was {newest}",
            end.version
        ));
    }
    if state.is_deleted == Some(!end.is_deleted) {
        let (is, should_be) = if end.is_deleted {
            ("deleted", "there")
        } else {
            ("there", "deleted")
        };
        return finding(format!("{id} is {is} and should be {should_be}"));
    }
    let differs = state
        .members
        .iter()
        .find(|(name, text)| member(&end.members, name) != **text);
    if let Some((name, text)) = differs {
        let is = member(&end.members, name);
        return finding(format!(
            "{name} of {id} is {is:?}, acknowledged was {text:?}"
        ));
    }
    None
}

/// Check 5: each page shows each record as it was after its version. Check 1: increments add up.
fn pages(
    history: &History,
    states: &BTreeMap<RecordKey, BTreeMap<i64, ExpectedState>>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut first_values: BTreeMap<RecordKey, i64> = BTreeMap::new();
    for (exchange, _, _, response) in history.syncs() {
        for change in &response.changes {
            let Some(shown) = ShownRecord::of(change) else {
                continue;
            };
            let key = (exchange.actor.person, shown.id);
            let Some(state) = states
                .get(&key)
                .and_then(|states| states.get(&shown.version))
            else {
                continue;
            };
            let wrong = state
                .members
                .iter()
                .find(|(name, text)| shown.members.get(*name).is_some_and(|shown| shown != *text));
            if let Some((name, text)) = wrong {
                let (id, version) = (shown.id, shown.version);
                let is = &shown.members[name];
                let what = format!(
                    "{name} of version {version} of {id} is {is:?} on a page, expected {text:?}"
                );
                findings.push(Finding::new(Check::PagesAddUp, what));
            }
            if let (Some(value), Some(added)) = (shown.value, state.added) {
                // The first value is unknown, but it is the same for all versions: the value minus
                // the increments so far must not change.
                let first = value - added;
                let known = *first_values.entry(key).or_insert(first);
                if known != first {
                    let (id, version) = (shown.id, shown.version);
                    let what = format!(
                        "increments do not add up: version {version} of {id} has {value}, and should have {}",
                        known + added
                    );
                    findings.push(Finding::new(Check::AckedIsKept, what));
                }
            }
        }
    }
    findings
}

/// A record as a page shows it.
pub(super) struct ShownRecord {
    pub(super) id: Uuid,
    version: i64,
    pub(super) members: BTreeMap<&'static str, String>,
    /// In thousandths.
    value: Option<i64>,
}

impl ShownRecord {
    pub(super) fn of(change: &Change) -> Option<Self> {
        let upper = |text: &String| text.to_uppercase();
        Some(match change {
            Change::Habit { record, .. } => Self {
                id: record.id,
                version: record.version,
                members: BTreeMap::from([
                    ("title", upper(&record.title)),
                    ("description", upper(&record.description)),
                    ("color", upper(&record.color)),
                ]),
                value: None,
            },
            Change::Entry { record, .. } => Self {
                id: record.id,
                version: record.version,
                members: BTreeMap::from([("notes", upper(&record.notes))]),
                value: Some(record.value.thousandths()),
            },
            Change::User { .. } => return None,
        })
    }
}

pub(super) fn habit_of(effect: &Effect) -> Option<Uuid> {
    let habit = effect.operation.fields.as_ref()?.get("habit_id")?;
    habit.as_str()?.parse().ok()
}

pub(super) fn member(members: &Value, name: &str) -> String {
    let text = members.get(name).and_then(Value::as_str);
    text.unwrap_or_default().to_uppercase()
}
