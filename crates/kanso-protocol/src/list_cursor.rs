//! The text form of a position in a list: `kl1_` and base64url without padding.
//!
//! Bytes, all numbers big-endian:
//!
//! | bytes | content |
//! |---|---|
//! | 1 | list: 0 entries, 1 habits |
//! | 8 + 16 | entries: time of the completion in microseconds, and id |
//! | 0 or 2 + 1 + 1 | entries: first day of the list, if the request named none |
//! | 4 + 8 + 16 | habits: `sort_order`, time of the creation in microseconds, and id |
//! | 4 | checksum |

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kanso_domain::{Date, EntryId, HabitId, Timestamp, UserId};
use uuid::Uuid;

use crate::CursorMalformed;
use crate::sync::checksum;

const PREFIX: &str = "kl1_";

/// Position in a list: the last record of a page.
///
/// The server stores nothing about a list: the client sends the whole position back.
///
/// # Examples
/// ```
/// use kanso_domain::{HabitId, Timestamp, UserId};
/// use kanso_protocol::ListCursor;
/// use uuid::Uuid;
///
/// let user = UserId::new(Uuid::from_u128(1));
/// let position = ListCursor::Habit {
///     sort_order: 3,
///     created_at: Timestamp::from_micros(1_000)?,
///     id: HabitId::new(Uuid::from_u128(7)),
/// };
/// let text = position.text(user);
/// assert!(text.starts_with("kl1_"));
/// assert_eq!(ListCursor::parse(&text, user), Ok(position));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListCursor {
    /// In the list of entries.
    Entry {
        /// Time of the completion of the last entry.
        completion: Timestamp,
        /// Its id.
        id: EntryId,
        /// First day of the list, if the request named none: the default depends on the time of the
        /// first page.
        from: Option<Date>,
    },
    /// In the list of habits.
    Habit {
        /// Position that the user chose for the last habit.
        sort_order: i32,
        /// Time of its creation.
        created_at: Timestamp,
        /// Its id.
        id: HabitId,
    },
}

impl ListCursor {
    /// Returns the text for `user`: opaque, at most 48 URL-safe characters.
    pub fn text(&self, user: UserId) -> String {
        let mut bytes = Vec::with_capacity(33);
        match self {
            Self::Entry {
                completion,
                id,
                from,
            } => {
                bytes.push(0);
                bytes.extend(completion.as_micros().to_be_bytes());
                bytes.extend(id.uuid().as_bytes());
                if let Some(from) = from {
                    bytes.extend(from.year().to_be_bytes());
                    bytes.extend(from.month().to_be_bytes());
                    bytes.extend(from.day().to_be_bytes());
                }
            }
            Self::Habit {
                sort_order,
                created_at,
                id,
            } => {
                bytes.push(1);
                bytes.extend(sort_order.to_be_bytes());
                bytes.extend(created_at.as_micros().to_be_bytes());
                bytes.extend(id.uuid().as_bytes());
            }
        }
        let checksum = checksum(user, &bytes);
        bytes.extend(checksum);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads a text that [`ListCursor::text`] wrote for the same user.
    ///
    /// # Errors
    /// [`CursorMalformed`] for any other text.
    pub fn parse(text: &str, user: UserId) -> Result<Self, CursorMalformed> {
        Self::read(text, user).ok_or(CursorMalformed)
    }

    fn read(text: &str, user: UserId) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (content, written) = bytes.split_last_chunk::<4>()?;
        if *written != checksum(user, content) {
            return None;
        }
        let (list, rest) = content.split_first()?;
        let micros = |bytes: &[u8; 8]| Timestamp::from_micros(i64::from_be_bytes(*bytes)).ok();
        match list {
            0 => {
                let (completion, rest) = rest.split_first_chunk::<8>()?;
                let (id, rest) = rest.split_first_chunk::<16>()?;
                Some(Self::Entry {
                    completion: micros(completion)?,
                    id: EntryId::new(Uuid::from_bytes(*id)),
                    from: match rest {
                        [] => None,
                        day => Some(read_day(day)?),
                    },
                })
            }
            1 => {
                let (sort_order, rest) = rest.split_first_chunk::<4>()?;
                let (created_at, id) = rest.split_first_chunk::<8>()?;
                Some(Self::Habit {
                    sort_order: i32::from_be_bytes(*sort_order),
                    created_at: micros(created_at)?,
                    id: HabitId::new(Uuid::from_slice(id).ok()?),
                })
            }
            _ => None,
        }
    }
}

fn read_day(bytes: &[u8]) -> Option<Date> {
    let &[high, low, month, day] = bytes else {
        return None;
    };
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    Date::new(i16::from_be_bytes([high, low]), month, day).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: u128) -> UserId {
        UserId::new(Uuid::from_u128(number))
    }

    #[test]
    fn position_round_trips_for_its_user_only() {
        let at = Timestamp::from_micros(-7).expect("in range");
        let entry = |from| ListCursor::Entry {
            completion: at,
            id: EntryId::new(Uuid::max()),
            from,
        };
        let habit = ListCursor::Habit {
            sort_order: i32::MIN,
            created_at: at,
            id: HabitId::new(Uuid::from_u128(7)),
        };
        let from = "2026-08-24".parse().expect("a date");
        for position in [entry(None), entry(Some(from)), habit] {
            let text = position.text(user(1));
            assert!(text.len() <= 48, "{}", text.len());
            assert_eq!(ListCursor::parse(&text, user(1)), Ok(position));
            assert_eq!(ListCursor::parse(&text, user(2)), Err(CursorMalformed));
            let cut = &text[..text.len() - 1];
            assert_eq!(ListCursor::parse(cut, user(1)), Err(CursorMalformed));
        }
        for bad in ["", "kl1_", "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc", "kl1_!!"] {
            assert_eq!(
                ListCursor::parse(bad, user(1)),
                Err(CursorMalformed),
                "{bad}"
            );
        }
    }
}
