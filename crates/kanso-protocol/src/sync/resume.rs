//! The text form of a resume position of a snapshot: `ks1_` and base64url without padding.
//!
//! Bytes, all numbers big-endian:
//!
//! | bytes | content |
//! |---|---|
//! | 8 | epoch |
//! | 8 | head at which the snapshot began |
//! | 8 | digest at that head |
//! | 2 + 1 + 1 | first recent day: year, month, day |
//! | 1 | part: 0 habits, 1 recent entries, 2 older entries |
//! | 0 or 16 | id of the last record that was sent |
//! | 4 | checksum |

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kanso_domain::sync::{Digest, Epoch};
use kanso_domain::{Date, Seq, UserId};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

const PREFIX: &str = "ks1_";

/// Error: the text is not a resume position of a snapshot of this user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a resume position of a snapshot of this account")]
pub struct ResumeMalformed;

/// The part of a snapshot that is sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumePart {
    /// Habits.
    Habits,
    /// Entries of the recent days.
    Recent,
    /// Entries of older days.
    Older,
}

/// Position at which a snapshot is resumed.
///
/// The server stores nothing about a snapshot: the client sends the whole position back. So any
/// server can resume it, also after a restart.
///
/// # Examples
/// ```
/// use kanso_domain::sync::{Digest, Epoch};
/// use kanso_domain::{Seq, UserId};
/// use kanso_protocol::sync::{Resume, ResumePart};
///
/// let user = UserId::new("0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e".parse()?);
/// let position = Resume {
///     epoch: Epoch::new(7),
///     seq: Seq::ZERO,
///     digest: Digest::EMPTY,
///     recent_from: "2026-08-24".parse()?,
///     part: ResumePart::Recent,
///     after: None,
/// };
/// let text = position.text(user);
/// assert!(text.starts_with("ks1_"));
/// assert_eq!(Resume::parse(&text, user), Ok(position));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Epoch of the history that the snapshot belongs to.
    pub epoch: Epoch,
    /// Head when the snapshot began.
    pub seq: Seq,
    /// Digest of the live records at that head.
    pub digest: Digest,
    /// First recent day: entries of this day and later are sent before older ones.
    pub recent_from: Date,
    /// The part that is sent next.
    pub part: ResumePart,
    /// Id of the last record that was sent; `None` at the start of a part.
    pub after: Option<Uuid>,
}

impl Resume {
    /// Returns the text for `user`: opaque, at most 71 URL-safe characters.
    pub fn text(&self, user: UserId) -> String {
        // 8 + 8 + 8 + 4 + 1 + 16 + 4 bytes at most.
        let mut bytes = Vec::with_capacity(49);
        bytes.extend(self.epoch.get().to_be_bytes());
        bytes.extend(self.seq.get().to_be_bytes());
        bytes.extend(self.digest.get().to_be_bytes());
        bytes.extend(self.recent_from.year().to_be_bytes());
        bytes.extend(self.recent_from.month().to_be_bytes());
        bytes.extend(self.recent_from.day().to_be_bytes());
        bytes.push(match self.part {
            ResumePart::Habits => 0,
            ResumePart::Recent => 1,
            ResumePart::Older => 2,
        });
        bytes.extend(self.after.iter().flat_map(|after| *after.as_bytes()));
        let checksum = checksum(user, &bytes);
        // The checksum is last, so it covers everything before it.
        bytes.extend(checksum);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads a text that [`Resume::text`] wrote for the same user.
    ///
    /// # Errors
    /// [`ResumeMalformed`] for any other text.
    pub fn parse(text: &str, user: UserId) -> Result<Self, ResumeMalformed> {
        Self::read(text, user).ok_or(ResumeMalformed)
    }

    fn read(text: &str, user: UserId) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (content, written) = bytes.split_last_chunk::<4>()?;
        if *written != checksum(user, content) {
            return None;
        }
        // The checksum only says that the text is whole. Every field is still checked: a text with a
        // right checksum may come from a version with other values.
        let (epoch, rest) = content.split_first_chunk::<8>()?;
        let (seq, rest) = rest.split_first_chunk::<8>()?;
        let (digest, rest) = rest.split_first_chunk::<8>()?;
        let (year, rest) = rest.split_first_chunk::<2>()?;
        let (&[month, day, part], rest) = rest.split_first_chunk::<3>()?;
        let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        Some(Self {
            epoch: Epoch::new(u64::from_be_bytes(*epoch)),
            seq: Seq::new(i64::from_be_bytes(*seq))?,
            digest: Digest::new(u64::from_be_bytes(*digest)),
            recent_from: Date::new(i16::from_be_bytes(*year), month, day).ok()?,
            part: match part {
                0 => ResumePart::Habits,
                1 => ResumePart::Recent,
                2 => ResumePart::Older,
                _ => return None,
            },
            after: match rest {
                // An id is all or nothing, so its absence needs no marker byte.
                [] => None,
                id => Some(Uuid::from_slice(id).ok()?),
            },
        })
    }
}

/// Returns the first four bytes of a SHA-256 over the user and the position.
///
/// It catches a text that was cut or mistyped, and a text of another user, whose positions have no
/// meaning here. It does not protect against forgery and need not: the token of the request decides
/// which records are read, and a position only says which of them come next.
pub(crate) fn checksum(user: UserId, content: &[u8]) -> [u8; 4] {
    let whole: [u8; 32] = Sha256::new()
        .chain_update(user.uuid().as_bytes())
        .chain_update(content)
        .finalize()
        .into();
    [whole[0], whole[1], whole[2], whole[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: u128) -> UserId {
        UserId::new(Uuid::from_u128(number))
    }

    #[test]
    fn position_round_trips_for_its_user_only() {
        for (part, after) in [
            (ResumePart::Habits, None),
            (ResumePart::Recent, Some(Uuid::from_u128(7))),
            (ResumePart::Older, Some(Uuid::max())),
        ] {
            let resume = Resume {
                epoch: Epoch::new(0x0123_4567_89ab_cdef),
                seq: Seq::new(8_816).expect("not negative"),
                digest: Digest::new(5),
                recent_from: "2026-08-24".parse().expect("a date"),
                part,
                after,
            };
            let text = resume.text(user(1));
            assert!(text.len() <= 71, "{}", text.len());
            assert_eq!(Resume::parse(&text, user(1)), Ok(resume));
            assert_eq!(Resume::parse(&text, user(2)), Err(ResumeMalformed));
            // A cut text must not be read as a position without an id.
            let cut = &text[..text.len() - 1];
            assert_eq!(Resume::parse(cut, user(1)), Err(ResumeMalformed));
        }
        for bad in ["", "ks1_", "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc", "ks1_!!", "é"] {
            assert_eq!(Resume::parse(bad, user(1)), Err(ResumeMalformed), "{bad}");
        }
    }
}
