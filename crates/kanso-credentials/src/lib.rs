//! Edge out: passwords and tokens. Argon2id behind a bounded queue, access tokens as JSON Web
//! Tokens, opaque refresh tokens, device proofs, tickets and invitation codes.
//!
//! **Invariant:** no clock and no storage here: the caller passes the time and stores the results. A key
//! carries its one algorithm, so that no token can choose how it is verified. No `Debug` or `Display`
//! of this crate prints a secret.

mod access;
mod device_proofs;
mod entropy;
#[cfg(test)]
mod formats;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod invitations;
mod keys;
mod opaque;
mod passwords;
mod pseudonyms;
mod refresh;
mod strength;
mod tickets;

pub use access::{JwtTokens, TokenRules};
pub use device_proofs::HmacDeviceProofs;
pub use entropy::{Entropy, SystemEntropy, new_secret};
pub use invitations::RandomInvitations;
pub use keys::{KeyError, RECOMMENDED_RSA_BITS, SigningKey};
pub use passwords::{Argon2Passwords, HashCost, Queue};
pub use pseudonyms::HmacPseudonyms;
pub use refresh::HmacRefreshTokens;
pub use tickets::RandomTickets;
