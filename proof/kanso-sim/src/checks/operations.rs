//! Checks 3, 4 and 7: promises about every operation.
//!
//! Check 3 collects all answers by operation id: at most one first result, one version, one
//! verdict. Check 4 does the same by group. Check 7 keeps the version of each acknowledged delete
//! and compares later pages with it. One pass each.

use std::collections::{BTreeMap, BTreeSet};

use kanso_protocol::sync::{ActionName, OperationStatus};
use uuid::Uuid;

use super::effects::{answered, is_done};
use crate::finding::{Check, Finding};
use crate::history::History;

/// All answers to one operation.
#[derive(Default)]
struct OperationAnswers {
    /// Number of answers that report it as carried out for the first time.
    first_times: u32,
    /// Versions that it was reported to have made.
    versions: BTreeSet<i64>,
    was_done: bool,
    was_refused: bool,
}

/// State of one record of a group. After a failover a device sends the same write under a second
/// id, so a group counts records, not operations.
#[derive(Default)]
struct GroupPart {
    /// True if one of its operations was carried out.
    was_done: bool,
    /// True if one of its operations was never answered, so it may have been carried out.
    may_be_done: bool,
}

/// Check 3: an operation has one result and one effect. Check 4: a group is carried out all or
/// none.
pub(super) fn once(history: &History) -> Vec<Finding> {
    let mut answers: BTreeMap<Uuid, OperationAnswers> = BTreeMap::new();
    for (_, request, _, response) in history.syncs() {
        for (operation, result) in answered(&request.operations, &response.results) {
            let one = answers.entry(operation.op_id).or_default();
            // `duplicate` counts as carried out, but not as a first time.
            let status = result.status;
            if is_done(status) {
                one.was_done = true;
                one.first_times += u32::from(status != OperationStatus::Duplicate);
                one.versions.extend(result.version);
            } else {
                // An operation that waits has no result yet: it is sent again.
                let waits = [OperationStatus::Deferred, OperationStatus::OverQuota];
                one.was_refused |= !waits.contains(&status);
            }
        }
    }
    let mut findings = Vec::new();
    for (op_id, one) in &answers {
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
    findings.extend(groups(history, &answers));
    findings
}

/// Returns the groups with both a record that was written and one that certainly was not.
fn groups(history: &History, answers: &BTreeMap<Uuid, OperationAnswers>) -> Vec<Finding> {
    let mut groups: BTreeMap<&str, BTreeMap<Uuid, GroupPart>> = BTreeMap::new();
    let pushed = history.exchanges.iter().flat_map(|exchange| &exchange.sync);
    for operation in pushed.flat_map(|push| &push.operations) {
        let Some(group) = &operation.group else {
            continue;
        };
        let members = groups.entry(group).or_default();
        let member = members.entry(operation.id).or_default();
        let answer = answers.get(&operation.op_id);
        member.was_done |= answer.is_some_and(|one| one.was_done);
        member.may_be_done |= answer.is_none();
    }
    let half = |(group, members): (&str, BTreeMap<Uuid, GroupPart>)| {
        let all = members.len();
        let done = members.values().filter(|member| member.was_done).count();
        let is_undone = |member: &GroupPart| !member.was_done && !member.may_be_done;
        let is_half = done > 0 && members.values().any(is_undone);
        let what = || format!("{done} of the {all} records of group {group} were written");
        is_half.then(|| Finding::new(Check::AllOrNone, what()))
    };
    groups.into_iter().filter_map(half).collect()
}

/// Check 7: a request sent after an acknowledged delete never shows an older state as live.
pub(super) fn deleted(history: &History) -> Vec<Finding> {
    let mut gone: BTreeMap<(u32, Uuid), (usize, i64)> = BTreeMap::new();
    let mut findings = Vec::new();
    for (exchange, request, serving, response) in history.syncs() {
        let person = exchange.actor.person;
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
            // Only requests sent after the acknowledgement count: an earlier one may read an
            // earlier state.
            if exchange.sent_at > *known_at && !shown.is_deleted() && is_old {
                let what = format!(
                    "{} got version {} of {}, which was deleted as version {version}",
                    exchange.actor,
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
