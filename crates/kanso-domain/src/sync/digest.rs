//! The digest: a fingerprint of all records that a replica should hold.

use std::fmt;

use crate::entries::Entry;
use crate::habits::Habit;
use crate::{Entity, Record, Version};

/// An order-free hash over the live records of a user.
///
/// It is the sum, modulo 2^64, of a hash of the kind, id and version of each record. Two replicas
/// that hold the same records in the same versions have the same digest; the order of arrival does
/// not matter. Two replicas that differ have the same digest in one of 2^64 cases. A change costs
/// one addition and one subtraction, so the server and the devices both keep it.
///
/// It does not protect against an attacker. A device could only deceive its own user.
///
/// ```
/// use kanso_domain::sync::Digest;
/// use kanso_domain::{Entity, Version};
///
/// let habit = Digest::of(Entity::Habit, 1, Version::FIRST);
/// let entry = Digest::of(Entity::Entry, 2, Version::FIRST);
/// let edited = Digest::of(Entity::Habit, 1, Version::FIRST.next());
///
/// // The order does not matter, and an edit replaces one hash by another.
/// let both = Digest::EMPTY.plus(habit).plus(entry);
/// assert_eq!(both, entry.plus(habit));
/// assert_eq!(both.minus(habit).plus(edited), entry.plus(edited));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Digest(u64);

impl Digest {
    /// The digest of no record.
    pub const EMPTY: Self = Self(0);

    /// Wraps a stored digest.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the digest of a single record.
    ///
    /// It applies the mixing function of `SplitMix64` (Steele, Lea and Flood, "Fast splittable
    /// pseudorandom number generators", OOPSLA 2014) to the kind (1 for a habit, 2 for an entry),
    /// the two halves of the id and the version, one after another. `docs/sync.md` has test
    /// vectors.
    pub const fn of(entity: Entity, id: u128, version: Version) -> Self {
        let kind = match entity {
            Entity::Habit => 1,
            Entity::Entry => 2,
        };
        let (high, low) = halves(id);
        // Mixed after each part, so that equal bits in two parts do not cancel out.
        let hash = mix(mix(mix(kind) ^ high) ^ low);
        Self(mix(hash ^ version.get().cast_unsigned()))
    }

    /// Returns the digest of a single record.
    pub const fn of_record(record: &Record) -> Self {
        match record {
            Record::Habit(habit) => Self::of_habit(habit),
            Record::Entry(entry) => Self::of_entry(entry),
        }
    }

    /// Returns the digest of a single habit.
    pub const fn of_habit(habit: &Habit) -> Self {
        Self::of(
            Entity::Habit,
            habit.id.uuid().as_u128(),
            habit.stamp.version,
        )
    }

    /// Returns the digest of a single entry.
    pub const fn of_entry(entry: &Entry) -> Self {
        Self::of(
            Entity::Entry,
            entry.id.uuid().as_u128(),
            entry.stamp.version,
        )
    }

    /// Returns the digest of the union of two disjoint sets of records.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// Returns the digest without the records of `other`, which must be among them.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }
}

impl std::iter::Sum for Digest {
    fn sum<I: Iterator<Item = Self>>(digests: I) -> Self {
        digests.fold(Self::EMPTY, Self::plus)
    }
}

impl fmt::Display for Digest {
    /// Writes sixteen hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The error for a text that is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 16 hexadecimal digits in lower case")]
pub struct NotADigest;

impl std::str::FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        // `from_str_radix` alone would accept a sign, upper case and fewer digits. A digest has one
        // text form, so that clients can compare texts.
        if text.len() != 16 || !text.bytes().all(is_digit) {
            return Err(NotADigest);
        }
        let number = u64::from_str_radix(text, 16).map_err(|_| NotADigest)?;
        Ok(Self(number))
    }
}

/// The digest in 256 parts. It shows which part of a replica is wrong.
///
/// A record is in the bucket of the last byte of its id. That byte is random in every version of
/// UUID that a client makes, so the buckets have about the same size.
///
/// ```
/// use kanso_domain::sync::Buckets;
/// use kanso_domain::{Entity, Version};
///
/// let mut server = Buckets::empty();
/// server.add(Entity::Habit, 0x07, Version::FIRST);
/// server.add(Entity::Entry, 0xff, Version::FIRST);
/// let mut replica = Buckets::empty();
/// replica.add(Entity::Habit, 0x07, Version::FIRST);
///
/// assert_eq!(server.differing(&replica), [0xff]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buckets(Box<[Digest; Self::COUNT]>);

impl Buckets {
    /// Number of buckets.
    pub const COUNT: usize = 256;

    /// Returns the buckets of no record.
    pub fn empty() -> Self {
        Self(Box::new([Digest::EMPTY; Self::COUNT]))
    }

    /// Wraps the digests of the buckets in order. Returns `None` unless there are
    /// [`Buckets::COUNT`] of them.
    pub fn new(digests: Vec<Digest>) -> Option<Self> {
        digests.try_into().ok().map(Self)
    }

    /// Returns the bucket of the record `id`.
    pub const fn place(id: u128) -> u8 {
        id.to_be_bytes()[15]
    }

    /// Adds a record.
    pub fn add(&mut self, entity: Entity, id: u128, version: Version) {
        let bucket = &mut self.0[usize::from(Self::place(id))];
        *bucket = bucket.plus(Digest::of(entity, id, version));
    }

    /// Returns the digests of the buckets in order.
    pub fn digests(&self) -> &[Digest; Self::COUNT] {
        &self.0
    }

    /// Returns the digest of all records.
    pub fn total(&self) -> Digest {
        self.0.iter().copied().sum()
    }

    /// Returns the buckets in which the two differ, in ascending order.
    pub fn differing(&self, other: &Self) -> Vec<u8> {
        (0..=u8::MAX)
            .filter(|&place| self.0[usize::from(place)] != other.0[usize::from(place)])
            .collect()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the halves of a number")]
const fn halves(id: u128) -> (u64, u64) {
    ((id >> 64) as u64, id as u64)
}

const fn mix(number: u64) -> u64 {
    // The constants are those of SplitMix64. Clients implement the same function, so they never
    // change.
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HABIT: u128 = 0x0198_c2f4_8b7e_7c3a_9d2e_4f5a_6b7c_8d9e;

    fn version(number: i64) -> Version {
        Version::new(number).expect("positive")
    }

    /// The test vectors of `docs/sync.md`. Another implementation computed them.
    #[test]
    fn the_documented_vectors_hold() {
        for (entity, id, number, expected) in [
            (Entity::Habit, HABIT, 1, "a3eb69ac60122dd5"),
            (Entity::Habit, HABIT, 2, "6d514d1d2300b224"),
            (Entity::Entry, HABIT, 1, "ccd21a8c3a287435"),
            (Entity::Entry, 0, 1, "e8ea51c2baa1360c"),
            (Entity::Habit, u128::MAX, i64::MAX, "1a8c358ab7b5f7c2"),
        ] {
            let digest = Digest::of(entity, id, version(number));
            assert_eq!(digest.to_string(), expected, "{entity:?} {id:x} {number}");
        }
        let both = Digest::of(Entity::Habit, HABIT, version(2)).plus(Digest::of(
            Entity::Entry,
            0,
            version(1),
        ));
        assert_eq!(both.to_string(), "563b9edfdda1e830");
        assert_eq!(Digest::EMPTY.to_string(), "0000000000000000");
    }

    #[test]
    fn only_its_own_text_is_a_digest() {
        for bad in [
            "",
            "9f",
            "000000000000000g",
            "000000000000000A",
            "+00000000000000f",
        ] {
            assert_eq!(bad.parse::<Digest>(), Err(NotADigest), "{bad}");
        }
    }

    fn records() -> impl Strategy<Value = Vec<(bool, u128, i64)>> {
        prop::collection::vec((any::<bool>(), any::<u128>(), 1..i64::MAX), 0..40)
    }

    fn digest((is_habit, id, number): (bool, u128, i64)) -> Digest {
        let entity = if is_habit {
            Entity::Habit
        } else {
            Entity::Entry
        };
        Digest::of(entity, id, version(number))
    }

    proptest! {
        #[test]
        fn the_order_does_not_matter(records in records(), seed: u64) {
            let forward: Digest = records.iter().copied().map(digest).sum();
            let mut shuffled = records;
            shuffled.sort_by_key(|(_, id, number)| mix(halves(*id).1 ^ seed ^ number.cast_unsigned()));
            prop_assert_eq!(shuffled.into_iter().map(digest).sum::<Digest>(), forward);
        }

        #[test]
        fn removed_records_leave_no_trace(records in records(), more in records()) {
            let before: Digest = records.iter().copied().map(digest).sum();
            let after = more.iter().copied().map(digest).fold(before, Digest::plus);
            let back = more.into_iter().map(digest).fold(after, Digest::minus);
            prop_assert_eq!(back, before);
        }

        #[test]
        fn the_buckets_add_up_and_show_the_difference(records in records(), lost in any::<prop::sample::Index>()) {
            let mut whole = Buckets::empty();
            let mut partial = Buckets::empty();
            let lost = if records.is_empty() { None } else { Some(lost.index(records.len())) };
            for (place, &(is_habit, id, number)) in records.iter().enumerate() {
                let entity = if is_habit { Entity::Habit } else { Entity::Entry };
                whole.add(entity, id, version(number));
                if Some(place) != lost {
                    partial.add(entity, id, version(number));
                }
            }
            prop_assert_eq!(whole.total(), records.iter().copied().map(digest).sum());
            let expected: Vec<u8> = lost.map(|place| Buckets::place(records[place].1)).into_iter().collect();
            prop_assert_eq!(whole.differing(&partial), expected);
        }

        #[test]
        fn the_text_form_comes_back(number: u64) {
            let digest = Digest::new(number);
            prop_assert_eq!(digest.to_string().parse(), Ok(digest));
        }
    }
}
