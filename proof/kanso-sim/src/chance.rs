//! Random numbers that a seed decides.

use std::sync::{Mutex, PoisonError};

use kanso_application::ports::ids::Ids;
use kanso_credentials::Entropy;
use uuid::Uuid;

/// One stream of random numbers. Each actor has its own, so that an actor which draws more or fewer
/// numbers than before does not change the behaviour of the others.
#[derive(Debug)]
pub struct Chance(Mutex<fastrand::Rng>);

impl Chance {
    /// Creates the stream `name` of `seed`.
    pub fn stream(seed: u64, name: &str) -> Self {
        // FNV-1a, 64 bits: any function that distinguishes names would do.
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = seed.to_le_bytes().into_iter().chain(name.bytes());
        let hash = hash.fold(0xcbf2_9ce4_8422_2325, mix);
        Self(Mutex::new(fastrand::Rng::with_seed(hash)))
    }

    /// Returns a number from `low` to `high`, both included.
    pub fn between(&self, low: u64, high: u64) -> u64 {
        self.draw(|rng| rng.u64(low..=high))
    }

    /// Returns an index into a sequence of `length` elements, which must not be 0.
    pub fn place(&self, length: usize) -> usize {
        self.draw(|rng| rng.usize(..length))
    }

    /// Returns true in `percent` of 100 cases.
    pub fn happens(&self, percent: u32) -> bool {
        self.draw(|rng| rng.u32(..100)) < percent
    }

    /// Returns one of `choices`, or `None` if there are none.
    pub fn one_of<'a, T>(&self, choices: &'a [T]) -> Option<&'a T> {
        if choices.is_empty() {
            return None;
        }
        choices.get(self.place(choices.len()))
    }

    fn draw<T>(&self, work: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Entropy for Chance {
    fn fill(&self, bytes: &mut [u8]) {
        self.draw(|rng| rng.fill(bytes));
    }
}

impl Ids for Chance {
    fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        // The layout of version 7 with a random time: no code reads the time of an id.
        uuid::Builder::from_bytes(bytes)
            .with_version(uuid::Version::SortRand)
            .with_variant(uuid::Variant::RFC4122)
            .into_uuid()
    }
}

impl kanso_client::clock::Ids for Chance {
    fn next_id(&self) -> Uuid {
        self.uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, name: &str) -> Vec<u64> {
        let chance = Chance::stream(seed, name);
        (0..8).map(|_| chance.between(0, u64::MAX)).collect()
    }

    #[test]
    fn a_stream_is_its_seed_and_its_name() {
        assert_eq!(drawn(1, "network"), drawn(1, "network"));
        assert_ne!(drawn(1, "network"), drawn(2, "network"));
        assert_ne!(drawn(1, "network"), drawn(1, "weather"));
    }
}
