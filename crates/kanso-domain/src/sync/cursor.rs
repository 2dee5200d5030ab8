//! The cursor: how far a client has read.

use crate::{Seq, Timestamp};

/// The identity of one database's history. Drawn at random when a database is made, and anew when
/// one is restored or replaced, so that positions of different histories cannot be mixed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// Wraps a random number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// The newest change of one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The history that it belongs to.
    pub epoch: Epoch,
    /// Its position; [`Seq::ZERO`] before the first change.
    pub seq: Seq,
    /// Its time; the registration's before the first change.
    pub changed_at: Timestamp,
}

impl Head {
    /// The cursor of a client that has read everything.
    pub const fn cursor(self) -> Cursor {
        Cursor {
            epoch: self.epoch,
            seq: self.seq,
        }
    }

    /// The head after one more change at `now`. Its time passes this head's by at least a
    /// microsecond, whatever the clock says.
    #[must_use]
    pub fn advanced(self, now: Timestamp) -> Self {
        Self {
            seq: self.seq.next(),
            changed_at: now.max(self.changed_at.plus_micros(1)),
            ..self
        }
    }
}

/// A position in the history of one user's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The history that it belongs to.
    pub epoch: Epoch,
    /// Everything up to here has been read.
    pub seq: Seq,
}

/// Why a well-formed cursor cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorRefusal {
    /// The database was restored or replaced since the cursor was given out.
    #[error("the cursor belongs to another history of this server")]
    EpochChanged,
    /// The cursor is ahead of anything that this server ever issued: it lost its newest changes.
    #[error("the cursor is ahead of this server")]
    Ahead,
}

impl Cursor {
    /// Bytes of the binary form.
    pub const LENGTH: usize = 20;

    /// The position, if it belongs to the history of `head` and is not beyond it.
    pub fn position(self, head: Head) -> Result<Seq, CursorRefusal> {
        if self.epoch != head.epoch {
            Err(CursorRefusal::EpochChanged)
        } else if self.seq > head.seq {
            Err(CursorRefusal::Ahead)
        } else {
            Ok(self.seq)
        }
    }

    /// The binary form: epoch, position and checksum, big-endian.
    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..8].copy_from_slice(&self.epoch.get().to_be_bytes());
        bytes[8..16].copy_from_slice(&self.seq.get().to_be_bytes());
        let checksum = checksum(&bytes[..16]);
        bytes[16..].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    /// Reads the binary form; `None` for anything that [`Cursor::to_bytes`] did not write.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (epoch, rest) = bytes.split_first_chunk::<8>()?;
        let (seq, rest) = rest.split_first_chunk::<8>()?;
        let cursor = Self {
            epoch: Epoch::new(u64::from_be_bytes(*epoch)),
            seq: Seq::new(i64::from_be_bytes(*seq))?,
        };
        let written = u32::from_be_bytes(rest.try_into().ok()?);
        (written == checksum(&bytes[..16])).then_some(cursor)
    }
}

/// FNV-1a, 32 bits (IETF draft-eastlake-fnv): catches a cursor that was cut or mistyped. It is no
/// protection against forgery and needs none: a position is not a permission.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cursor(epoch: u64, seq: i64) -> Cursor {
        Cursor {
            epoch: Epoch::new(epoch),
            seq: Seq::new(seq).expect("not negative"),
        }
    }

    fn head(epoch: u64, seq: i64) -> Head {
        let changed_at = Timestamp::from_micros(0).expect("in range");
        Head {
            epoch: Epoch::new(epoch),
            seq: Seq::new(seq).expect("not negative"),
            changed_at,
        }
    }

    #[test]
    fn a_cursor_of_another_history_is_refused() {
        assert_eq!(cursor(1, 5).position(head(1, 5)), Ok(cursor(1, 5).seq));
        assert_eq!(cursor(1, 6).position(head(1, 5)), Err(CursorRefusal::Ahead));
        assert_eq!(
            cursor(2, 5).position(head(1, 5)),
            Err(CursorRefusal::EpochChanged)
        );
    }

    #[test]
    fn time_advances_even_when_the_clock_does_not() {
        let late = Timestamp::from_micros(-5).expect("in range");
        let next = head(1, 7).advanced(late);
        assert_eq!((next.seq.get(), next.changed_at.as_micros()), (8, 1));
        let early = Timestamp::from_micros(50).expect("in range");
        assert_eq!(next.advanced(early).changed_at, early);
    }

    proptest! {
        #[test]
        fn survives_the_binary_form(epoch: u64, seq in 0..=i64::MAX) {
            let cursor = cursor(epoch, seq);
            prop_assert_eq!(Cursor::from_bytes(&cursor.to_bytes()), Some(cursor));
        }

        #[test]
        fn a_flipped_bit_is_noticed(epoch: u64, seq in 0..=i64::MAX, bit in 0..160_usize) {
            let mut bytes = cursor(epoch, seq).to_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Cursor::from_bytes(&bytes), None);
        }

        #[test]
        fn other_lengths_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assume!(bytes.len() != Cursor::LENGTH);
            prop_assert_eq!(Cursor::from_bytes(&bytes), None);
        }
    }
}
