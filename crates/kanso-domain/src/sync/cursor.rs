//! The cursor: the position up to which a client has read.

use super::{Digest, Since};
use crate::{Seq, Timestamp};

/// The identity of the history of one database.
///
/// It is drawn at random when a database is created, and again when one is restored or replaced. So
/// positions of different histories cannot be mixed up.
///
/// ```
/// use kanso_domain::Timestamp;
/// use kanso_domain::sync::{CursorRefusal, Epoch, Head};
///
/// let created_at = Timestamp::from_micros(0)?;
/// let before_restore = Head::beginning(Epoch::new(1), created_at);
/// let after_restore = Head::beginning(Epoch::new(2), created_at);
///
/// let refusal = before_restore.cursor().since(after_restore);
/// assert_eq!(refusal, Err(CursorRefusal::EpochChanged));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// Wraps a random number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// The oldest position from which a cursor is still valid. Tombstones up to here were purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    /// Position of the newest purged tombstone; [`Seq::ZERO`] before the first purge.
    ///
    /// A client that has read less may hold records that are deleted.
    pub seq: Seq,
    /// Time of that change.
    pub at: Timestamp,
}

impl Floor {
    /// The floor of a history in which nothing was purged.
    pub const NONE: Self = Self {
        seq: Seq::ZERO,
        at: Timestamp::MIN,
    };
}

/// The newest change of the history of one user, with the digest at that change and the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Epoch of the history.
    pub epoch: Epoch,
    /// Position of the newest change when this epoch began; [`Seq::ZERO`] in a database that was
    /// never restored.
    ///
    /// Up to here the history is the same as before the restore. After it, a position or a version
    /// of the one history says nothing about the other.
    pub history_start: Seq,
    /// Position of the newest change; [`Seq::ZERO`] before the first one.
    pub seq: Seq,
    /// Time of the newest change; the time of the registration before the first one.
    pub changed_at: Timestamp,
    /// Digest of the live records at that change.
    pub digest: Digest,
    /// Oldest position from which a cursor is valid.
    pub floor: Floor,
}

impl Head {
    /// Returns the head of an empty history that begins at `at`.
    pub const fn beginning(epoch: Epoch, at: Timestamp) -> Self {
        Self {
            epoch,
            history_start: Seq::ZERO,
            seq: Seq::ZERO,
            changed_at: at,
            digest: Digest::EMPTY,
            floor: Floor::NONE,
        }
    }

    /// Returns this head in a history that begins here under another epoch, because the database
    /// was restored or replaced.
    ///
    /// ```
    /// use kanso_domain::Timestamp;
    /// use kanso_domain::sync::{Epoch, Head};
    ///
    /// let at = Timestamp::from_micros(100)?;
    /// let backup = Head::beginning(Epoch::new(1), at).advanced(at);
    /// let restored = backup.in_epoch(Epoch::new(2)).advanced(at);
    /// assert_eq!((restored.history_start.get(), restored.seq.get()), (1, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn in_epoch(self, epoch: Epoch) -> Self {
        Self {
            epoch,
            history_start: self.seq,
            ..self
        }
    }

    /// Returns the cursor of a client that has read everything.
    pub const fn cursor(self) -> Cursor {
        Cursor {
            epoch: self.epoch,
            seq: self.seq,
            first_pull: None,
        }
    }

    /// Returns the head after one more change at `now`.
    ///
    /// The time of the new head is at least a microsecond after the time of this one, even if the
    /// clock went back. Clients may page by instant, so two changes of one user must not share one.
    ///
    /// ```
    /// use kanso_domain::Timestamp;
    /// use kanso_domain::sync::{Epoch, Head};
    ///
    /// let head = Head::beginning(Epoch::new(1), Timestamp::from_micros(100)?);
    /// let next = head.advanced(Timestamp::from_micros(40)?);
    /// assert_eq!(next.seq.get(), 1);
    /// assert_eq!(next.changed_at.as_micros(), 101);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn advanced(self, now: Timestamp) -> Self {
        Self {
            seq: self.seq.next(),
            changed_at: now.max(self.changed_at.plus_micros(1)),
            ..self
        }
    }
}

/// A position in the history of one user's changes, as a client stores it.
///
/// ```
/// use kanso_domain::Seq;
/// use kanso_domain::sync::{Cursor, Epoch};
///
/// let cursor = Cursor {
///     epoch: Epoch::new(7),
///     seq: Seq::ZERO.next(),
///     first_pull: None,
/// };
/// let mut bytes = cursor.to_bytes();
/// assert_eq!(bytes.len(), Cursor::LENGTH);
/// assert_eq!(Cursor::from_bytes(&bytes), Some(cursor));
///
/// bytes[15] ^= 1;
/// assert_eq!(Cursor::from_bytes(&bytes), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Epoch of the history.
    pub epoch: Epoch,
    /// Position up to which the client has read.
    pub seq: Seq,
    /// During a first pull, the position of the head when the pull began.
    ///
    /// The client holds nothing that was deleted before, so it needs no tombstone up to there.
    pub first_pull: Option<Seq>,
}

/// The reason why a well-formed cursor cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorRefusal {
    /// The database was restored or replaced after the cursor was issued.
    #[error("the cursor belongs to another history of this server")]
    EpochChanged,
    /// The cursor is ahead of every position that this server issued. The server lost its newest
    /// changes.
    #[error("the cursor is ahead of this server")]
    Ahead,
    /// Tombstones that the client has not read were purged. It may hold records that are deleted.
    #[error("the cursor is older than the deletions that this server remembers")]
    Expired,
}

impl Cursor {
    /// Length of the binary form in bytes.
    pub const LENGTH: usize = 20;
    /// Length of the binary form in bytes during a first pull.
    pub const LENGTH_IN_FIRST_PULL: usize = 27;

    /// Returns the start of the delta after this cursor.
    ///
    /// # Errors
    /// [`CursorRefusal`] if the cursor belongs to another epoch, is ahead of `head`, or is behind
    /// its floor.
    pub fn since(self, head: Head) -> Result<Since, CursorRefusal> {
        // The epoch comes first: positions of two epochs cannot be compared, so the other checks
        // would mean nothing.
        if self.epoch != head.epoch {
            Err(CursorRefusal::EpochChanged)
        } else if self.seq > head.seq {
            Err(CursorRefusal::Ahead)
        // During a first pull the client lacks only the tombstones after the start of the pull,
        // even while its position is still low. A slow first pull must not expire.
        } else if self.first_pull.unwrap_or(self.seq) < head.floor.seq {
            Err(CursorRefusal::Expired)
        } else {
            Ok(self.unchecked())
        }
    }

    /// Returns the start of the delta after this cursor, without a check against a head.
    pub fn unchecked(self) -> Since {
        let after = self.seq;
        match self.first_pull {
            Some(began) => Since::FirstPull { after, began },
            None => Since::Position(after),
        }
    }

    /// Returns the binary form: epoch, position, during a first pull also the seven low bytes of
    /// its start, and a checksum. All numbers are big-endian.
    ///
    /// The two forms differ in length, so neither needs a marker.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::LENGTH_IN_FIRST_PULL);
        bytes.extend(self.epoch.get().to_be_bytes());
        bytes.extend(self.seq.get().to_be_bytes());
        // Seven bytes are enough: no user makes 2^56 changes.
        bytes.extend(self.first_pull.iter().flat_map(|began| {
            let [_, low @ ..] = began.get().to_be_bytes();
            low
        }));
        let checksum = checksum(&bytes);
        bytes.extend(checksum.to_be_bytes());
        bytes
    }

    /// Reads the binary form. Returns `None` for bytes that [`Cursor::to_bytes`] did not write.
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
                // The missing eighth byte is 0, so the number is never negative.
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

/// FNV-1a with 32 bits (IETF draft-eastlake-fnv). It detects a cursor that was cut or mistyped. It
/// does not protect against forgery and need not: a position gives no permission.
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
