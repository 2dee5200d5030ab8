//! Where a snapshot goes on, as text: `ks1_` and base64url.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kanso_domain::sync::{Digest, Epoch};
use kanso_domain::{Date, Seq, UserId};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

const PREFIX: &str = "ks1_";

/// A text that is not where a snapshot of this person goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not where a snapshot goes on")]
pub struct ResumeMalformed;

/// The part of a snapshot that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumePart {
    /// The habits.
    Habits,
    /// The entries of the recent days.
    Recent,
    /// The entries before.
    Older,
}

/// Where a snapshot goes on. The server keeps nothing of it: the reader brings all of it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The history that it belongs to.
    pub epoch: Epoch,
    /// The newest change when it began.
    pub seq: Seq,
    /// Of the live records at that change.
    pub digest: Digest,
    /// Entries of this day and later come first.
    pub recent_from: Date,
    /// The part that goes on.
    pub part: ResumePart,
    /// After the record with this id.
    pub after: Option<Uuid>,
}

impl Resume {
    /// The text for `user`: opaque, at most 71 URL-safe characters.
    pub fn text(&self, user: UserId) -> String {
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
        bytes.extend(checksum);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads what [`Resume::text`] wrote for the same person.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str, user: UserId) -> Result<Self, ResumeMalformed> {
        Self::read(text, user).ok_or(ResumeMalformed)
    }

    fn read(text: &str, user: UserId) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (content, written) = bytes.split_last_chunk::<4>()?;
        if *written != checksum(user, content) {
            return None;
        }
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
                [] => None,
                id => Some(Uuid::from_slice(id).ok()?),
            },
        })
    }
}

/// The beginning of a SHA-256: catches what was cut or mistyped, and what belongs to somebody else,
/// whose positions mean nothing here. It is no protection against forgery and needs none: a
/// position is not a permission.
fn checksum(user: UserId, content: &[u8]) -> [u8; 4] {
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
    fn a_position_survives_its_text_and_is_of_one_person() {
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
            let cut = &text[..text.len() - 1];
            assert_eq!(Resume::parse(cut, user(1)), Err(ResumeMalformed));
        }
        for bad in ["", "ks1_", "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc", "ks1_!!", "é"] {
            assert_eq!(Resume::parse(bad, user(1)), Err(ResumeMalformed), "{bad}");
        }
    }
}
