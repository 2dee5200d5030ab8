//! Models of the protocol that are small enough to be explored completely.
//!
//! [`sync`] models push, pull, retry, purge and epoch with two devices over a network that loses,
//! repeats and delays. [`refresh`] models the rotation of refresh tokens with a thief. Both state
//! the intended behaviour independently and share no code with the product; the tests compare the
//! two.
//!
//! **Invariant:** nothing here ships. The models use no clock, no randomness and no I/O. Only the
//! tests depend on other crates of the workspace.

pub mod refresh;
pub mod sync;
