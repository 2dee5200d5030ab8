//! The account use cases refresh tokens as the model does.

use std::sync::Arc;

use kanso_application::accounts::RefreshAttempt;
use kanso_application::accounts::{AccountPorts, Accounts, LogIn, Refresh};
use kanso_application::disk::DiskGuard;
use kanso_application::ports::limiter::ClientAddress;
use kanso_application::security::Security;
use kanso_domain::accounts::Password;
use kanso_domain::sessions::GRACE_SECONDS;
use kanso_domain::sessions::SessionLimits;
use kanso_model::refresh::{GRACE_TICKS, ModelSession};
use kanso_testkit::build::noon;
use kanso_testkit::{
    CountedInvitations, CountedRefreshTokens, CountingThrottle, ManualClock, MemoryStorage,
    NullFeed, PlainAccessTokens, PlainDeviceProofs, PlainPasswords, PlainPseudonyms, SequentialIds,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const PASSWORD: &str = "correct horse";

/// The model and the code, side by side, with every token that was issued.
struct Pair {
    session: ModelSession,
    now: u8,
    clock: Arc<ManualClock>,
    accounts: Accounts,
    tokens: Vec<String>,
}

impl Pair {
    async fn logged_in() -> Self {
        let clock = Arc::new(ManualClock::at(noon()));
        let storage = Arc::new(MemoryStorage::default());
        let ids = Arc::new(SequentialIds::default());
        let pseudonyms = Arc::new(PlainPseudonyms);
        let accounts = Accounts::new(AccountPorts {
            security: Security::new(storage.clone(), clock.clone(), ids.clone(), pseudonyms),
            session_limits: SessionLimits::default(),
            disk: DiskGuard::default(),
            storage,
            clock: clock.clone(),
            ids,
            passwords: Arc::new(PlainPasswords),
            access_tokens: Arc::new(PlainAccessTokens),
            refresh_tokens: Arc::new(CountedRefreshTokens),
            device_proofs: Arc::new(PlainDeviceProofs),
            throttle: Arc::new(CountingThrottle::allowing(3)),
            feed: Arc::new(NullFeed),
            invitation_codes: Arc::new(CountedInvitations::default()),
        });
        let email: kanso_domain::accounts::Email = "ada@example.org".parse().unwrap();
        let registered = Password::choose(PASSWORD).unwrap();
        let password = Password::claimed(PASSWORD);
        let here = ClientAddress::new("192.0.2.7".parse().unwrap());
        accounts
            .register(email.clone(), registered, here)
            .await
            .unwrap();
        let LogIn::Granted(grant) = accounts.log_in(email, password, here).await.unwrap() else {
            panic!("expected a grant");
        };
        Self {
            session: ModelSession::default(),
            now: 0,
            clock,
            accounts,
            tokens: vec![grant.refresh_token],
        }
    }

    fn tick(&mut self) {
        self.now += 1;
        self.clock
            .advance_seconds(GRACE_SECONDS / i64::from(GRACE_TICKS));
    }

    /// Presents the token with this number to both; their answers must agree.
    async fn refresh(&mut self, token: u8) -> Option<u8> {
        let expected = self.session.refresh(token, self.now, None);
        let presented = &self.tokens[usize::from(token) - 1];
        let attempt = RefreshAttempt {
            token: presented,
            nonce: None,
            from: ClientAddress::new([192, 0, 2, 7].into()),
        };
        let granted = match self.accounts.refresh(attempt).await.unwrap() {
            Refresh::Granted(grant) => Some(grant),
            Refresh::Refused | Refresh::Disabled => None,
        };
        assert_eq!(granted.is_some(), expected.is_some(), "token {token}");
        if let (Some(grant), Some(next)) = (granted, expected) {
            if usize::from(next) > self.tokens.len() {
                self.tokens.push(grant.refresh_token.clone());
            }
            assert_eq!(grant.refresh_token, self.tokens[usize::from(next) - 1]);
        }
        expected
    }
}

#[tokio::test]
async fn a_token_that_is_used_twice_within_the_grace() {
    let mut pair = Pair::logged_in().await;
    assert_eq!(pair.refresh(1).await, Some(2));
    (0..GRACE_TICKS).for_each(|_| pair.tick());
    assert_eq!(pair.refresh(1).await, Some(2));
    assert_eq!(pair.refresh(2).await, Some(3));
}

#[tokio::test]
async fn a_token_that_is_used_again_after_the_grace() {
    let mut pair = Pair::logged_in().await;
    assert_eq!(pair.refresh(1).await, Some(2));
    (0..=GRACE_TICKS).for_each(|_| pair.tick());
    assert_eq!(pair.refresh(1).await, None);
    assert_eq!(pair.refresh(2).await, None);
}

/// A delayed copy of a request whose successor was already used counts as theft.
#[tokio::test]
async fn a_token_whose_successor_was_used() {
    let mut pair = Pair::logged_in().await;
    assert_eq!(pair.refresh(1).await, Some(2));
    assert_eq!(pair.refresh(2).await, Some(3));
    assert_eq!(pair.refresh(1).await, None);
    assert_eq!(pair.refresh(3).await, None);
}

proptest! {
    // The same walks in every run; `PROPTEST_CASES` asks for more of them.
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    /// Each number is a tick, or an offset from the newest token.
    #[test]
    fn model_and_code_agree_on_every_sequence(steps in prop::collection::vec(0..6_usize, 30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::logged_in().await;
            for step in steps {
                // The newest token is drawn more often, so that sessions last.
                let back = match step {
                    0 | 1 => { pair.tick(); continue }
                    2 | 3 => 0,
                    more => more - 3,
                };
                let token = pair.tokens.len().saturating_sub(back).max(1);
                pair.refresh(u8::try_from(token).unwrap()).await;
            }
        });
    }
}
