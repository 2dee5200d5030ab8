//! Which day an instant counts for, when days begin, and how weeks are counted.

mod day_number;

pub use day_number::DayNumber;

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::AmbiguousOffset;

use crate::accounts::Settings;
use crate::{DayStart, Timestamp, WeekStart, Zone};

/// The civil day that `instant` counts for: what the wall clock in `zone` shows, and one day
/// earlier while the clock stands before `day_start`.
///
/// A function of the wall clock alone. Subtracting `day_start` from the instant instead would be
/// an hour off on the days on which the clocks change.
pub fn local_day(instant: Timestamp, zone: &Zone, day_start: DayStart) -> Date {
    let wall = zone.rules().to_datetime(instant.to_jiff());
    let minutes = i16::from(wall.hour()) * 60 + i16::from(wall.minute());
    if minutes >= day_start.minutes() {
        wall.date()
    } else {
        // `Timestamp`'s range keeps every wall clock at least a day away from jiff's own ends.
        wall.date().yesterday().unwrap_or(wall.date())
    }
}

/// Today, and how instants are read as days: what an edit needs to know of its moment.
#[derive(Clone, Copy, Debug)]
pub struct Today<'a> {
    /// The civil date, as the person reads it.
    pub date: Date,
    /// How the person's days are read.
    pub settings: &'a Settings,
}

impl<'a> Today<'a> {
    /// The day of a person with `settings` at `now`.
    pub fn at(now: Timestamp, settings: &'a Settings) -> Self {
        Self {
            date: local_day(now, &settings.timezone, settings.day_start),
            settings,
        }
    }

    /// The day that `instant` counts for.
    pub fn day_of(self, instant: Timestamp) -> Date {
        local_day(instant, &self.settings.timezone, self.settings.day_start)
    }
}

/// The civil date `days` before `date`, held at the calendar's beginning.
pub fn days_before(date: Date, days: i32) -> Date {
    date.saturating_sub(days.days())
}

/// The civil date `days` after `date`, held at the calendar's end.
pub fn days_after(date: Date, days: i32) -> Date {
    date.saturating_add(days.days())
}

/// The first instant that counts for `date`. Where the clocks skip the start of the day, the day
/// begins when they have; where they repeat it, the first time. Of a date that does not exist,
/// the beginning of the next one that does.
pub fn day_begins(date: Date, zone: &Zone, day_start: DayStart) -> Timestamp {
    let wall = wall_clock(date, day_start);
    let rules = zone.rules();
    let instant = match rules.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(wall),
        AmbiguousOffset::Gap { after, .. } => after.to_timestamp(wall).map(|earlier| {
            // Read with the later offset, the skipped wall clock lies before the transition.
            rules
                .following(earlier)
                .next()
                .map_or(earlier, |transition| transition.timestamp())
        }),
    };
    instant
        .ok()
        .and_then(|instant| Timestamp::from_jiff(instant).ok())
        .unwrap_or(Timestamp::MAX)
}

/// The days from `first` to `last` that do not exist in `zone`: no instant counts for them,
/// because the clocks were set past all of them (Apia had no 30 December 2011).
pub fn skipped_days(zone: &Zone, day_start: DayStart, first: Date, last: Date) -> Vec<DayNumber> {
    let utc = jiff::tz::Offset::UTC;
    let Ok(begin) = utc.to_timestamp(wall_clock(days_before(first, 2), day_start)) else {
        return Vec::new();
    };
    let end = wall_clock(last, day_start).saturating_add(2.days());
    let mut skipped = Vec::new();
    let mut before = zone.rules().to_offset(begin);
    for transition in zone.rules().following(begin) {
        let (at, after) = (transition.timestamp(), transition.offset());
        if utc.to_datetime(at) > end {
            break;
        }
        if after.seconds() - before.seconds() >= 86_400 {
            let (gap_begins, gap_ends) = (before.to_datetime(at), after.to_datetime(at));
            let days = gap_begins
                .date()
                .series(1.day())
                .take_while(|day| *day < gap_ends.date());
            skipped.extend(
                days.filter(|day| (first..=last).contains(day))
                    .filter(|day| gap_begins <= wall_clock(*day, day_start))
                    .filter(|day| wall_clock(*day, day_start).saturating_add(1.day()) <= gap_ends)
                    .map(DayNumber::of),
            );
        }
        before = after;
    }
    skipped
}

/// The first day of the week that `day` is in.
pub fn week_begins(day: DayNumber, week_start: WeekStart) -> DayNumber {
    let first = match week_start {
        WeekStart::Sunday => 0,
        WeekStart::Monday => 1,
        WeekStart::Saturday => 6,
    };
    day.minus((i32::from(day.weekday()) - first).rem_euclid(7))
}

fn wall_clock(date: Date, day_start: DayStart) -> DateTime {
    let midnight = date.to_datetime(Time::midnight());
    midnight.saturating_add(i64::from(day_start.minutes()).minutes())
}

#[cfg(test)]
mod tests;
