//! Receipts: the results of operations, for their retries.

use super::{Batch, differing};
use crate::sync::{
    Action, Conflict, Operation, OperationOutcome, Receipt, ReceiptOutcome, RejectionCode, Usage,
};

use OperationOutcome::{
    Applied, Deferred, Duplicate, Gone, Merged, Noop, OverQuota, Purged, Rejected,
};

impl Batch {
    /// Stores the outcome of an operation with a key, for its retries.
    ///
    /// A refusal is stored too. A retry must get the first result even if the operation would
    /// succeed by then: the device has perhaps acted on the refusal already, and the same operation
    /// must not have two results.
    pub(super) fn store_receipt(&mut self, operation: &Operation, outcome: &OperationOutcome) {
        let Some((key, outcome)) = operation.key.zip(receipt_outcome(outcome)) else {
            return;
        };
        let receipt = Receipt {
            key,
            device: operation.device,
            outcome,
        };
        self.new_receipt_usage += Usage::of_receipt(&receipt);
        self.receipts.insert(key.op_id, receipt.clone());
        self.new_receipts.push(receipt);
    }

    /// Returns the outcome of a retry: the first result with the newest record.
    ///
    /// The result of the first attempt stays, but its record would be out of date.
    pub(super) fn answer_retry(&self, first: ReceiptOutcome, action: &Action) -> OperationOutcome {
        match (first, self.stored_record(action)) {
            (ReceiptOutcome::Done { version, seq }, record) => Duplicate {
                version,
                seq,
                record,
            },
            (ReceiptOutcome::Rejected(rejection), _) => Rejected(rejection),
            // The tombstone may have been purged since the first attempt; the result is the same
            // without it.
            (ReceiptOutcome::Gone, Some(record)) => Gone(record),
            (ReceiptOutcome::Gone, None) => Purged(action.entity()),
            (ReceiptOutcome::Conflict, Some(record)) => OperationOutcome::Conflict(Conflict {
                your_base: action.base(),
                // Computed from the record as it is now: the members in conflict at the first
                // attempt are not stored, and the device must resolve the conflict against the
                // newest state.
                clashing: differing(action, &record),
                mergeable: Vec::new(),
                record,
            }),
            (ReceiptOutcome::Conflict, None) => {
                Rejected(RejectionCode::NotFound(action.entity()).into())
            }
        }
    }
}

/// Returns the part of an outcome that a retry must find, or `None` for an operation that was deferred
/// or over the quota.
///
/// Such an operation has no result yet. It is carried out again when it is sent again.
fn receipt_outcome(outcome: &OperationOutcome) -> Option<ReceiptOutcome> {
    match outcome {
        Applied(record) | Merged(record) | Noop(record) => {
            let stamp = record.stamp();
            Some(ReceiptOutcome::Done {
                version: stamp.version,
                seq: stamp.seq,
            })
        }
        Duplicate { version, seq, .. } => Some(ReceiptOutcome::Done {
            version: *version,
            seq: *seq,
        }),
        OperationOutcome::Conflict(_) => Some(ReceiptOutcome::Conflict),
        Gone(_) | Purged(_) => Some(ReceiptOutcome::Gone),
        Rejected(rejection) => Some(ReceiptOutcome::Rejected(rejection.clone())),
        Deferred(_) | OverQuota(_) => None,
    }
}
