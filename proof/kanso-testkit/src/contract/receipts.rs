//! Receipts: stored results of operations, for retries.

use kanso_application::ports::storage::Storage;
use kanso_domain::FieldError;
use kanso_domain::sync::{
    Base, Fingerprint, LoadSet, Operation, OperationOutcome, Receipt, ReceiptKey, ReceiptOutcome,
    Rejection, RejectionCode,
};
use kanso_domain::validation::Invalid;
use kanso_domain::{Record, Seq, Version};

use super::test_user::{TestUser, unchanged};
use crate::build::{
    create_habit, delete_habit, device, habit, op, operation, titled, update_habit,
};

/// A receipt of every kind of outcome and rejection is stored exactly, with and without a device.
pub async fn a_receipt_of_every_outcome_comes_back(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let errors = vec![
        FieldError::new("title", "is \"required\", \u{1F480}\n"),
        FieldError::new("", ""),
    ];
    let rejections = RejectionCode::ALL.map(|code| {
        ReceiptOutcome::Rejected(Rejection {
            code,
            errors: Vec::new(),
        })
    });
    let outcomes = [
        // The smallest and the greatest position: they are stored as 64-bit integers.
        ReceiptOutcome::Done {
            version: Version::FIRST,
            seq: Seq::ZERO.next(),
        },
        ReceiptOutcome::Done {
            version: Version::new(i64::MAX).unwrap(),
            seq: Seq::new(i64::MAX).unwrap(),
        },
        ReceiptOutcome::Conflict,
        ReceiptOutcome::Gone,
        ReceiptOutcome::Rejected(Rejection {
            code: RejectionCode::Invalid,
            errors,
        }),
    ];
    let receipts: Vec<_> = outcomes
        .into_iter()
        .chain(rejections)
        .zip(1..)
        .map(|(outcome, number)| receipt(number, outcome))
        .collect();
    let keys = LoadSet {
        receipts: receipts.iter().map(|receipt| receipt.key.op_id).collect(),
        ..LoadSet::default()
    };
    let stored = receipts.clone();
    let written = person.write(keys.clone(), move |current| {
        let mut changeset = unchanged(&current);
        changeset.receipts.clone_from(&stored);
        changeset
    });
    written.await.unwrap();
    let current = person.sees(keys).await;
    assert!(current.receipts.into_values().eq(receipts));
}

fn receipt(number: u8, outcome: ReceiptOutcome) -> Receipt {
    Receipt {
        key: ReceiptKey {
            op_id: op(number.into()),
            fingerprint: if number.is_multiple_of(3) {
                Fingerprint::from_bytes([number; 32])
            } else {
                Fingerprint::of_hash([number; 32])
            },
        },
        device: number.is_multiple_of(2).then(|| device(number.into())),
        outcome,
    }
}

/// A receipt is visible to its own user only.
pub async fn a_receipt_is_its_users_alone(storage: &dyn Storage) {
    let ada = TestUser::register(storage, 1).await;
    let bob = TestUser::register(storage, 2).await;
    let create = operation(1, create_habit(habit(1), titled("Read")));
    // Ids come from devices, so two users may use the same one.
    for person in [ada, bob] {
        let changeset = person.submit(vec![create.clone()]).await;
        let outcome = &changeset.outcomes[0];
        assert!(
            matches!(outcome, OperationOutcome::Applied(_)),
            "{outcome:?}"
        );
    }
}

/// An outbox that is sent again, whole or in parts, has no second effect.
pub async fn a_resent_outbox_has_no_second_effect(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let outbox = vec![
        operation(1, create_habit(habit(1), titled("Read"))),
        operation(2, update_habit(habit(1), Base::Any, titled("Run"))),
        operation(3, update_habit(habit(1), Base::Any, titled("Read"))),
        operation(4, delete_habit(habit(2), Base::Any)),
        operation(5, unreadable()),
        operation(6, delete_habit(habit(1), Base::Any)),
        operation(7, update_habit(habit(1), Base::Any, titled("Late"))),
    ];
    let first = person.submit(outbox.clone()).await;
    let head = person.head().await;
    let again = person.submit(outbox.clone()).await;
    assert!(again.is_empty());
    assert_eq!(again.outcomes.len(), first.outcomes.len());
    // One by one and in reverse: a receipt does not depend on its batch.
    for operation in outbox.into_iter().rev() {
        retried(&person, operation).await;
    }
    assert_eq!(person.head().await, head);
}

async fn retried(person: &TestUser<'_>, operation: Operation) {
    let again = person.submit(vec![operation]).await;
    assert!(again.is_empty());
    assert!(
        !matches!(again.outcomes[0], OperationOutcome::Applied(_)),
        "{:?}",
        again.outcomes
    );
}

fn unreadable() -> kanso_domain::sync::Action {
    kanso_domain::sync::Action::Unreadable(Invalid::one("title", "must be a text"))
}

/// An operation id that is sent with another body is rejected, and the first result stays.
pub async fn a_reused_op_id_is_refused(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let first = operation(1, create_habit(habit(1), titled("Read")));
    let mut other = operation(2, create_habit(habit(2), titled("Run")));
    // The same id with another fingerprint, as from a device whose id generator repeats.
    other.key = other.key.map(|key| ReceiptKey {
        op_id: op(1),
        ..key
    });
    person.submit(vec![first.clone()]).await;
    let refused = person.submit(vec![other]).await;
    let expected = OperationOutcome::Rejected(RejectionCode::OpIdReused.into());
    assert_eq!(refused.outcomes, [expected]);
    let again = person.submit(vec![first]).await;
    let stored = storage.habit(person.id, habit(1)).await.unwrap();
    let expected = OperationOutcome::Duplicate {
        version: Version::FIRST,
        seq: Seq::ZERO.next(),
        record: stored.map(Record::Habit),
    };
    assert_eq!(again.outcomes, [expected]);
    assert_eq!(storage.habit(person.id, habit(2)).await.unwrap(), None);
}

/// A fingerprint that release 0.1.0 stored is not compared: the retry gets the stored result,
/// whatever its own fingerprint is. One of the present form beside it still is.
pub async fn a_receipt_of_release_0_1_0_answers_its_retry(storage: &dyn Storage) {
    let owner = TestUser::register(storage, 1).await;
    let print = |operation: Operation, fingerprint| {
        let key = operation.key.map(|key| ReceiptKey { fingerprint, ..key });
        Operation { key, ..operation }
    };
    let create = operation(1, create_habit(habit(1), titled("Read")));
    let legacy = print(create.clone(), Fingerprint::from_bytes([0xab; 32]));
    let first = owner.submit(vec![legacy]).await;
    assert!(
        matches!(&first.outcomes[0], OperationOutcome::Applied(_)),
        "{:?}",
        first.outcomes
    );
    let head = owner.head().await;
    for retry in [
        create.clone(),
        print(create, Fingerprint::from_bytes([0xcd; 32])),
    ] {
        let again = owner.submit(vec![retry]).await;
        assert!(again.is_empty());
        assert!(
            matches!(
                &again.outcomes[0],
                OperationOutcome::Duplicate { version, record: Some(_), .. }
                    if *version == Version::FIRST
            ),
            "{:?}",
            again.outcomes
        );
    }
    assert_eq!(owner.head().await, head);
}
