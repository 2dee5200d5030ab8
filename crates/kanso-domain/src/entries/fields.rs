//! The members of a request about an entry.

use jiff::civil::Date;

use super::{EntryDetails, EntryKind};
use crate::member::Member;
use crate::text::Notes;
use crate::time::parse_date;
use crate::{HabitId, Quantity, Timestamp, Zone};

/// The time at which something was done.
///
/// ```
/// use kanso_domain::entries::Completion;
///
/// let day: Completion = "2026-06-02".parse()?;
/// assert_eq!(day.instant().to_string(), "2026-06-02T00:00:00.000000Z");
/// let instant: Completion = "2026-06-02T01:00:00+01:00".parse()?;
/// assert_eq!(instant.instant(), day.instant());
/// assert_ne!(instant, day);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// An instant. Its civil date depends on the zone.
    At(Timestamp),
    /// A civil date. It is the same date in every zone.
    Day(Date),
}

impl Completion {
    /// Returns the instant; for a date, midnight of that date in UTC.
    pub fn instant(self) -> Timestamp {
        match self {
            Self::At(instant) => instant,
            Self::Day(date) => midnight_utc(date),
        }
    }
}

fn midnight_utc(date: Date) -> Timestamp {
    const MICROS_PER_DAY: i64 = 86_400_000_000;
    let epoch = jiff::civil::date(1970, 1, 1);
    let days = date.duration_since(epoch).as_hours() / 24;
    Timestamp::from_micros(0).map_or(Timestamp::MIN, |zero| {
        zero.plus_micros(days * MICROS_PER_DAY)
    })
}

/// The error for a text that is neither an instant nor a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an RFC 3339 instant such as 2026-11-22T13:05:09Z or a date such as 2026-11-22, \
     in the years 1 to 9999"
)]
pub struct NotACompletion;

impl std::str::FromStr for Completion {
    type Err = NotACompletion;

    fn from_str(text: &str) -> Result<Self, NotACompletion> {
        // An instant is longer than ten characters, so the length decides between the two forms.
        if text.len() == 10 {
            parse_date(text).map(Self::Day).ok_or(NotACompletion)
        } else {
            text.parse().map(Self::At).map_err(|_| NotACompletion)
        }
    }
}

/// The fields of an entry. Each field merges on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryField {
    /// See [`EntryDetails::completion`]. The zone and the local date belong to it, because they
    /// mean something only together.
    Day,
    /// See [`EntryDetails::kind`].
    Kind,
    /// See [`EntryDetails::value`].
    Value,
    /// See [`EntryDetails::notes`].
    Notes,
}

impl EntryField {
    /// Number of fields.
    pub const COUNT: usize = 4;

    /// All fields in the order of their numbers. Stored provenance uses the numbers, so new fields
    /// are appended.
    pub const ALL: [Self; Self::COUNT] = [Self::Day, Self::Kind, Self::Value, Self::Notes];
}

/// The members of a create or an update.
///
/// `None` is an absent member. `Some(None)` clears a member that can be cleared.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[expect(
    clippy::option_option,
    reason = "absent, cleared and set are three states"
)]
pub struct EntryFields {
    /// See [`EntryDetails::habit_id`].
    pub habit_id: Option<HabitId>,
    /// See [`EntryDetails::completion`].
    pub completion: Option<Completion>,
    /// See [`EntryDetails::timezone`].
    pub timezone: Option<Option<Zone>>,
    /// See [`EntryDetails::local_date`]. If it is cleared, it is computed.
    pub local_date: Option<Option<Date>>,
    /// See [`EntryDetails::kind`].
    pub kind: Option<EntryKind>,
    /// See [`EntryDetails::value`].
    pub value: Option<Quantity>,
    /// See [`EntryDetails::notes`].
    pub notes: Option<Notes>,
}

impl EntryFields {
    /// Returns the members whose value differs from `stored`, each with its field.
    pub fn differing(&self, stored: &EntryDetails) -> Vec<(EntryField, Member)> {
        fn differs<T: PartialEq>(given: Option<&T>, stored: &T) -> bool {
            given.is_some_and(|given| given != stored)
        }
        let habit_id = differs(self.habit_id.as_ref(), &stored.habit_id);
        let completion = differs(self.completion.as_ref(), &stored.completion);
        let timezone = differs(self.timezone.as_ref(), &stored.timezone);
        let local_date = differs(self.local_date.flatten().as_ref(), &stored.local_date);
        let members = [
            // A change of the habit is always refused, so the field for this member makes no
            // difference.
            (EntryField::Day, Member::HabitId, habit_id),
            (EntryField::Day, Member::CompletionDate, completion),
            (EntryField::Day, Member::Timezone, timezone),
            (EntryField::Day, Member::LocalDate, local_date),
            (
                EntryField::Kind,
                Member::Kind,
                differs(self.kind.as_ref(), &stored.kind),
            ),
            (
                EntryField::Value,
                Member::Value,
                differs(self.value.as_ref(), &stored.value),
            ),
            (
                EntryField::Notes,
                Member::Notes,
                differs(self.notes.as_ref(), &stored.notes),
            ),
        ];
        let differing = members.into_iter().filter(|(.., differs)| *differs);
        differing
            .map(|(field, member, _)| (field, member))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_completion_is_an_instant_or_a_date() {
        let instant = |text: &str| text.parse::<Completion>().map(|c| c.instant().to_string());
        let midnight = Ok("2026-06-02T00:00:00.000000Z".to_owned());
        assert_eq!(instant("2026-06-02"), midnight);
        assert_eq!(
            instant("1969-12-31"),
            Ok("1969-12-31T00:00:00.000000Z".to_owned())
        );
        assert_eq!(instant("2026-06-02T01:00:00+01:00"), midnight);
        for bad in [
            "",
            "2026-06-31",
            "2026-6-2",
            "0000-01-01",
            "9999-12-31",
            "26-06-02xx",
        ] {
            assert_eq!(instant(bad), Err(NotACompletion), "{bad}");
        }
    }
}
