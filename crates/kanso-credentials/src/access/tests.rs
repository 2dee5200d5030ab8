use super::*;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::keys::keyed_hash;

const PKCS8: &[u8] = include_bytes!("../../tests/fixtures/rsa-2048-pkcs8.pem");
const PUBLIC: &[u8] = include_bytes!("../../tests/fixtures/rsa-2048-public.pem");
const P256: &[u8] = include_bytes!("../../tests/fixtures/ec-p256.pem");
const ED25519: &[u8] = include_bytes!("../../tests/fixtures/ed25519.pem");
const SECRET: &[u8] = b"q1HhXW0s5F0yZr1j8m3c0cQXo2i7mBk7jVtYzKq9aPw";
const OTHER_SECRET: &[u8] = b"T4hYwq8nJ6sFv0bXc2LzGk5rPd9mQe7aUi3oRt1yHgE";
const NOW: i64 = 1_800_000_000;

struct Counted;

impl Ids for Counted {
    fn uuid(&self) -> Uuid {
        Uuid::from_u128(7)
    }
}

fn hs() -> SigningKey {
    SigningKey::hs256(SECRET).expect("a key")
}

fn rs() -> SigningKey {
    SigningKey::from_pem(PKCS8).expect("a key")
}

fn tokens(signing: SigningKey, former: Vec<SigningKey>) -> JwtTokens {
    JwtTokens::new(signing, former, TokenRules::of("kanso"), Arc::new(Counted))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).expect("in range")
}

fn ada() -> Identity {
    Identity {
        user_id: UserId::new(Uuid::from_u128(1)),
        session_id: SessionId::new(Uuid::from_u128(2)),
    }
}

fn issue(tokens: &JwtTokens) -> String {
    tokens.issue(ada(), at(NOW)).expect("it signs").token
}

/// Returns the claims of a valid token, to be changed.
fn claims() -> Value {
    json!({
        "iss": "kanso", "aud": "kanso-sync", "exp": NOW + 900, "iat": NOW,
        "sub": Uuid::from_u128(1), "sid": Uuid::from_u128(2), "jti": Uuid::from_u128(3),
    })
}

fn encoded(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

/// Makes a token with any header and claims, signed with HMAC-SHA-256 under any key.
fn forged(header: &Value, claims: &Value, key: &[u8]) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = URL_SAFE_NO_PAD.encode(keyed_hash(key, message.as_bytes()));
    format!("{message}.{signature}")
}

fn signed_here(claims: &Value) -> String {
    forged(
        &json!({ "alg": "HS256", "typ": "JWT", "kid": hs().id() }),
        claims,
        SECRET,
    )
}

#[test]
fn an_issued_token_is_accepted() {
    let key = |pem: &[u8]| SigningKey::from_pem(pem).expect("a key");
    for signing in [hs(), rs(), key(P256), key(ED25519)] {
        let tokens = tokens(signing, vec![]);
        let issued = tokens.issue(ada(), at(NOW)).expect("it signs");
        assert_eq!(issued.expires_in, 900);
        assert_eq!(tokens.verify(&issued.token, at(NOW)), Ok(ada()));
    }
    assert_eq!(
        tokens(hs(), vec![]).verify(&signed_here(&claims()), at(NOW)),
        Ok(ada())
    );
}

#[test]
fn a_token_has_every_claim_and_names_its_key() {
    let token = issue(&tokens(hs(), vec![]));
    let part = |index| {
        let text = token.split('.').nth(index).expect("a part");
        let bytes = URL_SAFE_NO_PAD.decode(text).expect("base64url");
        serde_json::from_slice::<Value>(&bytes).expect("JSON")
    };
    assert_eq!(
        part(0),
        json!({ "typ": "at+jwt", "alg": "HS256", "kid": hs().id() })
    );
    let mut expected = claims();
    expected["jti"] = json!(Uuid::from_u128(7));
    assert_eq!(part(1), expected);
}

#[test]
fn a_token_is_valid_from_its_issue_to_its_end_within_the_leeway() {
    let tokens = tokens(hs(), vec![]);
    let token = issue(&tokens);
    for (second, is_good) in [
        (-6, false),
        (-5, true),
        (0, true),
        (904, true),
        (905, false),
    ] {
        assert_eq!(
            tokens.verify(&token, at(NOW + second)).is_ok(),
            is_good,
            "{second}"
        );
    }
}

#[test]
fn every_claim_is_needed_and_must_be_right() {
    let tokens = tokens(hs(), vec![]);
    for (name, wrong) in [
        ("iss", json!("another issuer")),
        ("iss", json!(["kanso", "another issuer"])),
        ("aud", json!("another service")),
        ("aud", json!(["kanso-sync"])),
        ("sub", json!("ada")),
        ("sid", json!(7)),
        ("jti", json!("")),
        ("exp", json!("tomorrow")),
        ("exp", json!(NOW - 900)),
        ("exp", json!(1e300)),
        ("iat", json!(NOW + 900)),
        ("iat", json!(NOW - 86_400)),
        ("exp", json!(NOW + 86_401)),
        ("exp", json!(i64::MAX)),
    ] {
        let mut spoilt = claims();
        spoilt[name] = wrong.clone();
        let result = tokens.verify(&signed_here(&spoilt), at(NOW));
        assert_eq!(result, Err(TokenRefused), "{name}: {wrong}");
        spoilt.as_object_mut().expect("an object").remove(name);
        assert_eq!(
            tokens.verify(&signed_here(&spoilt), at(NOW)),
            Err(TokenRefused),
            "no {name}"
        );
    }
}

#[test]
fn a_token_is_not_valid_before_its_time() {
    let tokens = tokens(hs(), vec![]);
    for (begins, is_good) in [
        (json!(NOW - 900), true),
        (json!(NOW + 5), true),
        (json!(NOW + 6), false),
        (json!("tomorrow"), false),
        (json!(i64::MIN), true),
    ] {
        let mut delayed = claims();
        delayed["nbf"] = begins.clone();
        let result = tokens.verify(&signed_here(&delayed), at(NOW));
        assert_eq!(result.is_ok(), is_good, "{begins}");
    }
}

#[test]
fn only_a_token_for_access_is_accepted() {
    let tokens = tokens(hs(), vec![]);
    for (typ, is_good) in [
        (json!("at+jwt"), true),
        (json!("application/AT+JWT"), true),
        (json!("JWT"), true),
        (json!("refresh"), false),
        (json!("dpop+jwt"), false),
        (json!("id_token"), false),
        (json!(""), false),
        (Value::Null, false),
    ] {
        let header = json!({ "alg": "HS256", "typ": typ, "kid": hs().id() });
        let result = tokens.verify(&forged(&header, &claims(), SECRET), at(NOW));
        assert_eq!(result.is_ok(), is_good, "{typ}");
    }
}

#[test]
fn a_token_cannot_choose_its_algorithm() {
    let tokens = tokens(rs(), vec![hs()]);
    let none = |alg: &str, kid: &str| {
        let header = json!({ "alg": alg, "typ": "JWT", "kid": kid });
        format!("{}.{}.", encoded(&header), encoded(&claims()))
    };
    let header = |alg: &str, kid: &str| json!({ "alg": alg, "typ": "JWT", "kid": kid });
    let rs_id = rs().id().to_owned();
    let hs_id = hs().id().to_owned();
    let der = rs()
        .public()
        .map(|jwk| serde_json::to_vec(jwk).expect("JSON"))
        .expect("RS256");
    for (what, token) in [
        ("none", none("none", &hs_id)),
        ("None", none("None", &rs_id)),
        (
            "HS256 with the public key",
            forged(&header("HS256", &rs_id), &claims(), PUBLIC),
        ),
        (
            "HS256 with the JWK",
            forged(&header("HS256", &rs_id), &claims(), &der),
        ),
        (
            "HS256 under the RSA key's id",
            forged(&header("HS256", &rs_id), &claims(), SECRET),
        ),
        (
            "HS384 said, HS256 done",
            forged(&header("HS384", &hs_id), &claims(), SECRET),
        ),
        (
            "RS256 said under the secret's id",
            forged(&header("RS256", &hs_id), &claims(), SECRET),
        ),
    ] {
        assert_eq!(tokens.verify(&token, at(NOW)), Err(TokenRefused), "{what}");
    }
    // The reverse: a real RSA signature under the id of the HMAC key.
    let mut swapped = Header::new(Algorithm::RS256);
    swapped.kid = Some(hs_id);
    let key = EncodingKey::from_rsa_pem(PKCS8).expect("a key");
    let token = encode(&swapped, &claims(), &key).expect("it signs");
    assert_eq!(tokens.verify(&token, at(NOW)), Err(TokenRefused));
}

#[test]
fn only_our_keys_count_and_they_are_found_by_id() {
    let tokens = tokens(hs(), vec![]);
    for header in [
        json!({ "alg": "HS256", "kid": "unknown" }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "HS256", "kid": hs().id(), "crit": ["b64"], "b64": false }),
        json!({ "alg": "HS256", "kid": format!("{}x", hs().id()) }),
    ] {
        let token = forged(&header, &claims(), SECRET);
        assert_eq!(
            tokens.verify(&token, at(NOW)),
            Err(TokenRefused),
            "{header}"
        );
    }
    let other = forged(
        &json!({ "alg": "HS256", "kid": hs().id() }),
        &claims(),
        OTHER_SECRET,
    );
    assert_eq!(tokens.verify(&other, at(NOW)), Err(TokenRefused));
}

#[test]
fn a_key_can_be_replaced_without_logging_users_out() {
    let before = issue(&tokens(hs(), vec![]));
    let rotated = tokens(SigningKey::hs256(OTHER_SECRET).expect("a key"), vec![hs()]);
    assert_eq!(rotated.verify(&before, at(NOW)), Ok(ada()));
    assert_eq!(rotated.verify(&issue(&rotated), at(NOW)), Ok(ada()));
    let finished = tokens(SigningKey::hs256(OTHER_SECRET).expect("a key"), vec![]);
    assert_eq!(finished.verify(&before, at(NOW)), Err(TokenRefused));
}

#[test]
fn a_malformed_token_is_refused() {
    let tokens = tokens(hs(), vec![]);
    let good = issue(&tokens);
    let mut flipped = good.clone().into_bytes();
    let middle = good.len() / 2;
    flipped[middle] ^= 1;
    let flipped = String::from_utf8(flipped).expect("ASCII");
    let long = format!("{good}{}", "A".repeat(MAX_TOKEN_BYTES));
    for bad in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "\0",
        "é.é.é",
        &good[1..],
        &flipped,
        &long,
    ] {
        assert_eq!(tokens.verify(bad, at(NOW)), Err(TokenRefused), "{bad}");
    }
}

#[test]
fn the_key_set_contains_only_public_halves() {
    assert_eq!(tokens(hs(), vec![]).jwks(), json!({ "keys": [] }));
    let set = tokens(hs(), vec![rs()]).jwks();
    let keys = set["keys"].as_array().expect("a list");
    assert_eq!(keys.len(), 1);
    let members: Vec<_> = keys[0]
        .as_object()
        .expect("an object")
        .keys()
        .cloned()
        .collect();
    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
    assert_eq!(keys[0]["kid"], rs().id());
    assert_eq!(keys[0]["use"], "sig");
    assert_eq!(keys[0]["alg"], "RS256");
}
