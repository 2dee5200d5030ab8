//! Checks of untrusted input: cursors and pushes made of arbitrary bytes.
//!
//! The tests below run them on mutations of the corpus, and the targets of `proof/kanso-fuzz` run them
//! under libFuzzer. A normal build does not contain this module.

use kanso_domain::sync::FingerprintForm;

use crate::json::{ReadError, read};
use crate::sync::{PushRequest, PushedOperation};
use crate::{format_cursor, parse_cursor};

/// Checks that a cursor that is accepted has exactly one text.
///
/// # Panics
///
/// If an altered text is accepted as the same cursor.
pub fn cursor(input: &[u8]) {
    // A query parameter is decoded to a string before it is parsed, so only UTF-8 gets here.
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(cursor) = parse_cursor(text) {
        assert_eq!(format_cursor(cursor), text);
    }
}

/// Checks that a push that is read twice gives the same operations or the same error.
///
/// # Panics
///
/// If the two differ, or the error has no text.
pub fn push(input: &[u8]) {
    match (read::<PushRequest>(input), read::<PushRequest>(input)) {
        // A retry is recognised by its fingerprint, so reading twice must give the same one.
        (Ok(one), Ok(other)) => {
            assert_eq!(one, other);
            one.operations.iter().for_each(has_plain_words);
            assert_eq!(fingerprints(one), fingerprints(other));
        }
        (Err(one), Err(other)) => {
            assert_eq!(one, other);
            if let ReadError::WrongShape(error) = one {
                // The text is sent to the client, which needs the reason.
                assert!(!error.to_string().is_empty());
            }
        }
        (one, other) => panic!("{} is not {}", one.is_ok(), other.is_ok()),
    }
}

/// Checks that the reason for an unreadable operation is in words of the contract.
fn has_plain_words(operation: &PushedOperation) {
    if let PushedOperation::Unreadable(unreadable) = operation {
        let reason = &unreadable.error.reason;
        assert!(!reason.is_empty() && !reason.starts_with(':'), "{reason}");
        for word in ["expected", "invalid type", "variant", "at line"] {
            assert!(!reason.contains(word), "{reason}");
        }
    }
}

/// Returns the fingerprints of the operations, in each form.
fn fingerprints(request: PushRequest) -> Vec<impl PartialEq + std::fmt::Debug> {
    let operations = request.operations.into_iter();
    let prints = operations.flat_map(|request| {
        [FingerprintForm::Current, FingerprintForm::V0_1_0].map(|form| {
            let operation = request.clone().operation(None, form);
            operation.key.map(|key| key.fingerprint)
        })
    });
    prints.collect()
}

#[cfg(test)]
mod tests {
    use kanso_testkit::fuzz::withstands;

    #[test]
    fn fuzz_cursor() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/cursor");
        withstands(corpus, super::cursor);
    }

    #[test]
    fn fuzz_push() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/push");
        withstands(corpus, super::push);
    }
}
