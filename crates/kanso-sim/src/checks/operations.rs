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
    group: Option<String>,
}

/// An operation has one result and one effect, a group is carried out wholly or not at all.
pub(super) fn once(history: &History) -> Vec<Finding> {
    let mut told: BTreeMap<Uuid, Told> = BTreeMap::new();
    for (_, request, _, response) in history.syncs() {
        for (operation, result) in answered(&request.operations, &response.results) {
            let one = told.entry(operation.op_id).or_default();
            one.group.clone_from(&operation.group);
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
    let mut groups: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
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
        if let Some(group) = &one.group {
            let (done, all) = groups.entry(group).or_default();
            *done += u32::from(one.was_done);
            *all += 1;
        }
    }
    for (group, (done, all)) in groups {
        if done != 0 && done != all {
            let what = format!("of the {all} operations of group {group} {done} were carried out");
            findings.push(Finding::new(Check::AllOrNone, what));
        }
    }
    findings
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
            let kanso_protocol::sync::Changed::Record(record) = change else {
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
