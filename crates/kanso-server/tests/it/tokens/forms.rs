//! Variants of the compact form: three parts of base64url between two dots (RFC 7515 §7.1).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::forge::{Forge, Variant, encoded, hexadecimal, object};

pub(super) fn variants(forge: &Forge<'_>) -> Vec<Variant> {
    let token = forge.token();
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("a token has three parts: {token}");
    };
    let (plain_header, plain_claims) = (object(&forge.header()), object(&forge.claims));
    let mut variants = Vec::new();
    let mut add = |reason: &str, token: String| variants.push(Variant::new(reason, token));
    for (reason, text) in [
        ("one dot", "."),
        ("two dots", ".."),
        ("three dots", "..."),
        ("three letters", "a.b.c"),
        ("a word", "token"),
        ("null", "null"),
        ("undefined", "undefined"),
        ("an empty object", "{}"),
        ("a form of a former system", "admin:admin"),
    ] {
        add(reason, text.to_owned());
    }
    for (reason, text) in [
        ("no signature part", format!("{header}.{claims}")),
        ("only the header", header.to_owned()),
        ("only the claims", claims.to_owned()),
        ("an empty signature part", format!("{header}.{claims}.")),
        ("an empty header", format!(".{claims}.{signature}")),
        ("empty claims", format!("{header}..{signature}")),
        ("a dot before it", format!(".{token}")),
        ("a dot after it", format!("{token}.")),
        (
            "two dots between parts",
            format!("{header}..{claims}.{signature}"),
        ),
        ("four parts", format!("{token}.{signature}")),
        (
            "five parts, as if encrypted",
            format!("{header}..{claims}.{signature}.{signature}"),
        ),
        ("two tokens", format!("{token}.{token}")),
        ("two tokens with a comma", format!("{token},{token}")),
        (
            "the parts in another order",
            format!("{claims}.{header}.{signature}"),
        ),
        ("in lower case", token.to_lowercase()),
        ("in upper case", token.to_uppercase()),
        ("in quotes", format!("\"{token}\"")),
        ("in angle brackets", format!("<{token}>")),
        (
            "a space in the claims",
            format!("{header}. {claims}.{signature}"),
        ),
        (
            "a tab in the claims",
            format!("{header}.\t{claims}.{signature}"),
        ),
        ("dots as percent codes", token.replace('.', "%2E")),
        ("commas for dots", token.replace('.', ",")),
        ("the dots of another script", token.replace('.', "．")),
        (
            "a soft hyphen",
            format!("{header}\u{ad}.{claims}.{signature}"),
        ),
        (
            "a space of width zero",
            format!("{header}\u{200b}.{claims}.{signature}"),
        ),
        ("a letter of another script", token.replacen('e', "е", 1)),
        ("a fragment after it", format!("{token}#x")),
        ("a parameter after it", format!("{token}?x=1")),
        ("a percent code after it", format!("{token}%00")),
        (
            "the JSON form of a JWS",
            format!(
                "{{\"protected\":\"{header}\",\"payload\":\"{claims}\",\"signature\":\"{signature}\"}}"
            ),
        ),
        (
            "plain JSON",
            format!("{plain_header}.{plain_claims}.{signature}"),
        ),
    ] {
        add(reason, text);
    }
    let not_utf8 = [token.as_bytes(), &[0xff]].concat();
    variants.push(Variant::new("a byte that is not UTF-8", not_utf8));
    variants.extend(encodings(forge));
    variants.extend(long(forge));
    variants
}

/// The signature is right: only the encoding of what it signs is not.
fn encodings(forge: &Forge<'_>) -> Vec<Variant> {
    let message = forge.message();
    let (header, claims) = message.split_once('.').expect("two parts");
    let plain_claims = object(&forge.claims);
    let mut variants = Vec::new();
    let mut add = |reason: &str, token: String| variants.push(Variant::new(reason, token));
    for (reason, message) in [
        ("a padded header", format!("{header}=.{claims}")),
        ("padded claims", format!("{header}.{claims}==")),
        (
            "claims in hexadecimal",
            format!("{header}.{}", hexadecimal(&plain_claims)),
        ),
        (
            "claims encoded twice",
            format!("{header}.{}", encoded(claims)),
        ),
        (
            "a header encoded twice",
            format!("{}.{claims}", encoded(header)),
        ),
        (
            "claims with a line end in the base64",
            format!("{header}.{}%0A{}", &claims[..8], &claims[8..]),
        ),
    ] {
        add(reason, forge.sealed(&message));
    }
    // Bytes that the two alphabets of base64 write in different ways.
    let odd = plain_claims.replacen('{', "{\"x\":\"\u{fffe}\u{ffff}??>>~~\",", 1);
    let other = STANDARD.encode(&odd);
    assert_ne!(other, URL_SAFE.encode(&odd), "the alphabets differ");
    let message = format!("{header}.{}", other.trim_end_matches('='));
    add("claims in the other alphabet", forge.sealed(&message));
    variants
}

/// Tokens that are right but for their length.
fn long(forge: &Forge<'_>) -> Vec<Variant> {
    let token = forge.token();
    let mut variants = Vec::new();
    for (reason, length) in [("just too long", 4_097), ("twice too long", 8_192)] {
        let with_padding = |padding: usize| {
            let padding = format!("\"{}\"", "x".repeat(padding));
            forge.with_claim("padding", Some(&padding))
        };
        let mut padding = (length - token.len()) * 3 / 4;
        while with_padding(padding).len() < length {
            padding += 1;
        }
        variants.push(Variant::new(reason, with_padding(padding)));
    }
    variants
}
