//! Variants of the signature of a right token.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;

use super::forge::{Forge, Variant, encoded, hexadecimal};

pub(super) fn variants(forge: &Forge<'_>) -> Vec<Variant> {
    let name = forge.algorithm();
    let message = forge.message();
    let signature = forge.key.signature(&message, forge.key.algorithm);
    let bytes = URL_SAFE_NO_PAD.decode(&signature).expect("base64url");
    let length = bytes.len();
    let of_bytes = changed(name, &bytes);
    let mut texts: Vec<(&str, String)> = of_bytes
        .into_iter()
        .map(|(reason, bytes)| (reason, format!("{message}.{}", encoded(bytes))))
        .collect();
    let claims = message.split('.').nth(1).expect("claims").to_owned();
    let header = message.split('.').next().expect("a header").to_owned();
    let of = |text: &str| forge.key.signature(text, forge.key.algorithm);
    for (reason, signature) in [
        ("of the header only", of(&header)),
        ("of the claims only", of(&claims)),
        (
            "of the parts without a dot",
            of(&format!("{header}{claims}")),
        ),
        ("of nothing", of("")),
        (
            "of another token",
            of(&forge.with_claim("scope", Some("1"))),
        ),
        (
            "with a space",
            format!("{} {}", &signature[..9], &signature[9..]),
        ),
        ("with a plus", format!("+{}", &signature[1..])),
        (
            "with a dot",
            format!("{}.{}", &signature[..9], &signature[9..]),
        ),
        ("with a letter of two bytes", format!("{signature}é")),
        ("in hexadecimal", hexadecimal(&bytes)),
        ("the text `null`", "null".to_owned()),
    ] {
        texts.push((reason, format!("{message}.{signature}")));
    }
    for (reason, text) in [
        ("padded", URL_SAFE.encode(&bytes)),
        ("in the other alphabet and padded", STANDARD.encode(&bytes)),
        ("padded twice", format!("{signature}====")),
    ] {
        // A length that is a multiple of three needs no padding.
        if text != signature {
            texts.push((reason, format!("{message}.{text}")));
        }
    }
    // The unused bits of the last character must be zero, or a token has several spellings.
    if !length.is_multiple_of(3) {
        let mut spelling = signature.clone().into_bytes();
        let last = spelling.len() - 1;
        spelling[last] += 1;
        let spelling = String::from_utf8(spelling).expect("ASCII");
        texts.push(("with unused bits", format!("{message}.{spelling}")));
    }
    if name == "HS256" {
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            let signature = forge.key.signature(&message, algorithm);
            let reason = if algorithm == Algorithm::HS384 {
                "of HS384"
            } else {
                "of HS512"
            };
            texts.push((reason, format!("{message}.{signature}")));
        }
    }
    let named = |(reason, token)| Variant::new(format!("{name}: signature {reason}"), token);
    texts.into_iter().map(named).collect()
}

/// Returns changed bytes of a signature, with the reasons.
fn changed(name: &str, bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let length = bytes.len();
    let flipped = |index: usize| {
        let mut changed = bytes.to_vec();
        changed[index] ^= 1;
        changed
    };
    let mut of_bytes = vec![
        ("empty", Vec::new()),
        ("one byte", vec![bytes[0]]),
        ("a byte short", bytes[..length - 1].to_vec()),
        ("without its first byte", bytes[1..].to_vec()),
        ("half", bytes[..length / 2].to_vec()),
        ("a byte long", [bytes, &[0]].concat()),
        ("a zero before it", [&[0], bytes].concat()),
        ("doubled", bytes.repeat(2)),
        ("the first bit changed", flipped(0)),
        ("the last bit changed", flipped(length - 1)),
        ("a bit in its middle changed", flipped(length / 2)),
        ("zeros", vec![0; length]),
        ("ones", vec![0xff; length]),
        ("in reverse", bytes.iter().rev().copied().collect()),
        (
            "its halves exchanged",
            [&bytes[length / 2..], &bytes[..length / 2]].concat(),
        ),
        ("longer than any", vec![7; 1_024]),
    ];
    if name == "ES256" {
        // A signature in ASN.1, which other protocols use.
        let integer = |half: &[u8]| [&[2, 33, 0], half].concat();
        let body = [integer(&bytes[..32]), integer(&bytes[32..])].concat();
        of_bytes.push(("in ASN.1", [&[0x30, 70], &*body].concat()));
        // r = 0 or s = 0, as in CVE-2022-21449.
        of_bytes.push(("r is 0", [&[0; 32], &bytes[32..]].concat()));
        of_bytes.push(("s is 0", [&bytes[..32], &[0; 32]].concat()));
    }
    of_bytes
}
