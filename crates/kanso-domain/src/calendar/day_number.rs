//! Days as numbers, for loops over years of days.

use jiff::ToSpan as _;
use jiff::civil::{Date, date};

/// A civil day, counted from 1970-01-01. Steps and comparisons are integer operations.
///
/// ```
/// use jiff::civil::date;
/// use kanso_domain::calendar::DayNumber;
///
/// let day = DayNumber::of(date(2026, 2, 28));
/// assert_eq!(day.plus(1).date(), date(2026, 3, 1));
/// assert_eq!(day.weekday(), 6);
/// assert_eq!(day.plus(7).days_since(day), 7);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DayNumber(i32);

const EPOCH: Date = date(1970, 1, 1);
const SECONDS_PER_DAY: i64 = 86_400;

impl DayNumber {
    /// Returns the number of `date`.
    pub fn of(date: Date) -> Self {
        let days = date.duration_since(EPOCH).as_secs() / SECONDS_PER_DAY;
        // The calendar has fewer than 8 million days, so the number fits.
        Self(i32::try_from(days).unwrap_or(i32::MAX))
    }

    /// Returns the civil date, or the first or last one of the calendar.
    pub fn date(self) -> Date {
        EPOCH.saturating_add(self.0.days())
    }

    /// Returns the day of the week, 0 = Sunday to 6 = Saturday.
    pub const fn weekday(self) -> u8 {
        // 1970-01-01 was a Thursday; the remainder is below 7.
        (self.0 + 4).rem_euclid(7).unsigned_abs().to_le_bytes()[0]
    }

    /// Returns the day `days` days later.
    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Returns the day `days` days earlier.
    #[must_use]
    pub const fn minus(self, days: i32) -> Self {
        Self(self.0.saturating_sub(days))
    }

    /// Returns the number of days from `earlier` to this day.
    pub const fn days_since(self, earlier: Self) -> i32 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns this day and the days after it, through `last`.
    pub fn through(self, last: Self) -> impl Iterator<Item = Self> + use<> {
        (self.0..=last.0).map(Self)
    }
}
