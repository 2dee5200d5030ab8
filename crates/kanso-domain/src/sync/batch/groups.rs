//! Groups: operations that are carried out all or none.

use std::collections::BTreeSet;

use super::Batch;
use crate::sync::{
    Action, Conflict, Deferral, Edit, Operation, OperationOutcome, Rejection, RejectionCode, Usage,
};
use crate::validation::Invalid;

use OperationOutcome::{Applied, Deferred, Duplicate, Gone, Merged, Noop, OverQuota, Rejected};

/// Returns the names of the groups whose operations are not next to each other.
pub(super) fn split(operations: &[Operation]) -> BTreeSet<&str> {
    let names = operations
        .iter()
        .map(|operation| operation.group.as_deref());
    // One pass: a name that was seen before and does not continue the run of the last operation
    // belongs to a split group.
    let (mut seen, mut split) = (BTreeSet::new(), BTreeSet::new());
    let mut last = None;
    for name in names {
        if let Some(name) = name.filter(|_| name != last)
            && !seen.insert(name)
        {
            split.insert(name);
        }
        last = name;
    }
    split
}

/// The reason why a group is refused before any of its operations is tried.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Its operations are not next to each other, or some of them are missing.
    NotInOnePiece,
    /// The operations contradict each other about its size.
    WrongSize(Invalid),
    /// An operation of it cannot be read.
    Unreadable,
}

/// Returns the flaw of `group`, the operations of one name that stand next to each other. `is_split`
/// is true if there are more of them elsewhere.
pub(super) fn flaw(group: &[Operation], is_split: bool) -> Option<Flaw> {
    let is_readable = |operation: &&Operation| !matches!(operation.action, Action::Unreadable(_));
    // An operation that cannot be read counts, but what it says of the size is not known.
    let mut sizes = group.iter().filter(is_readable).map(|it| it.group_size);
    let size = sizes.next().flatten();
    let wrong_size = |reason| Some(Flaw::WrongSize(Invalid::one("group_size", reason)));
    if is_split {
        return Some(Flaw::NotInOnePiece);
    }
    if sizes.any(|other| other != size) {
        return wrong_size("must be the same in every operation of the group");
    }
    match size.and_then(|size| usize::try_from(size).ok()) {
        Some(size) if size > group.len() => Some(Flaw::NotInOnePiece),
        Some(size) if size < group.len() => wrong_size("must count every operation of the group"),
        _ if group.iter().all(|it| is_readable(&it)) => None,
        _ => Some(Flaw::Unreadable),
    }
}

/// Returns the reason why a group can never be carried out although `failed`, the outcome of its
/// operation at `place`, only waits: the habit that it waits for is created later in the same group.
fn waits_for_itself(
    group: &[Operation],
    place: usize,
    failed: &OperationOutcome,
) -> Option<Rejection> {
    let Deferred(Deferral::HabitUnknown(habit)) = failed else {
        return None;
    };
    let creates_it = |operation: &Operation| matches!(&operation.action, Action::Habit(id, Edit::Create(_)) if id == habit);
    group[place..].iter().any(creates_it).then(|| {
        Invalid::one(
            "habit_id",
            "must stand after its habit, which the same group creates later",
        )
        .into()
    })
}

impl Batch {
    /// Carries out a group.
    ///
    /// The first failure undoes the operations before it, and the operations after it are not
    /// tried. If the failure is final, each operation of the group gets a receipt for it.
    pub(super) fn submit_group(&mut self, group: &[Operation]) -> Vec<OperationOutcome> {
        let before = self.mark();
        // A failed group must leave no trace: no record, no position in the history, no receipt of
        // an operation that was undone.
        let receipts = self.new_receipts.len();
        let mut outcomes = Vec::with_capacity(group.len());
        for operation in group {
            let outcome = self.submit(operation);
            let succeeds = is_success(&outcome);
            outcomes.push(outcome);
            if !succeeds {
                break;
            }
        }
        let failed = outcomes.pop_if(|last| !is_success(last));
        let Some(failed) = failed else {
            return outcomes;
        };
        // Only successes are left, so their number is the position of the operation that failed.
        let place = outcomes.len();
        self.roll_back_to(&before);
        for receipt in self.new_receipts.drain(receipts..) {
            // A receipt for an undone effect would make the retry look like a success.
            self.receipts.remove(&receipt.key.op_id);
            self.new_receipt_usage = self.new_receipt_usage - Usage::of_receipt(&receipt);
        }
        // The failed outcome shows the record with the changes of the group. Those were undone, so
        // the outcome needs the record as it is now.
        let failed = match waits_for_itself(group, place, &failed) {
            Some(rejection) => Rejected(rejection),
            None => self.with_stored_record(failed, &group[place].action),
        };
        (0..group.len())
            .map(|nth| self.fail(&group[nth], &failed, nth == place))
            .collect()
    }

    /// Returns the outcome with the record as it is after the rollback.
    fn with_stored_record(&self, failed: OperationOutcome, action: &Action) -> OperationOutcome {
        match (failed, self.stored_record(action)) {
            (OperationOutcome::Conflict(conflict), Some(record)) => {
                OperationOutcome::Conflict(Conflict { record, ..conflict })
            }
            (Gone(_), Some(record)) => Gone(record),
            (OperationOutcome::Conflict(_) | Gone(_), None) => {
                Rejected(RejectionCode::GroupFailed.into())
            }
            (failed, _) => failed,
        }
    }

    /// Returns the outcome of an operation whose group failed.
    ///
    /// The operation that failed gets `failed`. The others get `group_failed`, or wait too if the
    /// group waits for a habit or for room.
    fn fail(
        &mut self,
        operation: &Operation,
        failed: &OperationOutcome,
        is_first_failure: bool,
    ) -> OperationOutcome {
        // Looked up before a receipt for this failure is stored.
        let has_receipt = self.has_receipt(operation);
        let outcome = match failed {
            _ if is_first_failure => failed.clone(),
            // An operation with a receipt was carried out before this group failed, and it keeps
            // its result.
            _ if has_receipt => return self.submit(operation),
            // Not final, so it gets no receipt: once the habit or the room is there, the whole group
            // is carried out.
            Deferred(deferral) => Deferred(*deferral),
            OverQuota(exceeded) => OverQuota(*exceeded),
            _ => Rejected(RejectionCode::GroupFailed.into()),
        };
        if !has_receipt {
            self.store_receipt(operation, &outcome);
        }
        outcome
    }

    /// Rejects the operations of a group with a flaw. None of them is tried.
    pub(super) fn refuse_group(
        &mut self,
        group: &[Operation],
        flaw: &Flaw,
    ) -> Vec<OperationOutcome> {
        let refuse = |operation: &Operation| {
            // A retry gets its first result, even if its group has a flaw this time.
            if self.has_receipt(operation) {
                return self.submit(operation);
            }
            let rejection = match (&operation.action, flaw) {
                (Action::Unreadable(invalid), _) | (_, Flaw::WrongSize(invalid)) => {
                    invalid.clone().into()
                }
                (_, Flaw::NotInOnePiece) => RejectionCode::GroupSplit.into(),
                (_, Flaw::Unreadable) => RejectionCode::GroupFailed.into(),
            };
            if *flaw == Flaw::NotInOnePiece
                && operation.key.is_some()
                && let Some(exceeded) = self.exceeded_by_a_receipt(&operation.action)
            {
                return OverQuota(exceeded);
            }
            let outcome = Rejected(rejection);
            // Without a receipt the group can be sent again in a form that can be read.
            if *flaw == Flaw::NotInOnePiece {
                self.store_receipt(operation, &outcome);
            }
            outcome
        };
        group.iter().map(refuse).collect()
    }

    fn has_receipt(&self, operation: &Operation) -> bool {
        operation
            .key
            .is_some_and(|key| self.receipts.contains_key(&key.op_id))
    }
}

const fn is_success(outcome: &OperationOutcome) -> bool {
    matches!(outcome, Applied(_) | Merged(_) | Noop(_) | Duplicate { .. })
}
