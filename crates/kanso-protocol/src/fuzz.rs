//! Fuzz tests of untrusted input: cursors and pushes made of arbitrary bytes.

use kanso_domain::sync::FingerprintForm;
use kanso_testkit::fuzz::withstands;

use crate::json::{ReadError, read};
use crate::sync::SyncRequest;
use crate::{format_cursor, parse_cursor};

#[test]
fn fuzz_cursor() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/cursor");
    withstands(corpus, &["k1_", "AAAA", "_-", "=", "\0", "é"], |input| {
        // A query parameter is decoded to a string before it is parsed, so only UTF-8 gets here.
        let Ok(text) = std::str::from_utf8(input) else {
            return;
        };
        if let Ok(cursor) = parse_cursor(text) {
            // A cursor has exactly one text: no altered text is accepted as the same cursor.
            assert_eq!(format_cursor(cursor), text);
        }
    });
}

// Fragments that random bytes hardly ever form: numbers at the edges of their types, escapes that are
// syntax errors, brackets, and the members that decide how an operation is read.
const TOKENS: &[&str] = &[
    "null",
    "1e400",
    "-0",
    "1e-7",
    "\"\\ud800\"",
    "\\u0000",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "\"operations\":",
    "\"fields\":{",
    "\"base_version\":",
    "\"group\":\"",
    "\"revive\":true",
    "\"action\":\"increment\"",
    "\"action\":\"delete\"",
    "\"entity\":\"entry\"",
    "9223372036854775808",
    "2026-02-30",
    "Europe/Rome",
    "0.0005",
];

#[test]
fn fuzz_push() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/push");
    withstands(corpus, TOKENS, |input| {
        let fingerprints = |request: SyncRequest| -> Vec<_> {
            let operations = request.operations.into_iter();
            let prints = operations.flat_map(|request| {
                [FingerprintForm::Current, FingerprintForm::V0_1_0].map(|form| {
                    let operation = request.clone().operation(None, form);
                    operation.key.map(|key| key.fingerprint)
                })
            });
            prints.collect()
        };
        match (read::<SyncRequest>(input), read::<SyncRequest>(input)) {
            // A retry is recognised by its fingerprint, so reading twice must give the same one.
            (Ok(one), Ok(other)) => assert_eq!(fingerprints(one), fingerprints(other)),
            (Err(one), Err(other)) => {
                assert_eq!(one, other);
                if let ReadError::WrongShape(error) = one {
                    // The text is sent to the client, which needs the reason.
                    assert!(!error.to_string().is_empty());
                }
            }
            (one, other) => panic!("{} is not {}", one.is_ok(), other.is_ok()),
        }
    });
}
