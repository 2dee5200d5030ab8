use super::*;
use crate::entropy::SystemEntropy;

const CHEAP: HashCost = HashCost {
    memory_kib: 64,
    passes: 2,
    lanes: 1,
};
const CHEAPER: HashCost = HashCost {
    memory_kib: 32,
    passes: 2,
    lanes: 1,
};

fn passwords(cost: HashCost) -> Argon2Passwords {
    let queue = Queue {
        workers: 1,
        waiting: 2,
    };
    Argon2Passwords::new(cost, queue, Arc::new(SystemEntropy)).expect("a cost")
}

fn typed(text: &str) -> Password {
    Password::claimed(text).expect("not too long")
}

async fn hashed(cost: HashCost, text: &str) -> PasswordHash {
    passwords(cost).hash(typed(text)).await.expect("a hash")
}

async fn check(cost: HashCost, text: &str, stored: Option<PasswordHash>) -> PasswordCheck {
    passwords(cost)
        .check(typed(text), stored)
        .await
        .expect("a check")
}

#[tokio::test]
async fn the_right_password_is_right_and_others_are_wrong() {
    let stored = hashed(CHEAP, "correct horse").await;
    assert!(stored.as_str().starts_with("$argon2id$v=19$m=64,t=2,p=1$"));
    assert_eq!(
        check(CHEAP, "correct horse", Some(stored.clone())).await,
        PasswordCheck::Right
    );
    assert_eq!(
        check(CHEAP, "Correct horse", Some(stored.clone())).await,
        PasswordCheck::Wrong
    );
    assert_eq!(check(CHEAP, "", Some(stored)).await, PasswordCheck::Wrong);
}

#[tokio::test]
async fn the_same_password_hashes_differently_every_time() {
    assert_ne!(
        hashed(CHEAP, "correct horse").await,
        hashed(CHEAP, "correct horse").await
    );
}

#[tokio::test]
async fn a_password_for_no_account_is_wrong() {
    assert_eq!(
        check(CHEAP, "correct horse", None).await,
        PasswordCheck::Wrong
    );
}

#[tokio::test]
async fn a_weaker_hash_is_replaced_and_a_stronger_one_kept() {
    let weaker = hashed(CHEAPER, "correct horse").await;
    let PasswordCheck::RightRehashed(stronger) =
        check(CHEAP, "correct horse", Some(weaker.clone())).await
    else {
        panic!("not replaced");
    };
    assert!(stronger.as_str().contains("$m=64,t=2,p=1$"));
    assert_eq!(
        check(CHEAP, "correct horse", Some(stronger.clone())).await,
        PasswordCheck::Right
    );
    assert_eq!(
        check(CHEAPER, "correct horse", Some(stronger)).await,
        PasswordCheck::Right
    );
    assert_eq!(
        check(CHEAP, "wrong", Some(weaker)).await,
        PasswordCheck::Wrong
    );
}

/// Release 0.1.0 hashed a password as it was typed.
#[tokio::test]
async fn a_hash_of_the_typed_text_is_accepted_and_replaced() {
    let (composed, decomposed) = ("Pässwörter", "Pa\u{308}sswo\u{308}rter");
    let passwords = passwords(CHEAP);
    let old = passwords
        .hasher
        .hash(decomposed.as_bytes())
        .expect("a hash");
    assert_eq!(
        check(CHEAP, composed, Some(old.clone())).await,
        PasswordCheck::Wrong
    );
    let PasswordCheck::RightRehashed(new) = check(CHEAP, decomposed, Some(old)).await else {
        panic!("not replaced");
    };
    for text in [composed, decomposed] {
        assert_eq!(
            check(CHEAP, text, Some(new.clone())).await,
            PasswordCheck::Right
        );
    }
    let wrong = check(CHEAP, "Pa\u{308}sswort", Some(new)).await;
    assert_eq!(wrong, PasswordCheck::Wrong);
    assert_eq!(check(CHEAP, decomposed, None).await, PasswordCheck::Wrong);
}

#[tokio::test]
async fn a_hash_of_another_kind_is_a_fault() {
    let stored = PasswordHash::new("$2b$12$abc".into());
    let result = passwords(CHEAP).check(typed("x"), Some(stored)).await;
    assert!(matches!(result, Err(PasswordFault::Broken(_))));
}

#[tokio::test]
async fn a_full_queue_answers_busy() {
    let passwords = Arc::new(passwords(CHEAP));
    let worker = Arc::clone(&passwords.workers)
        .acquire_owned()
        .await
        .expect("open");
    let hash = || {
        let passwords = Arc::clone(&passwords);
        tokio::spawn(async move { passwords.hash(typed("correct horse")).await })
    };
    let waiting: Vec<_> = (0..3).map(|_| hash()).collect();
    while passwords.places.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let refused = hash().await.expect("no panic");
    assert!(matches!(refused, Err(PasswordFault::Busy)));
    drop(worker);
    for waiter in waiting {
        waiter.await.expect("no panic").expect("a hash");
    }
    assert_eq!(passwords.places.available_permits(), 3);
}

#[tokio::test]
async fn the_recommended_cost_is_what_is_stored() {
    let stored = hashed(HashCost::RECOMMENDED, "correct horse").await;
    assert!(
        stored
            .as_str()
            .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
    );
}

#[tokio::test]
async fn reused_memory_does_not_change_a_hash() {
    // One worker, so that each hash reuses the memory of the one before.
    let passwords = passwords(CHEAP);
    for text in ["correct horse", "battery staple", "correct horse"] {
        let stored = passwords.hash(typed(text)).await.expect("a hash");
        let parsed = phc::PasswordHash::new(stored.as_str()).expect("a PHC string");
        let says = Argon2::default().verify_password(text.as_bytes(), &parsed);
        assert_eq!(
            says,
            Ok(()),
            "the library verifies the hash in fresh memory"
        );
        let check = passwords.check(typed(text), Some(stored)).await;
        assert_eq!(check.expect("a check"), PasswordCheck::Right);
    }
    assert_eq!(passwords.hasher.memory().len(), 1);
}
