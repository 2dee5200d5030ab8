//! The protocol as a model that is small enough to be explored completely.
//!
//! [`sync`] is push, pull, retry, purge and epoch with two devices over a network that loses,
//! repeats and delays; [`refresh`] is the rotation of refresh tokens with a thief. Both say in
//! their own words what should happen, and share no code with what does: the tests hold the two
//! against each other.
//!
//! **Invariant:** nothing here ships. No clock, no randomness, no I/O, and no other crate of the
//! workspace but in tests.

pub mod refresh;
pub mod sync;
