//! The workers over a storage in memory, on time that moves by itself.

// Clippy takes a function for a test's only below this attribute.
#[cfg(test)]
mod days;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod forgetting;
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
