//! Groups: commands that are carried out all or none.

use std::collections::BTreeSet;

use super::Batch;
use crate::sync::{Action, Conflict, Operation, OperationOutcome, RejectionCode};

use OperationOutcome::{Applied, Deferred, Duplicate, Gone, Merged, Noop, Rejected};

/// The groups whose operations do not stand side by side.
pub(super) fn split(operations: &[Operation]) -> BTreeSet<&str> {
    let names = operations
        .iter()
        .map(|operation| operation.group.as_deref());
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

impl Batch {
    /// Carries out a group. The first that fails undoes those before it, and those after it are
    /// not tried; what fails for good is has_receipt for each of them.
    pub(super) fn submit_group(&mut self, group: &[Operation]) -> Vec<OperationOutcome> {
        self.habits.set_savepoint();
        self.entries.set_savepoint();
        let (head, receipts) = (self.stamper.head, self.new_receipts.len());
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
        let place = outcomes.len();
        self.habits.roll_back();
        self.entries.roll_back();
        self.stamper.head = head;
        for receipt in self.new_receipts.drain(receipts..) {
            self.receipts.remove(&receipt.key.op_id);
        }
        let failed = self.with_stored_record(failed, &group[place].action);
        (0..group.len())
            .map(|nth| self.fail(&group[nth], &failed, nth == place))
            .collect()
    }

    /// What failed, with the record as it is now that the rest of the group is undone.
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

    /// The outcome of a operation whose group failed: with `failed` for its own part, if it is
    /// the one that did.
    fn fail(
        &mut self,
        operation: &Operation,
        failed: &OperationOutcome,
        is_first_failure: bool,
    ) -> OperationOutcome {
        let has_receipt = self.has_receipt(operation);
        let outcome = match failed {
            _ if is_first_failure => failed.clone(),
            _ if has_receipt => return self.submit(operation),
            // Once what the group waits for is there, all of it is tried again.
            Deferred(deferral) => Deferred(*deferral),
            _ => Rejected(RejectionCode::GroupFailed.into()),
        };
        if !has_receipt {
            self.store_receipt(operation, &outcome);
        }
        outcome
    }

    /// Refuses the operations of a group that is not in one piece.
    pub(super) fn refuse_split(&mut self, group: &[Operation]) -> Vec<OperationOutcome> {
        let refuse = |operation: &Operation| {
            if self.has_receipt(operation) {
                return self.submit(operation);
            }
            let outcome = Rejected(RejectionCode::GroupSplit.into());
            self.store_receipt(operation, &outcome);
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
