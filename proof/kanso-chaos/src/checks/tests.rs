//! Planted histories: a checker that never failed is not trusted.

use kanso_protocol::sync::OperationStatus;

use super::*;

const RECORD: u128 = 100;

fn done(operation: u128, version: i64, effect: Effect) -> Acknowledged {
    Acknowledged {
        person: 1,
        operation: Uuid::from_u128(operation),
        record: Uuid::from_u128(RECORD),
        effect,
        status: OperationStatus::Applied,
        version: Some(version),
        seq: Some(version + 10),
        sent: 1,
    }
}

fn ends(version: i64, mark: u128) -> Final {
    Final {
        version,
        is_live: true,
        mark: Some(Uuid::from_u128(mark)),
        value: Some(1),
    }
}

/// Lost, doubled.
#[track_caller]
fn found(promised: &[Acknowledged], last: Option<Final>) -> (u64, u64) {
    let finals = last.map(|last| (Uuid::from_u128(RECORD), last));
    let findings = check(promised, &finals.into_iter().collect());
    assert_eq!(findings.is_clean(), findings.told.is_empty());
    (findings.lost, findings.doubled)
}

fn two_edits() -> Vec<Acknowledged> {
    vec![done(1, 1, Effect::Mark), done(2, 2, Effect::Mark)]
}

#[test]
fn a_true_history_is_clean() {
    assert_eq!(found(&two_edits(), Some(ends(2, 2))), (0, 0));
    let mut retried = two_edits();
    retried.push(Acknowledged {
        status: OperationStatus::Duplicate,
        ..done(2, 2, Effect::Mark)
    });
    assert_eq!(found(&retried, Some(ends(2, 2))), (0, 0));
    let refused = Acknowledged {
        status: OperationStatus::Conflict,
        version: None,
        seq: None,
        ..done(3, 0, Effect::Mark)
    };
    retried.push(refused);
    assert_eq!(found(&retried, Some(ends(2, 2))), (0, 0));
}

#[test]
fn a_promise_after_the_end_is_lost() {
    assert_eq!(found(&two_edits(), Some(ends(1, 1))), (1, 0));
    assert_eq!(found(&two_edits(), None), (2, 0));
}

#[test]
fn two_promises_of_one_version_are_a_fork() {
    let mut forked = two_edits();
    forked.push(Acknowledged {
        seq: Some(99),
        ..done(3, 2, Effect::Mark)
    });
    // The words can only be of one of them.
    assert_eq!(found(&forked, Some(ends(2, 3))), (1, 0));
    assert_eq!(found(&forked, Some(ends(2, 2))), (2, 0));
}

#[test]
fn two_promises_of_one_position_are_a_fork() {
    let mut forked = two_edits();
    forked[1].seq = forked[0].seq;
    assert_eq!(found(&forked, Some(ends(2, 2))), (1, 0));
}

#[test]
fn a_version_that_nobody_was_promised_is_doubled() {
    assert_eq!(found(&two_edits(), Some(ends(3, 2))), (0, 1));
    let nobody = check(&[], &[(Uuid::from_u128(RECORD), ends(1, 1))].into());
    assert_eq!((nobody.lost, nobody.doubled), (0, 1));
}

#[test]
fn another_result_for_the_same_operation_is_doubled() {
    let mut told_twice = two_edits();
    told_twice.push(done(2, 3, Effect::Mark));
    assert_eq!(found(&told_twice, Some(ends(2, 2))), (0, 1));
}

#[test]
fn words_that_were_written_over_by_nobody_are_lost() {
    assert_eq!(found(&two_edits(), Some(ends(2, 1))), (1, 0));
}

#[test]
fn increments_add_up() {
    let promised = [
        done(1, 1, Effect::Mark),
        done(2, 2, Effect::Add(3)),
        done(3, 3, Effect::Add(4)),
    ];
    for (value, expected) in [(7, (0, 0)), (4, (1, 0)), (10, (0, 1))] {
        let last = Final {
            value: Some(value),
            ..ends(3, 1)
        };
        assert_eq!(found(&promised, Some(last)), expected, "{value}");
    }
}

#[test]
fn a_deletion_that_does_not_stay_is_lost_and_so_is_a_record_that_vanishes() {
    let mut promised = two_edits();
    promised.push(done(3, 3, Effect::Delete));
    let dead = Final {
        is_live: false,
        ..ends(3, 2)
    };
    assert_eq!(found(&promised, Some(dead.clone())), (0, 0));
    assert_eq!(found(&promised, Some(ends(3, 2))), (1, 0));
    let vanished = Final { version: 2, ..dead };
    assert_eq!(found(&two_edits(), Some(vanished)), (1, 0));
}
