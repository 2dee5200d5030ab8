//! What must hold of every operation: checks 3, 4 and 7.

use std::collections::{BTreeMap, BTreeSet};

use kanso_protocol::sync::{ActionName, OperationStatus};
use uuid::Uuid;

use super::effects::{answered, is_done};
use crate::finding::{Check, Finding};
use crate::history::History;

/// What answers said of one operation.
#[derive(Default)]
struct Told {
    /// How often it was said to be done for the first time.
    first_times: u32,
    /// The versions that it was said to have made.
    versions: BTreeSet<i64>,
    was_done: bool,
    was_refused: bool,
}

/// What became of what a group wants of one record. A device that sends it under a second id, because
/// a standby took over meanwhile, wants nothing more by that.
#[derive(Default)]
struct Member {
    /// One of its operations was done.
    was_done: bool,
    /// One of its operations went out and was never answered: it may have been done.
    may_be_done: bool,
}

/// An operation has one result and one effect, a group is carried out wholly or not at all.
pub(super) fn once(history: &History) -> Vec<Finding> {
    let mut told: BTreeMap<Uuid, Told> = BTreeMap::new();
    for (_, request, _, response) in history.syncs() {
        for (operation, result) in answered(&request.operations, &response.results) {
            let one = told.entry(operation.op_id).or_default();
            let status = result.status;
            if is_done(status) {
                one.was_done = true;
                one.first_times += u32::from(status != OperationStatus::Duplicate);
                one.versions.extend(result.version);
            } else {
                one.was_refused |= status != OperationStatus::Deferred;
            }
        }
    }
    let mut findings = Vec::new();
    for (op_id, one) in &told {
        let mut wrong = |what: String| findings.push(Finding::new(Check::ExactlyOnce, what));
        if one.first_times > 1 {
            wrong(format!(
                "operation {op_id} was carried out {} times",
                one.first_times
            ));
        }
        if one.versions.len() > 1 {
            wrong(format!(
                "operation {op_id} made versions {:?}",
                one.versions
            ));
        }
        if one.was_done && one.was_refused {
            wrong(format!("operation {op_id} was done and refused"));
        }
    }
    findings.extend(groups(history, &told));
    findings
}

/// The groups of which a part was carried out and another part certainly was not.
fn groups(history: &History, told: &BTreeMap<Uuid, Told>) -> Vec<Finding> {
    let mut groups: BTreeMap<&str, BTreeMap<Uuid, Member>> = BTreeMap::new();
    let pushed = history.exchanges.iter().flat_map(|exchange| &exchange.sync);
    for operation in pushed.flat_map(|push| &push.operations) {
        let Some(group) = &operation.group else {
            continue;
        };
        let members = groups.entry(group).or_default();
        let member = members.entry(operation.id).or_default();
        let answer = told.get(&operation.op_id);
        member.was_done |= answer.is_some_and(|one| one.was_done);
        member.may_be_done |= answer.is_none();
    }
    let half = |(group, members): (&str, BTreeMap<Uuid, Member>)| {
        let all = members.len();
        let done = members.values().filter(|member| member.was_done).count();
        let is_undone = |member: &Member| !member.was_done && !member.may_be_done;
        let is_half = done > 0 && members.values().any(is_undone);
        let what = || format!("of the {all} records of group {group} {done} were written");
        is_half.then(|| Finding::new(Check::AllOrNone, what()))
    };
    groups.into_iter().filter_map(half).collect()
}

/// After a delete was acknowledged, nobody who asks later is shown an older state as alive.
pub(super) fn deleted(history: &History) -> Vec<Finding> {
    let mut gone: BTreeMap<(u32, Uuid), (usize, i64)> = BTreeMap::new();
    let mut findings = Vec::new();
    for (exchange, request, serving, response) in history.syncs() {
        let person = exchange.who.person;
        for change in response
            .changes
            .iter()
            .filter_map(|change| change.read().ok())
        {
            let kanso_protocol::sync::ChangeContent::Record(record) = change else {
                continue;
            };
            let Some((known_at, version)) = gone.get(&(person, record.id())) else {
                continue;
            };
            let shown = record.stamp();
            let is_old = shown.version.get() < *version;
            if exchange.sent_at > *known_at && !shown.is_deleted() && is_old {
                let what = format!(
                    "{} is shown version {} of {}, which was deleted as version {version}",
                    exchange.who,
                    shown.version,
                    record.id()
                );
                findings.push(Finding::new(Check::DeletedStaysDeleted, what));
            }
        }
        for (operation, result) in answered(&request.operations, &response.results) {
            let is_delete = operation.action == ActionName::Delete;
            if let (true, true, Some(version), Some(known_at)) = (
                is_delete,
                result.status == OperationStatus::Applied,
                result.version,
                serving.delivered_at,
            ) {
                gone.insert((person, operation.id), (known_at, version));
            }
        }
    }
    findings
}
