//! The golden vectors of everything that another release, another server or a client keeps: they
//! were computed by another implementation, from the descriptions in `docs/formats.md`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kanso_application::ports::admission::InvitationCodes as _;
use kanso_application::ports::credentials::{
    AccessTokens as _, DeviceProofs as _, Identity, Pseudonyms as _, RefreshTokens as _,
};
use kanso_application::ports::ids::Ids;
use kanso_application::ports::tickets::TicketTokens as _;
use kanso_domain::sessions::TokenHash;
use kanso_domain::{SessionId, Timestamp, UserId};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Entropy, HmacDeviceProofs, HmacPseudonyms, HmacRefreshTokens, JwtTokens, RandomInvitations,
    RandomTickets, SigningKey, TokenRules, new_secret,
};

/// Entropy without any.
struct Sevens;

impl Entropy for Sevens {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

struct Threes;

impl Ids for Threes {
    fn uuid(&self) -> Uuid {
        Uuid::from_u128(3)
    }
}

fn golden() -> Value {
    let file = include_str!("../tests/golden/credentials.json");
    serde_json::from_str(file).expect("the golden file is JSON")
}

fn key(golden: &Value) -> SigningKey {
    let secret = golden["signing_secret"].as_str().expect("a text");
    SigningKey::hs256(secret.as_bytes()).expect("a key")
}

fn hex(hash: TokenHash) -> String {
    let digits = hash.bytes().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

fn ada() -> Identity {
    Identity {
        user_id: UserId::new(Uuid::from_u128(1)),
        session_id: SessionId::new(Uuid::from_u128(2)),
    }
}

#[test]
fn refresh_tokens_have_their_golden_successors() {
    let golden = golden();
    let tokens = HmacRefreshTokens::new(&key(&golden), &[], Arc::new(Sevens));
    let minted = tokens.mint(ada());
    assert_eq!(golden["refresh_token"], minted.token);
    assert_eq!(golden["refresh_token_hash"], hex(minted.hash));
    let read = tokens.read(&minted.token, None).expect("a token");
    assert_eq!(golden["successor"], read.successor);
    assert_eq!(golden["successor_hash"], hex(read.presented.successor));
    // Releases before had the same form without a seal.
    let text = |name: &str| golden[name].as_str().expect("a text").to_owned();
    let former = tokens.read(&text("refresh_token_0_1_0"), Some(&text("nonce")));
    let former = former.expect("a token");
    assert!(read.presented.is_issued && !former.presented.is_issued);
    assert_eq!(former.former_successors, [text("successor_0_1_0")]);
    let nonce = former.presented.nonce.map(hex);
    assert_eq!(nonce, Some(text("nonce_hash")));
}

#[test]
fn device_proofs_have_their_golden_form() {
    let golden = golden();
    let proofs = HmacDeviceProofs::new(&key(&golden), &[]);
    let issued_at = golden["access_token_claims"]["iat"]
        .as_i64()
        .expect("a number");
    let now = Timestamp::from_micros(issued_at * 1_000_000 + 999_999).expect("an instant");
    assert_eq!(golden["device_proof"], proofs.issue(ada(), now));
}

#[test]
fn tickets_invitations_and_pseudonyms_have_their_golden_forms() {
    let golden = golden();
    let minted = RandomTickets::new(Arc::new(Sevens)).mint();
    assert_eq!(golden["ticket"], minted.ticket);
    assert_eq!(golden["ticket_hash"], hex(minted.hash));
    let invitation = RandomInvitations::new(Arc::new(Sevens)).mint();
    assert_eq!(golden["invitation"], invitation.code);
    assert_eq!(golden["invitation_hash"], hex(invitation.hash));
    let pseudonyms = HmacPseudonyms::new(&key(&golden));
    for (name, expected) in golden["pseudonyms"].as_object().expect("an object") {
        assert_eq!(expected, &pseudonyms.name(name), "{name}");
    }
}

#[test]
fn the_generated_secret_is_a_text_of_a_fixed_form() {
    let golden = golden();
    assert_eq!(golden["generated_signing_secret"], new_secret(&Sevens));
    assert_eq!(golden["key_id"], key(&golden).id());
}

#[test]
fn access_tokens_have_their_golden_claims() {
    let golden = golden();
    let rules = TokenRules::of("https://kanso.example.org");
    let tokens = JwtTokens::new(key(&golden), Vec::new(), rules, Arc::new(Threes));
    let issued_at = golden["access_token_claims"]["iat"]
        .as_i64()
        .expect("a number");
    let now = Timestamp::from_micros(issued_at * 1_000_000 + 999_999).expect("an instant");
    let token = tokens.issue(ada(), now).expect("a token").token;
    let parts = ["access_token_header", "access_token_claims"];
    for (name, part) in parts.into_iter().zip(token.split('.')) {
        let part = URL_SAFE_NO_PAD.decode(part).expect("base64url");
        let part: Value = serde_json::from_slice(&part).expect("JSON");
        assert_eq!(golden[name], part, "{name}");
    }
}
