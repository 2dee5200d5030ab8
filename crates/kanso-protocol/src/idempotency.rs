//! Receipt keys of REST calls that may be retried.
//!
//! A call with a key is stored like an operation: the key becomes its `op_id`, and the content of the
//! call becomes its fingerprint.

use kanso_domain::entries::EntryFields;
use kanso_domain::habits::HabitFields;
use kanso_domain::sync::{Base, FingerprintForm, ReceiptKey};
use kanso_domain::{EntryId, HabitId, OpId};
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

use crate::entries::CreateEntry;
use crate::fingerprint;
use crate::habits::CreateHabit;

/// Most characters of a key.
const MAX_KEY: usize = 255;

/// Returns true if `text` is a valid key: 1 to 255 visible ASCII characters.
pub fn is_key(text: &str) -> bool {
    (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A call that takes effect exactly once.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The method of the request: `POST`.
    pub method: &'a str,
    /// The path below `/api/v1`, as it was requested. Only the form of 0.1.0 reads it.
    pub path: &'a str,
    /// Number of attempts that this request made before: one request may try several versions.
    pub nth: usize,
    /// The content of the request.
    pub content: Content<'a>,
}

/// The content of a call: its parsed members, and for a create also its body, which the form of 0.1.0
/// is computed from.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// Create a habit.
    CreateHabit {
        /// The body.
        request: &'a CreateHabit,
        /// Its members.
        fields: &'a HabitFields,
    },
    /// Update a habit.
    UpdateHabit {
        /// The habit.
        id: HabitId,
        /// The version that the change builds on.
        base: Base,
        /// The changes.
        fields: &'a HabitFields,
    },
    /// Delete a habit.
    DeleteHabit {
        /// The habit.
        id: HabitId,
        /// The version that the deletion builds on.
        base: Base,
        /// True if the texts are erased at once.
        purge: bool,
    },
    /// Create an entry.
    CreateEntry {
        /// The body.
        request: &'a CreateEntry,
        /// Its members.
        fields: &'a EntryFields,
    },
    /// Update an entry.
    UpdateEntry {
        /// The entry.
        id: EntryId,
        /// The version that the change builds on.
        base: Base,
        /// The changes.
        fields: &'a EntryFields,
    },
    /// Delete an entry.
    DeleteEntry {
        /// The entry.
        id: EntryId,
        /// The version that the deletion builds on.
        base: Base,
        /// True if the texts are erased at once.
        purge: bool,
    },
}

/// Returns the key under which the result of `call` is stored, if the client sent `key` with it.
/// Its fingerprint is written in `form`.
pub fn receipt_key(form: FingerprintForm, key: &str, call: &Call<'_>) -> ReceiptKey {
    // Each attempt needs an id of its own: a request that retries after a conflict sends other content,
    // which the receipt of the attempt before would refuse as a reused key.
    let op_id = match call.nth {
        0 => id_of(key),
        nth => hashed(&format!("{nth} {key}")),
    };
    ReceiptKey {
        op_id: OpId::new(op_id),
        fingerprint: fingerprint::of_call(form, call),
    }
}

/// Returns the id of a key: the key itself if it is a UUID, else a UUID made of its hash (version 8,
/// RFC 9562 §5.8).
pub fn id_of(key: &str) -> Uuid {
    // The header is a string with quotes (RFC 8941), but many clients send it without.
    let bare = key.trim_matches('"');
    crate::parse_uuid(bare).unwrap_or_else(|_| hashed(bare))
}

fn hashed(key: &str) -> Uuid {
    let digest: [u8; 32] = Sha256::digest(key).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_with_and_without_quotes_has_the_same_id() {
        let uuid = "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e";
        assert_eq!(id_of(uuid).to_string(), uuid);
        assert_eq!(id_of(&format!("\"{uuid}\"")).to_string(), uuid);
        assert_eq!(id_of("tick"), id_of("\"tick\""));
        assert_eq!(id_of("tick").get_version_num(), 8);
        assert_ne!(id_of("tick"), id_of("tock"));
    }

    #[test]
    fn each_attempt_of_a_request_has_a_key_of_its_own() {
        let key = |nth, id| {
            let id = HabitId::new(Uuid::from_u128(id));
            let content = Content::DeleteHabit {
                id,
                base: Base::Any,
                purge: false,
            };
            let call = Call {
                method: "DELETE",
                path: "/habits/x",
                nth,
                content,
            };
            receipt_key(FingerprintForm::Current, "tick", &call)
        };
        assert_eq!(key(0, 1), key(0, 1));
        assert_eq!(key(0, 1).op_id, key(0, 2).op_id);
        assert_ne!(key(0, 1), key(0, 2));
        assert_ne!(key(0, 1).op_id, key(1, 1).op_id);
    }

    #[test]
    fn malformed_key_is_refused() {
        assert!(is_key("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"") && is_key("a"));
        for bad in ["", "a b", "é", "a\n", &"a".repeat(256)] {
            assert!(!is_key(bad), "{bad:?}");
        }
    }
}
