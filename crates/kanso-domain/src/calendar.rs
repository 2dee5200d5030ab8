//! The calendar: the day of an instant, the start of days, and the start of weeks.

mod day_number;

pub use day_number::DayNumber;

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::AmbiguousOffset;

use crate::accounts::Settings;
use crate::{DayStart, Timestamp, WeekStart, Zone};

/// Returns the civil day for which `instant` counts.
///
/// It is the date on the wall clock in `zone`, or the date before while the clock shows a time
/// before `day_start`.
///
/// The result depends on the wall clock alone. To subtract `day_start` from the instant would be an
/// hour off on days on which the clocks change:
///
/// ```
/// use jiff::civil::date;
/// use kanso_domain::calendar::local_day;
/// use kanso_domain::{DayStart, Timestamp, Zone};
///
/// // New York, 10 March 2024: the clocks go from 02:00 to 03:00, so 03:30 is two and a half hours
/// // after midnight. Three hours earlier it was still 9 March.
/// let zone: Zone = "America/New_York".parse()?;
/// let three: DayStart = "03:00".parse()?;
/// let half_past_three: Timestamp = "2024-03-10T07:30:00Z".parse()?;
/// assert_eq!(local_day(half_past_three, &zone, three), date(2024, 3, 10));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn local_day(instant: Timestamp, zone: &Zone, day_start: DayStart) -> Date {
    // Minutes are enough, because a day start has no seconds.
    let wall = zone.rules().to_datetime(instant.to_jiff());
    let minutes = i16::from(wall.hour()) * 60 + i16::from(wall.minute());
    // Also right on the days of a transition: a skipped or repeated hour only changes which wall
    // clocks occur.
    if minutes >= day_start.minutes() {
        wall.date()
    } else {
        // The range of `Timestamp` keeps every wall clock at least a day away from the ends of the
        // calendar of jiff.
        wall.date().yesterday().unwrap_or(wall.date())
    }
}

/// The present day of a user and the settings by which instants become days. An edit needs both.
#[derive(Clone, Copy, Debug)]
pub struct Today<'a> {
    /// Civil date in the zone of the user.
    pub date: Date,
    /// Settings of the user.
    pub settings: &'a Settings,
}

impl<'a> Today<'a> {
    /// Returns the day of a user with `settings` at `now`.
    pub fn at(now: Timestamp, settings: &'a Settings) -> Self {
        Self {
            date: local_day(now, &settings.timezone, settings.day_start),
            settings,
        }
    }

    /// Returns the day for which `instant` counts.
    pub fn day_of(self, instant: Timestamp) -> Date {
        local_day(instant, &self.settings.timezone, self.settings.day_start)
    }
}

/// Returns the civil date `days` days before `date`, or the first date of the calendar.
pub fn days_before(date: Date, days: i32) -> Date {
    date.saturating_sub(days.days())
}

/// Returns the civil date `days` days after `date`, or the last date of the calendar.
pub fn days_after(date: Date, days: i32) -> Date {
    date.saturating_add(days.days())
}

/// Returns the first instant that counts for `date`.
///
/// If the clocks skip the start of the day, the day begins at the transition. If they show it
/// twice, it begins the first time. For a date that does not exist in the zone, this is the start
/// of the next date that does.
///
/// ```
/// use jiff::civil::date;
/// use kanso_domain::calendar::day_begins;
/// use kanso_domain::{DayStart, Zone};
///
/// // São Paulo had no midnight on 4 November 2018: the clocks went from 00:00 to 01:00.
/// let zone: Zone = "America/Sao_Paulo".parse()?;
/// let begins = day_begins(date(2018, 11, 4), &zone, DayStart::MIDNIGHT);
/// assert_eq!(begins.to_string(), "2018-11-04T03:00:00.000000Z");
/// # Ok::<(), kanso_domain::time::UnknownZone>(())
/// ```
pub fn day_begins(date: Date, zone: &Zone, day_start: DayStart) -> Timestamp {
    let wall = wall_clock(date, day_start);
    let rules = zone.rules();
    let instant = match rules.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall),
        // The first of the two readings: the day must contain every instant that `local_day` maps
        // to it.
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(wall),
        AmbiguousOffset::Gap { after, .. } => after.to_timestamp(wall).map(|earlier| {
            // With the offset after the transition, the skipped wall clock is an instant before the
            // transition. The next transition is therefore the one that skipped it.
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

/// Returns the days from `first` to `last` that do not exist in `zone`.
///
/// No instant counts for such a day, because the clocks were set past all of it. For example, Apia
/// had no 30 December 2011.
pub fn skipped_days(zone: &Zone, day_start: DayStart, first: Date, last: Date) -> Vec<DayNumber> {
    let utc = jiff::tz::Offset::UTC;
    // Two days of margin: an offset of up to 14 hours and a day start of up to 12 hours move a date
    // by at most 26 hours, and the offset before the first transition in the range must be known.
    let Ok(begin) = utc.to_timestamp(wall_clock(days_before(first, 2), day_start)) else {
        return Vec::new();
    };
    let end = wall_clock(last, day_start).saturating_add(2.days());
    let mut skipped = Vec::new();
    // Only the jumps between transitions matter. A time-zone rule that repeats for ever ends at
    // `end`.
    let mut before = zone.rules().to_offset(begin);
    for transition in zone.rules().following(begin) {
        let (at, after) = (transition.timestamp(), transition.offset());
        if utc.to_datetime(at) > end {
            break;
        }
        // Only a jump of a whole day can skip a whole day. Summer time never does, so almost every
        // transition ends here.
        if after.seconds() - before.seconds() >= 86_400 {
            let (gap_begins, gap_ends) = (before.to_datetime(at), after.to_datetime(at));
            let days = gap_begins
                .date()
                .series(1.day())
                .take_while(|day| *day < gap_ends.date());
            skipped.extend(
                // The skipped day runs from its day start to the next one. All of it must lie in
                // the gap; a day of which a minute remains exists.
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

/// Returns the first day of the week that `day` is in.
pub fn week_begins(day: DayNumber, week_start: WeekStart) -> DayNumber {
    let first = match week_start {
        WeekStart::Sunday => 0,
        WeekStart::Monday => 1,
        WeekStart::Saturday => 6,
    };
    // `rem_euclid` is never negative, so a week that begins on Saturday works for a Friday as well.
    day.minus((i32::from(day.weekday()) - first).rem_euclid(7))
}

fn wall_clock(date: Date, day_start: DayStart) -> DateTime {
    // A wall clock, not an instant: it may be skipped or shown twice in a zone.
    let midnight = date.to_datetime(Time::midnight());
    midnight.saturating_add(i64::from(day_start.minutes()).minutes())
}

#[cfg(test)]
mod tests;
