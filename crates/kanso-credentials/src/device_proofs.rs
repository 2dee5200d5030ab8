//! Device proofs: a device that has logged in shows it at its next log-in.
//!
//! A proof is `kd1_` and base64url of user, session, the second in which it was issued, and an HMAC of
//! these. The server stores nothing for it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kanso_application::ports::credentials::{DeviceProofs, Identity};
use kanso_domain::{SessionId, Timestamp, UserId};
use uuid::Uuid;

use crate::keys::{SigningKey, has_keyed_hash, keyed_hash};

const PREFIX: &str = "kd1_";

/// Length of the HMAC in bytes. A guess of 128 bits is hopeless.
const SEAL: usize = 16;

/// Seconds for which a proof is valid. A session lasts a year at most, and the log-in after it should
/// still be that of a known device.
const VALID_SECONDS: i64 = 400 * 86_400;

/// Makes device proofs with keys derived from the signing keys.
pub struct HmacDeviceProofs {
    /// Key of the current signing key, then those of the former ones.
    keys: Vec<[u8; 32]>,
}

impl HmacDeviceProofs {
    /// Makes proofs with a key derived from `signing`. Proofs of the `former` keys stay valid.
    #[must_use]
    pub fn new(signing: &SigningKey, former: &[SigningKey]) -> Self {
        let keys = [signing].into_iter().chain(former);
        Self {
            keys: keys.map(SigningKey::device_proof_key).collect(),
        }
    }
}

/// Returns the second of an instant.
const fn second(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}

impl DeviceProofs for HmacDeviceProofs {
    fn issue(&self, session: Identity, now: Timestamp) -> String {
        let mut bytes = Vec::with_capacity(40 + SEAL);
        bytes.extend_from_slice(session.user_id.uuid().as_bytes());
        bytes.extend_from_slice(session.session_id.uuid().as_bytes());
        bytes.extend_from_slice(&second(now).to_be_bytes());
        let seal = keyed_hash(&self.keys[0], &bytes);
        bytes.extend_from_slice(&seal[..SEAL]);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    fn verify(&self, proof: &str, now: Timestamp) -> Option<Identity> {
        let bytes = URL_SAFE_NO_PAD.decode(proof.strip_prefix(PREFIX)?).ok()?;
        let (user, rest) = bytes.split_first_chunk::<16>()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let (issued_at, seal) = rest.split_first_chunk::<8>()?;
        let sealed = bytes.get(..bytes.len().checked_sub(SEAL)?)?;
        let is_whole = seal.len() == SEAL;
        if !is_whole
            || !self
                .keys
                .iter()
                .any(|key| has_keyed_hash(key, sealed, seal))
        {
            return None;
        }
        // A proof from the future stays valid: the clock of the server may have been set back.
        let age = second(now).saturating_sub(i64::from_be_bytes(*issued_at));
        (age < VALID_SECONDS).then(|| Identity {
            user_id: UserId::new(Uuid::from_bytes(*user)),
            session_id: SessionId::new(Uuid::from_bytes(*session)),
        })
    }
}

// No derived `Debug`: it would print the keys.
impl fmt::Debug for HmacDeviceProofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacDeviceProofs(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"q1HhXW0s5F0yZr1j8m3c0cQXo2i7mBk7jVtYzKq9aPw";
    const OTHER_SECRET: &[u8] = b"T4hYwq8nJ6sFv0bXc2LzGk5rPd9mQe7aUi3oRt1yHgE";

    fn key(secret: &[u8]) -> SigningKey {
        SigningKey::hs256(secret).expect("a key")
    }

    fn ada() -> Identity {
        Identity {
            user_id: UserId::new(Uuid::from_u128(1)),
            session_id: SessionId::new(Uuid::from_u128(2)),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).expect("in range")
    }

    #[test]
    fn a_proof_names_its_session_for_four_hundred_days() {
        let proofs = HmacDeviceProofs::new(&key(SECRET), &[]);
        let proof = proofs.issue(ada(), at(1_000));
        for (now, is_valid) in [
            (0, true),
            (1_000, true),
            (1_000 + VALID_SECONDS - 1, true),
            (1_000 + VALID_SECONDS, false),
        ] {
            let verified = proofs.verify(&proof, at(now));
            assert_eq!(verified, is_valid.then(ada), "{now}");
        }
    }

    #[test]
    fn only_the_server_makes_proofs_and_former_keys_count() {
        let proof = HmacDeviceProofs::new(&key(SECRET), &[]).issue(ada(), at(0));
        let other = HmacDeviceProofs::new(&key(OTHER_SECRET), &[]);
        assert_eq!(other.verify(&proof, at(0)), None);
        let after = HmacDeviceProofs::new(&key(OTHER_SECRET), &[key(SECRET)]);
        assert_eq!(after.verify(&proof, at(0)), Some(ada()));
        assert_ne!(after.issue(ada(), at(0)), proof);
    }

    #[test]
    fn each_bit_of_a_proof_counts() {
        let proofs = HmacDeviceProofs::new(&key(SECRET), &[]);
        let proof = proofs.issue(ada(), at(0));
        let bytes = URL_SAFE_NO_PAD.decode(&proof[4..]).expect("base64url");
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            let changed = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(changed));
            assert_eq!(proofs.verify(&changed, at(0)), None, "byte {index}");
        }
        let longer = format!(
            "{PREFIX}{}",
            URL_SAFE_NO_PAD.encode([&*bytes, &[0]].concat())
        );
        for bad in [
            "",
            "kd1_",
            &proof[4..],
            &proof[..50],
            &longer,
            "kr1_AAAA",
            "kd1_é",
        ] {
            assert_eq!(proofs.verify(bad, at(0)), None, "{bad}");
        }
    }
}
