//! Variants of the header, rightly signed where that is possible.

use jsonwebtoken::Algorithm;

use super::claims::not_objects;
use super::forge::{Forge, Key, RSA_PUBLIC, Variant, encoded, object, with};

/// Names in `alg` that no key of the server has.
const ALGORITHMS: [&str; 12] = [
    "none", "None", "NONE", "nOnE", "", "HS1", "HS384", "HS512", "RS512", "PS256", "ES384",
    "ES256K",
];

pub(super) fn variants(forge: &Forge<'_>) -> Vec<Variant> {
    let name = forge.algorithm();
    let mut variants = Vec::new();
    let mut add = |reason: String, token: String| {
        variants.push(Variant::new(format!("{name}: {reason}"), token));
    };
    for algorithm in ALGORITHMS {
        let value = format!("\"{algorithm}\"");
        let token = forge.with_header("alg", Some(&value));
        add(format!("alg is {value}, signed as {name}"), token.clone());
        // The library of a victim of CVE-2015-9235 skips the check of an empty signature.
        let unsigned = token.rsplit_once('.').expect("a signature").0;
        add(
            format!("alg is {value}, not signed"),
            format!("{unsigned}."),
        );
    }
    for (parameter, value, reason) in [
        ("alg", None, "none at all"),
        ("alg", Some("null"), "null"),
        ("alg", Some("256"), "a number"),
        ("alg", Some("[\"none\"]"), "a list"),
        ("kid", None, "none at all"),
        ("kid", Some("null"), "null"),
        ("kid", Some("\"\""), "empty"),
        ("kid", Some("0"), "a number"),
        ("kid", Some("[]"), "a list"),
        ("kid", Some("{}"), "an object"),
        ("kid", Some("\"unknown\""), "unknown"),
        ("kid", Some("\"../../../dev/null\""), "a path"),
        ("kid", Some("\"' UNION SELECT 'key\""), "SQL"),
        ("kid", Some("\"|id\""), "a command"),
        (
            "kid",
            Some("\"https://evil.example.org/key\""),
            "an address",
        ),
        ("typ", None, "none at all"),
        ("typ", Some("null"), "null"),
        ("typ", Some("\"\""), "empty"),
        ("typ", Some("1"), "a number"),
        ("typ", Some("[\"at+jwt\"]"), "a list"),
        ("typ", Some("\"refresh\""), "that of a refresh token"),
        ("typ", Some("\"dpop+jwt\""), "that of a proof"),
        ("typ", Some("\"id+jwt\""), "that of an identity"),
        ("typ", Some("\"logout+jwt\""), "that of a log-out"),
        ("typ", Some("\"at+jwt;x=1\""), "one with a parameter"),
        ("typ", Some("\"at+jwt \""), "one with a space"),
        ("typ", Some("\"application/application/at+jwt\""), "doubled"),
        ("crit", Some("[\"exp\"]"), "a known name"),
        ("crit", Some("[\"b64\"]"), "b64"),
        ("crit", Some("[\"https://example.org/x\"]"), "an extension"),
        ("crit", Some("[]"), "an empty list"),
        ("crit", Some("\"exp\""), "a text"),
    ] {
        let token = forge.with_header(parameter, value);
        add(format!("{parameter} is {reason}"), token);
    }
    let id = &forge.key.id;
    for (reason, kid) in [
        ("with a space", format!("\"{id} \"")),
        ("with a NUL", format!("\"{id}\\u0000\"")),
        ("in upper case", format!("\"{}x\"", id.to_uppercase())),
        ("cut", format!("\"{}\"", &id[..id.len() - 1])),
        ("long", format!("\"{}\"", id.repeat(20))),
    ] {
        add(
            format!("kid {reason}"),
            forge.with_header("kid", Some(&kid)),
        );
    }
    for doubled in ["\"alg\":\"none\"", "\"kid\":\"x\"", "\"typ\":\"JWT\""] {
        let header = object(&forge.header()).replacen('{', &format!("{{{doubled},"), 1);
        let token = forge.signed(header, object(&forge.claims));
        add(format!("{doubled} and the right one"), token);
    }
    for (reason, bytes) in not_objects(&object(&forge.header())) {
        let token = forge.signed(bytes, object(&forge.claims));
        add(format!("header: {reason}"), token);
    }
    // RFC 7797: the claims are not encoded.
    let header = with(&forge.header(), "b64", Some("false"));
    let message = format!("{}.{}", encoded(object(&header)), object(&forge.claims));
    let message = message.replace(' ', "");
    add("claims that are not encoded".into(), forge.sealed(&message));
    for (reason, token) in with_own_keys(forge) {
        add(reason, token);
    }
    variants
}

/// Returns tokens that bring or name the key of an attacker, with which they are signed.
fn with_own_keys(forge: &Forge<'_>) -> Vec<(String, String)> {
    const SECRET: &str = "8b1f60c4d27e935a0fe2c8b7164d9a3b-attacker";
    let key = Key::hs256(SECRET);
    let jwk = format!("{{\"kty\":\"oct\",\"k\":\"{}\"}}", encoded(SECRET));
    let address = "\"https://evil.example.org/keys\"".to_owned();
    let attacker = Forge {
        key: &key,
        claims: forge.claims.clone(),
        issued_at: forge.issued_at,
    };
    let mut tokens = Vec::new();
    for (name, value) in [
        ("jwk", jwk),
        ("jku", address.clone()),
        ("x5u", address),
        ("x5c", "[\"MIIB\"]".to_owned()),
        ("x5t", "\"AAAA\"".to_owned()),
        ("x5t#S256", "\"AAAA\"".to_owned()),
    ] {
        for (whose, kid) in [("the server's", &forge.key.id), ("its own", &key.id)] {
            let header = with(&attacker.header(), name, Some(&value));
            let header = with(&header, "kid", Some(&format!("\"{kid}\"")));
            let token = attacker.signed(object(&header), object(&attacker.claims));
            tokens.push((format!("{name} with {whose} kid"), token));
        }
    }
    tokens
}

/// Returns tokens that mix up two keys of the server.
pub(super) fn confusions(forge: &Forge<'_>, other: &Forge<'_>) -> Vec<Variant> {
    let (name, theirs) = (forge.algorithm(), other.algorithm());
    let mut variants = Vec::new();
    let mut add = |reason: String, token: String| {
        variants.push(Variant::new(
            format!("{name} and {theirs}: {reason}"),
            token,
        ));
    };
    let kid = format!("\"{}\"", other.key.id);
    let alg = format!("\"{theirs}\"");
    add(
        "the kid of the other".into(),
        forge.with_header("kid", Some(&kid)),
    );
    add(
        "the alg of the other".into(),
        forge.with_header("alg", Some(&alg)),
    );
    let header = with(&with(&forge.header(), "kid", Some(&kid)), "alg", Some(&alg));
    let token = forge.signed(object(&header), object(&forge.claims));
    add("kid and alg of the other".into(), token);
    let signature = other.key.signature(&forge.message(), other.key.algorithm);
    add(
        "the signature of the other".into(),
        format!("{}.{signature}", forge.message()),
    );
    // The public key as the secret of an HMAC (CVE-2016-5431).
    if name == "RS256" {
        let pem = std::fs::read_to_string(RSA_PUBLIC).expect("a fixture");
        let public = [
            pem.trim_end().to_owned(),
            format!("{}\n", pem.trim_end()),
            forge.key.id.clone(),
        ];
        for (nth, secret) in public.into_iter().enumerate() {
            let encoding = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
            let header = with(&forge.header(), "alg", Some("\"HS256\""));
            let message = format!(
                "{}.{}",
                encoded(object(&header)),
                encoded(object(&forge.claims))
            );
            let signature =
                jsonwebtoken::crypto::sign(message.as_bytes(), &encoding, Algorithm::HS256);
            let signature = signature.expect("it signs");
            add(
                format!("HMAC under the public key, form {nth}"),
                format!("{message}.{signature}"),
            );
        }
    }
    variants
}
