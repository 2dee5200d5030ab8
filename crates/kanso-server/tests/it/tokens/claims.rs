//! Variants of the claims, rightly signed.

use super::forge::{Forge, Variant, object};

/// Values of a wrong type, for every claim.
const WRONG_TYPES: [(&str, &str); 6] = [
    ("null", "null"),
    ("a bool", "true"),
    ("an object", "{}"),
    ("an empty list", "[]"),
    ("a nested list", "[[0]]"),
    ("an empty text", "\"\""),
];

/// Values that are no integer of 64 bits, for the times.
const WRONG_TIMES: [(&str, &str); 7] = [
    ("a fraction", "1795348800.5"),
    ("a float", "1.7953488e9"),
    ("beyond a float", "1e400"),
    ("beyond 64 bits", "9223372036854775808"),
    ("a text", "\"1795348800\""),
    ("a date", "\"2026-11-22T12:00:00Z\""),
    ("a list", "[1795348800]"),
];

/// Returns variants of the claims of `own`; `other` is the session of another user.
pub(super) fn variants(own: &Forge<'_>, other: &Forge<'_>) -> Vec<Variant> {
    let mut variants = Vec::new();
    let mut add = |reason: String, token: String| {
        variants.push(Variant::new(reason, token));
    };
    let claim_of = |forge: &Forge<'_>, name: &str| {
        let found = forge.claims.iter().find(|(other, _)| other == name);
        found.expect("a claim").1.clone()
    };
    for name in ["iss", "aud", "sub", "sid", "jti", "iat", "exp"] {
        add(format!("no {name}"), own.with_claim(name, None));
        for (what, value) in WRONG_TYPES {
            add(
                format!("{name} is {what}"),
                own.with_claim(name, Some(value)),
            );
        }
        // A duplicate may be read as the first or as the second value.
        for value in [claim_of(own, name), "\"another\"".to_owned()] {
            let members = object(&own.claims);
            let doubled = members.replacen('{', &format!("{{\"{name}\":{value},"), 1);
            let token = own.signed(object(&own.header()), doubled);
            add(format!("{name} twice, once as {value}"), token);
        }
    }
    for name in ["iat", "exp", "nbf"] {
        for (what, value) in WRONG_TIMES {
            add(
                format!("{name} is {what}"),
                own.with_claim(name, Some(value)),
            );
        }
    }
    let now = own.issued_at;
    for (name, time, reason) in [
        ("exp", now - 5, "over, at the end of the leeway"),
        ("exp", now - 900, "long over"),
        ("exp", 0, "over since 1970"),
        ("exp", -1, "before 1970"),
        ("exp", i64::MIN, "the first second of all"),
        ("exp", i64::MAX, "never over"),
        ("exp", now + 86_401, "later than a day"),
        ("exp", (now + 900) * 1_000, "in milliseconds"),
        ("iat", now + 6, "after the leeway"),
        ("iat", now + 86_400, "tomorrow"),
        ("iat", i64::MAX, "the last second of all"),
        ("iat", i64::MIN, "the first second of all"),
        ("iat", 0, "1970, so the lifetime is too long"),
        ("iat", now * 1_000, "in milliseconds"),
        ("nbf", now + 6, "after the leeway"),
        ("nbf", now + 600, "before the token expires"),
        ("nbf", i64::MAX, "the last second of all"),
    ] {
        let token = own.with_claim(name, Some(&time.to_string()));
        add(format!("{name} is {reason}"), token);
    }
    for (name, value) in [
        ("iss", "\"KANSO\""),
        ("iss", "\"kanso \""),
        ("iss", "\"kanso\\u0000\""),
        ("iss", "\"https://evil.example.org\""),
        ("iss", "\"k\\u0430nso\""),
        ("iss", "[\"kanso\"]"),
        ("iss", "[\"evil\",\"kanso\"]"),
        ("aud", "\"KANSO-SYNC\""),
        ("aud", "\"kanso-sync \""),
        ("aud", "\"kanso\""),
        ("aud", "\"*\""),
        ("aud", "[\"kanso-sync\"]"),
        ("aud", "[\"other\",\"kanso-sync\"]"),
        ("sub", "\"00000000-0000-0000-0000-000000000000\""),
        ("sub", "\"admin\""),
        ("sub", "\"' OR 1=1 --\""),
        ("sub", "\"../../etc/passwd\""),
        ("sub", "1"),
        ("sid", "\"00000000-0000-0000-0000-000000000000\""),
        ("sid", "\"*\""),
        ("sid", "\"ffffffff-ffff-ffff-ffff-ffffffffffff\""),
        ("jti", "\"not an id\""),
        ("jti", "7"),
    ] {
        add(
            format!("{name} is {value}"),
            own.with_claim(name, Some(value)),
        );
    }
    let theirs = |name| own.with_claim(name, Some(&claim_of(other, name)));
    add("sub is another user".into(), theirs("sub"));
    add("sid is another user's session".into(), theirs("sid"));
    let mut claims = own.claims.clone();
    claims.retain(|(name, _)| name != "sub");
    claims.push(("SUB".to_owned(), claim_of(own, "sub")));
    let token = own.signed(object(&own.header()), object(&claims));
    add("sub in upper case".into(), token);
    for (reason, bytes) in not_objects(&object(&own.claims)) {
        let token = own.signed(object(&own.header()), bytes);
        add(format!("claims: {reason}"), token);
    }
    variants
}

/// Returns bytes that are not one JSON object of right claims.
pub(super) fn not_objects(right: &str) -> Vec<(&'static str, Vec<u8>)> {
    let utf16: Vec<u8> = right.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        ("nothing", Vec::new()),
        ("an empty object", b"{}".to_vec()),
        ("null", b"null".to_vec()),
        ("a number", b"1".to_vec()),
        ("a text", format!("{right:?}").into_bytes()),
        ("a list", format!("[{right}]").into_bytes()),
        ("two objects", format!("{right}{right}").into_bytes()),
        ("a byte after the end", format!("{right}x").into_bytes()),
        ("a NUL after the end", format!("{right}\0").into_bytes()),
        (
            "a missing brace",
            right.as_bytes()[..right.len() - 1].into(),
        ),
        ("a comma too many", right.replace('}', ",}").into_bytes()),
        ("single quotes", right.replace('"', "'").into_bytes()),
        ("a comment", right.replacen('{', "{/* */", 1).into_bytes()),
        ("a byte order mark", format!("\u{feff}{right}").into_bytes()),
        ("UTF-16", utf16),
        ("a byte that is not UTF-8", in_a_text(right, &[0xff])),
        ("a lone surrogate", in_a_text(right, b"\\ud800")),
        ("a line end in a text", in_a_text(right, b"\n")),
        (
            "nested deeper than a stack",
            [b"[".repeat(1_500), right.into()].concat(),
        ),
    ]
}

/// Returns the JSON with some bytes in its first text.
fn in_a_text(json: &str, bytes: &[u8]) -> Vec<u8> {
    let (before, after) = json.split_once(":\"").expect("a text");
    [before.as_bytes(), b":\"", bytes, after.as_bytes()].concat()
}
