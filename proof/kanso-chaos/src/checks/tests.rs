//! Histories with planted errors: each check must be able to fail.

use kanso_protocol::sync::OperationStatus;

use super::*;

const RECORD: u128 = 100;

fn done(operation: u128, version: i64, effect: RecordEffect) -> AcknowledgedOperation {
    AcknowledgedOperation {
        account: 1,
        operation: Uuid::from_u128(operation),
        record: Uuid::from_u128(RECORD),
        effect,
        status: OperationStatus::Applied,
        version: Some(version),
        seq: Some(version + 10),
        sent: 1,
    }
}

fn ends(version: i64, mark: u128) -> FinalRecord {
    FinalRecord {
        version,
        is_live: true,
        mark: Some(Uuid::from_u128(mark)),
        value: Some(1),
    }
}

/// Returns the numbers of lost and doubled operations.
#[track_caller]
fn found(acknowledged: &[AcknowledgedOperation], last: Option<FinalRecord>) -> (u64, u64) {
    let finals = last.map(|last| (Uuid::from_u128(RECORD), last));
    let violations = check(acknowledged, &finals.into_iter().collect());
    assert_eq!(violations.is_clean(), violations.descriptions.is_empty());
    (violations.lost, violations.doubled)
}

fn two_edits() -> Vec<AcknowledgedOperation> {
    vec![
        done(1, 1, RecordEffect::Mark),
        done(2, 2, RecordEffect::Mark),
    ]
}

#[test]
fn correct_history_is_clean() {
    assert_eq!(found(&two_edits(), Some(ends(2, 2))), (0, 0));
    let mut retried = two_edits();
    retried.push(AcknowledgedOperation {
        status: OperationStatus::Duplicate,
        ..done(2, 2, RecordEffect::Mark)
    });
    assert_eq!(found(&retried, Some(ends(2, 2))), (0, 0));
    let refused = AcknowledgedOperation {
        status: OperationStatus::Conflict,
        version: None,
        seq: None,
        ..done(3, 0, RecordEffect::Mark)
    };
    retried.push(refused);
    assert_eq!(found(&retried, Some(ends(2, 2))), (0, 0));
}

#[test]
fn operation_beyond_the_final_version_is_lost() {
    assert_eq!(found(&two_edits(), Some(ends(1, 1))), (1, 0));
    assert_eq!(found(&two_edits(), None), (2, 0));
}

#[test]
fn two_operations_of_one_version_are_a_fork() {
    let mut forked = two_edits();
    forked.push(AcknowledgedOperation {
        seq: Some(99),
        ..done(3, 2, RecordEffect::Mark)
    });
    // The record has the text of one of the two, so the other is lost in any case.
    assert_eq!(found(&forked, Some(ends(2, 3))), (1, 0));
    assert_eq!(found(&forked, Some(ends(2, 2))), (2, 0));
}

#[test]
fn two_operations_at_one_position_are_a_fork() {
    let mut forked = two_edits();
    forked[1].seq = forked[0].seq;
    assert_eq!(found(&forked, Some(ends(2, 2))), (1, 0));
}

#[test]
fn version_without_an_operation_is_doubled() {
    assert_eq!(found(&two_edits(), Some(ends(3, 2))), (0, 1));
    let unexplained = check(&[], &[(Uuid::from_u128(RECORD), ends(1, 1))].into());
    assert_eq!((unexplained.lost, unexplained.doubled), (0, 1));
}

#[test]
fn retry_with_another_result_is_doubled() {
    let mut retried = two_edits();
    retried.push(done(2, 3, RecordEffect::Mark));
    assert_eq!(found(&retried, Some(ends(2, 2))), (0, 1));
}

#[test]
fn text_of_an_older_operation_is_lost() {
    assert_eq!(found(&two_edits(), Some(ends(2, 1))), (1, 0));
}

#[test]
fn counter_is_the_sum_of_its_increments() {
    let acknowledged = [
        done(1, 1, RecordEffect::Mark),
        done(2, 2, RecordEffect::Add(3)),
        done(3, 3, RecordEffect::Add(4)),
    ];
    for (value, expected) in [(7, (0, 0)), (4, (1, 0)), (10, (0, 1))] {
        let last = FinalRecord {
            value: Some(value),
            ..ends(3, 1)
        };
        assert_eq!(found(&acknowledged, Some(last)), expected, "{value}");
    }
}

#[test]
fn missing_deletion_and_unexplained_deletion_are_lost() {
    let mut acknowledged = two_edits();
    acknowledged.push(done(3, 3, RecordEffect::Delete));
    let dead = FinalRecord {
        is_live: false,
        ..ends(3, 2)
    };
    assert_eq!(found(&acknowledged, Some(dead.clone())), (0, 0));
    assert_eq!(found(&acknowledged, Some(ends(3, 2))), (1, 0));
    let vanished = FinalRecord { version: 2, ..dead };
    assert_eq!(found(&two_edits(), Some(vanished)), (1, 0));
}
