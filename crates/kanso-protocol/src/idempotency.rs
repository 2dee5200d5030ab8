//! Keys of calls that may be repeated, as the results of operations are kept: a key stands for an
//! `op_id`, and what the call says for the operation's body.

use kanso_domain::OpId;
use kanso_domain::sync::{Fingerprint, ReceiptKey};
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

/// The most characters of a key.
const MAX_KEY: usize = 255;

/// Whether `text` may be a key: 1 to 255 visible ASCII characters.
pub fn is_key(text: &str) -> bool {
    (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The key under which the result of the `nth` thing that a call tries is kept.
pub fn receipt_key(key: &str, nth: usize, said: &str) -> ReceiptKey {
    let op_id = if nth == 0 {
        id_of(key)
    } else {
        hashed(&format!("{nth} {key}"))
    };
    ReceiptKey {
        op_id: OpId::new(op_id),
        fingerprint: Fingerprint::new(Sha256::digest(said).into()),
    }
}

/// The id that a key stands for: itself when it is a UUID, else made of its hash (RFC 9562 §5.8).
pub fn id_of(key: &str) -> Uuid {
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
    fn a_key_stands_for_an_id() {
        let uuid = "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e";
        assert_eq!(id_of(uuid).to_string(), uuid);
        assert_eq!(id_of(&format!("\"{uuid}\"")).to_string(), uuid);
        assert_eq!(id_of("tick"), id_of("\"tick\""));
        assert_eq!(id_of("tick").get_version_num(), 8);
        assert_ne!(id_of("tick"), id_of("tock"));
        let first = receipt_key("tick", 0, "a");
        assert_eq!(first, receipt_key("tick", 0, "a"));
        assert_eq!(first.op_id, receipt_key("tick", 0, "b").op_id);
        assert_ne!(first, receipt_key("tick", 0, "b"));
        assert_ne!(first.op_id, receipt_key("tick", 1, "a").op_id);
    }

    #[test]
    fn a_key_is_short_and_visible() {
        assert!(is_key("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"") && is_key("a"));
        for bad in ["", "a b", "é", "a\n", &"a".repeat(256)] {
            assert!(!is_key(bad), "{bad:?}");
        }
    }
}
