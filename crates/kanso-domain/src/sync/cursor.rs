//! The cursor: how far a client has read.

use super::{Digest, Since};
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

/// How far back a user's history is kept: tombstones up to here were purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    /// Whoever has read less may hold records that are gone; [`Seq::ZERO`] while nothing was
    /// purged.
    pub seq: Seq,
    /// The time of that change.
    pub at: Timestamp,
}

impl Floor {
    /// Nothing was purged.
    pub const NONE: Self = Self {
        seq: Seq::ZERO,
        at: Timestamp::MIN,
    };
}

/// Where one user's history stands: its newest change, what it adds up to, and how far back it is
/// kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The history that it belongs to.
    pub epoch: Epoch,
    /// Its position; [`Seq::ZERO`] before the first change.
    pub seq: Seq,
    /// Its time; the registration's before the first change.
    pub changed_at: Timestamp,
    /// Of the live records at that change.
    pub digest: Digest,
    /// How far back the history is kept.
    pub floor: Floor,
}

impl Head {
    /// The head of a history that begins at `at`, with nothing in it.
    pub const fn beginning(epoch: Epoch, at: Timestamp) -> Self {
        Self {
            epoch,
            seq: Seq::ZERO,
            changed_at: at,
            digest: Digest::EMPTY,
            floor: Floor::NONE,
        }
    }

    /// The cursor of a client that has read everything.
    pub const fn cursor(self) -> Cursor {
        Cursor {
            epoch: self.epoch,
            seq: self.seq,
            first_pull: None,
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
    /// During a first pull, the head when it began: the client holds nothing that was deleted
    /// before, so it needs no tombstone up to there.
    pub first_pull: Option<Seq>,
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
    /// Tombstones that the client has not read were purged: it may hold records that are gone.
    #[error("the cursor is older than what this server remembers of deletions")]
    Expired,
}

impl Cursor {
    /// Bytes of the binary form.
    pub const LENGTH: usize = 20;
    /// Bytes of the binary form during a first pull.
    pub const LENGTH_IN_FIRST_PULL: usize = 27;

    /// Where the delta after this cursor begins, if it belongs to the history of `head`, is not
    /// beyond it and not behind what is kept of it.
    ///
    /// # Errors
    /// See [`CursorRefusal`].
    pub fn since(self, head: Head) -> Result<Since, CursorRefusal> {
        if self.epoch != head.epoch {
            Err(CursorRefusal::EpochChanged)
        } else if self.seq > head.seq {
            Err(CursorRefusal::Ahead)
        } else if self.first_pull.unwrap_or(self.seq) < head.floor.seq {
            Err(CursorRefusal::Expired)
        } else {
            Ok(self.unchecked())
        }
    }

    /// Where the delta after this cursor begins, in its own history.
    pub fn unchecked(self) -> Since {
        let after = self.seq;
        match self.first_pull {
            Some(began) => Since::FirstPull { after, began },
            None => Since::Position(after),
        }
    }

    /// The binary form: epoch, position, during a first pull also the seven low bytes of where it
    /// began, and a checksum; all big-endian.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::LENGTH_IN_FIRST_PULL);
        bytes.extend(self.epoch.get().to_be_bytes());
        bytes.extend(self.seq.get().to_be_bytes());
        // A history of 2^55 changes is beyond any person.
        bytes.extend(self.first_pull.iter().flat_map(|began| {
            let [_, low @ ..] = began.get().to_be_bytes();
            low
        }));
        let checksum = checksum(&bytes);
        bytes.extend(checksum.to_be_bytes());
        bytes
    }

    /// Reads the binary form; `None` for anything that [`Cursor::to_bytes`] did not write.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (content, written) = bytes.split_last_chunk::<4>()?;
        if u32::from_be_bytes(*written) != checksum(content) {
            return None;
        }
        let (epoch, rest) = content.split_first_chunk::<8>()?;
        let (seq, rest) = rest.split_first_chunk::<8>()?;
        let first_pull = match rest.len() {
            0 => None,
            7 => {
                let mut began = [0; 8];
                began[1..].copy_from_slice(rest);
                Some(i64::from_be_bytes(began))
            }
            _ => return None,
        };
        Some(Self {
            epoch: Epoch::new(u64::from_be_bytes(*epoch)),
            seq: Seq::new(i64::from_be_bytes(*seq))?,
            first_pull: first_pull.and_then(Seq::new),
        })
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

    fn position(number: i64) -> Seq {
        Seq::new(number).expect("not negative")
    }

    fn cursor(epoch: u64, seq: i64) -> Cursor {
        Cursor {
            epoch: Epoch::new(epoch),
            seq: position(seq),
            first_pull: None,
        }
    }

    fn head(epoch: u64, seq: i64) -> Head {
        let changed_at = Timestamp::from_micros(0).expect("in range");
        Head {
            seq: position(seq),
            ..Head::beginning(Epoch::new(epoch), changed_at)
        }
    }

    #[test]
    fn a_cursor_of_another_history_is_refused() {
        let seen = Since::Position(position(5));
        assert_eq!(cursor(1, 5).since(head(1, 5)), Ok(seen));
        assert_eq!(cursor(1, 6).since(head(1, 5)), Err(CursorRefusal::Ahead));
        let changed = cursor(2, 5).since(head(1, 5));
        assert_eq!(changed, Err(CursorRefusal::EpochChanged));
    }

    #[test]
    fn a_cursor_below_the_floor_is_refused_unless_its_holder_began_above() {
        let seq = position(4);
        let at = Timestamp::from_micros(0).expect("in range");
        let purged = Head {
            floor: Floor { seq, at },
            ..head(1, 9)
        };
        assert_eq!(cursor(1, 3).since(purged), Err(CursorRefusal::Expired));
        assert!(cursor(1, 4).since(purged).is_ok());
        let first_pull = |began| Cursor {
            first_pull: Some(position(began)),
            ..cursor(1, 2)
        };
        assert_eq!(first_pull(3).since(purged), Err(CursorRefusal::Expired));
        let since = Since::FirstPull {
            after: position(2),
            began: position(8),
        };
        assert_eq!(first_pull(8).since(purged), Ok(since));
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
        fn survives_the_binary_form(epoch: u64, seq in 0..=i64::MAX, began in prop::option::of(0..1_i64 << 55)) {
            let cursor = Cursor { first_pull: began.map(position), ..cursor(epoch, seq) };
            let bytes = cursor.to_bytes();
            let length = if began.is_some() { Cursor::LENGTH_IN_FIRST_PULL } else { Cursor::LENGTH };
            prop_assert_eq!(bytes.len(), length);
            prop_assert_eq!(Cursor::from_bytes(&bytes), Some(cursor));
        }

        #[test]
        fn a_flipped_bit_is_noticed(epoch: u64, seq in 0..=i64::MAX, began in prop::option::of(0..1_i64 << 55), bit in 0..216_usize) {
            let mut bytes = Cursor { first_pull: began.map(position), ..cursor(epoch, seq) }.to_bytes();
            let bit = bit % (8 * bytes.len());
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
