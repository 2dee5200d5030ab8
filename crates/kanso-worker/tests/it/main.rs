//! Tests of the workers over an in-memory storage, on a paused clock that advances by itself.

// Clippy treats helper functions as test code only below this attribute.
#[cfg(test)]
mod days;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod eviction;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod storage;
#[cfg(test)]
mod upkeep;
#[cfg(test)]
mod world;
