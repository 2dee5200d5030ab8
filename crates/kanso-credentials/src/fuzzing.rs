//! Checks of access tokens made of arbitrary bytes.
//!
//! The test below runs them on mutations of the corpus, and the target of `proof/kanso-fuzz` runs them
//! under libFuzzer. A normal build does not contain this module.

use std::sync::{Arc, LazyLock};

use kanso_application::ports::credentials::{AccessTokens as _, Identity};
use kanso_application::ports::ids::Ids;
use kanso_domain::{SessionId, Timestamp, UserId};
use uuid::Uuid;

use crate::{JwtTokens, SigningKey, TokenRules};

const SECRET: &[u8] = b"q1HhXW0s5F0yZr1j8m3c0cQXo2i7mBk7jVtYzKq9aPw";
const FORMER: &[u8] = include_bytes!("../tests/fixtures/rsa-2048-pkcs8.pem");
const NOW: i64 = 1_800_000_000_000_000;

struct FixedId;

impl Ids for FixedId {
    fn uuid(&self) -> Uuid {
        Uuid::from_u128(7)
    }
}

/// A verifier with one token that it issued.
struct Issued {
    tokens: JwtTokens,
    now: Timestamp,
    good: String,
}

// Built once: reading an RSA key costs far more than a check.
static ISSUED: LazyLock<Issued> = LazyLock::new(|| {
    let keys = (SigningKey::hs256(SECRET), SigningKey::from_pem(FORMER));
    let (Ok(signing), Ok(former)) = keys else {
        panic!("the keys are valid");
    };
    let Ok(now) = Timestamp::from_micros(NOW) else {
        panic!("the time is in range");
    };
    let rules = TokenRules::of("kanso");
    let tokens = JwtTokens::new(signing, vec![former], rules, Arc::new(FixedId));
    let ada = Identity {
        user_id: UserId::new(Uuid::from_u128(1)),
        session_id: SessionId::new(Uuid::from_u128(2)),
    };
    let Ok(issued) = tokens.issue(ada, now) else {
        panic!("the key signs");
    };
    assert_eq!(tokens.verify(&issued.token, now), Ok(ada));
    Issued {
        tokens,
        now,
        good: issued.token,
    }
});

/// Checks that any change makes a token invalid: an accepted token is the one that was issued.
///
/// # Panics
///
/// If another token is accepted.
pub fn token(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let issued = &*ISSUED;
    let is_valid = |token: &str| issued.tokens.verify(token, issued.now).is_ok();
    assert_eq!(is_valid(text), text == issued.good);
    // The same input as header, as claims and as signature.
    let parts: Vec<_> = issued.good.split('.').collect();
    for place in 0..parts.len() {
        let mut changed = parts.clone();
        changed[place] = text;
        let changed = changed.join(".");
        assert_eq!(is_valid(&changed), changed == issued.good, "{changed}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn fuzz_token() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/token");
        kanso_testkit::fuzz::withstands(corpus, super::token);
    }
}
