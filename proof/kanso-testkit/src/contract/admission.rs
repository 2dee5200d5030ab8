//! Invitations, disabled accounts and the list of accounts.

use futures::future::join_all;
use kanso_application::ports::admission::{
    AdmissionState, Entitlement, Invitation, InvitedRegistration, ListedAccount,
};
use kanso_application::ports::storage::Storage;
use kanso_domain::Timestamp;

use super::test_user::TestUser;
use crate::build::{new_account, new_session, noon, password_hash, session_id, token_hash, user};

const HOUR: i64 = 3_600;

/// An invitation creates one account and is used up by it.
pub async fn an_invitation_creates_one_account(storage: &dyn Storage) {
    TestUser::register(storage, 1).await;
    keep(storage, 1, false).await;
    let invited = by_code(1, noon());
    assert!(storage.is_entitled(invited).await.unwrap());
    assert_eq!(
        create(storage, 2, invited).await,
        InvitedRegistration::Created
    );
    let account = storage.account(user(2)).await.unwrap();
    assert_eq!(account, Some(new_account(2).account));
    assert!(!storage.is_entitled(invited).await.unwrap());
    let again = create(storage, 3, invited).await;
    assert_eq!(again, InvitedRegistration::NotEntitled);
    assert_eq!(storage.account(user(3)).await.unwrap(), None);
}

/// An unknown and an expired invitation create no account.
pub async fn an_unknown_or_expired_invitation_is_refused(storage: &dyn Storage) {
    keep(storage, 1, false).await;
    let end = noon().plus_seconds(HOUR);
    for refused in [by_code(2, noon()), by_code(1, end)] {
        assert!(!storage.is_entitled(refused).await.unwrap());
        let outcome = create(storage, 1, refused).await;
        assert_eq!(outcome, InvitedRegistration::NotEntitled);
    }
    let last_moment = by_code(1, end.plus_micros(-1));
    let outcome = create(storage, 1, last_moment).await;
    assert_eq!(outcome, InvitedRegistration::Created);
}

/// A taken address does not use up the invitation.
pub async fn a_taken_email_leaves_the_invitation(storage: &dyn Storage) {
    TestUser::register(storage, 1).await;
    keep(storage, 1, false).await;
    let mut taken = new_account(2);
    taken.account.email = new_account(1).account.email;
    let outcome = storage.create_invited_account(taken, by_code(1, noon()));
    assert_eq!(outcome.await.unwrap(), InvitedRegistration::EmailTaken);
    let outcome = create(storage, 2, by_code(1, noon())).await;
    assert_eq!(outcome, InvitedRegistration::Created);
}

/// The first account needs no invitation, and an invitation for it is worth nothing afterwards.
pub async fn the_first_account_is_the_only_one_without_an_invitation(storage: &dyn Storage) {
    let state = |has_accounts| AdmissionState {
        was_open: false,
        has_accounts,
    };
    assert_eq!(storage.admission_state().await.unwrap(), state(false));
    keep(storage, 1, true).await;
    keep(storage, 2, false).await;
    assert!(storage.is_entitled(by_code(1, noon())).await.unwrap());
    let outcome = create(storage, 1, Entitlement::FirstAccount).await;
    assert_eq!(outcome, InvitedRegistration::Created);
    assert_eq!(storage.admission_state().await.unwrap(), state(true));
    for refused in [Entitlement::FirstAccount, by_code(1, noon())] {
        assert!(!storage.is_entitled(refused).await.unwrap());
        let outcome = create(storage, 2, refused).await;
        assert_eq!(outcome, InvitedRegistration::NotEntitled);
    }
    assert!(storage.is_entitled(by_code(2, noon())).await.unwrap());
}

/// One of many simultaneous registrations with one right creates an account.
pub async fn of_twelve_registrations_with_one_right_one_wins(storage: &dyn Storage) {
    keep(storage, 1, true).await;
    keep(storage, 2, false).await;
    let rounds = [Entitlement::FirstAccount, by_code(2, noon())];
    for (round, entitlement) in (1_u128..).zip(rounds) {
        let register = |number| {
            // Half of the first round present the code for the first account.
            let first = if number % 2 == 0 {
                by_code(1, noon())
            } else {
                entitlement
            };
            let entitlement = if round == 1 { first } else { entitlement };
            create(storage, 100 * round + number, entitlement)
        };
        let outcomes = join_all((1..=12).map(register)).await;
        let created = |outcome: &&InvitedRegistration| **outcome == InvitedRegistration::Created;
        assert_eq!(outcomes.iter().filter(created).count(), 1, "{outcomes:?}");
    }
    assert_eq!(storage.accounts(None, 100).await.unwrap().len(), 2);
}

/// A disabled account has no session, opens none, and keeps everything else. Enabling undoes it.
pub async fn a_disabled_account_opens_no_session(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    TestUser::register(storage, 2).await;
    let open = async |owner, number| {
        let session = new_session(user(owner), number);
        let opened = storage.open_session(session, password_hash(user(owner)), 100);
        opened.await.unwrap()
    };
    assert!(open(1, 1).await && open(2, 2).await);
    let head = person.head().await;
    assert!(storage.set_disabled(person.id, true).await.unwrap());

    assert!(storage.is_disabled(person.id).await.unwrap());
    assert!(!storage.is_disabled(user(2)).await.unwrap());
    assert_eq!(storage.sessions(person.id).await.unwrap(), []);
    assert!(!open(1, 3).await);
    let credentials = storage.credentials(&new_account(1).account.email).await;
    assert!(credentials.unwrap().unwrap().is_disabled);
    assert_eq!(person.head().await, head);
    let neighbour = storage.session_is_open(user(2), session_id(2), noon());
    assert!(neighbour.await.unwrap());

    assert!(storage.set_disabled(person.id, false).await.unwrap());
    assert!(!storage.is_disabled(person.id).await.unwrap());
    assert!(open(1, 4).await);
    assert!(!storage.set_disabled(user(3), true).await.unwrap());
    assert!(storage.delete_account(person.id).await.unwrap());
    assert!(!storage.set_disabled(person.id, true).await.unwrap());
}

/// The accounts are listed page by page, without the deleted ones.
pub async fn accounts_are_listed_in_pages(storage: &dyn Storage) {
    for number in [3, 1, 2, 4] {
        TestUser::register(storage, number).await;
    }
    assert!(storage.delete_account(user(4)).await.unwrap());
    assert!(storage.set_disabled(user(2), true).await.unwrap());
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = storage.accounts(after, 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        listed.extend(page);
    }
    let expected = [1, 2, 3].map(|number| {
        let account = new_account(number).account;
        ListedAccount {
            id: account.id,
            email: account.email,
            created_at: account.created_at,
            is_disabled: number == 2,
        }
    });
    assert_eq!(listed, expected);
}

async fn keep(storage: &dyn Storage, number: u8, is_for_first_account: bool) {
    let invitation = Invitation {
        hash: token_hash(number),
        created_at: noon(),
        expires_at: noon().plus_seconds(HOUR),
        is_for_first_account,
    };
    storage.keep_invitation(invitation).await.unwrap();
}

fn by_code(number: u8, now: Timestamp) -> Entitlement {
    let hash = token_hash(number);
    Entitlement::Invitation { hash, now }
}

async fn create(
    storage: &dyn Storage,
    number: u128,
    entitlement: Entitlement,
) -> InvitedRegistration {
    let created = storage.create_invited_account(new_account(number), entitlement);
    created.await.unwrap()
}
