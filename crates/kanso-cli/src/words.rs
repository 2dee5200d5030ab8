//! Parsing and formatting of days, schedules and amounts.

use std::str::FromStr;

use jiff::civil::Date;
use kanso_client::domain::entries::{Entry, EntryKind};
use kanso_client::domain::habits::{Habit, HabitType, Schedule, TargetDirection};
use kanso_client::domain::progress::{Rate, UnitName};
use kanso_client::domain::time::parse_date;
use kanso_client::domain::{Quantity, WeekStart};

use crate::escape;

/// A day on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Day {
    Today,
    Yesterday,
    On(Date),
}

pub(crate) fn parse_day(text: &str) -> Result<Day, String> {
    match text {
        "today" => Ok(Day::Today),
        "yesterday" => Ok(Day::Yesterday),
        date => parse_date(date)
            .map(Day::On)
            .ok_or_else(|| "must be YYYY-MM-DD, today or yesterday".to_owned()),
    }
}

/// First day of a new schedule or target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstApplied {
    /// All days of the habit.
    Start,
    Day(Day),
}

pub(crate) fn parse_from(text: &str) -> Result<FirstApplied, String> {
    match text {
        "start" => Ok(FirstApplied::Start),
        day => parse_day(day)
            .map(FirstApplied::Day)
            .map_err(|_| "must be YYYY-MM-DD, today, yesterday or start".to_owned()),
    }
}

impl Day {
    pub(crate) fn date(self, today: Date) -> Date {
        match self {
            Self::Today => today,
            // Only the smallest date has no yesterday.
            Self::Yesterday => today.yesterday().unwrap_or(today),
            Self::On(date) => date,
        }
    }
}

/// A value, or the word `none`, which clears it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoneOr {
    None,
    Value(String),
}

impl FromStr for NoneOr {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "none" => Self::None,
            value => Self::Value(value.to_owned()),
        })
    }
}

/// Days of the week, 0 = Sunday.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Weekdays(pub(crate) Vec<u8>);

const DAY_NAMES: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl FromStr for Weekdays {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |name: &str| {
            let name = name.trim().to_lowercase();
            let found = (0_u8..)
                .zip(WEEKDAYS)
                // The first three letters decide, so full names and other abbreviations work too.
                .find(|(_, day)| name.starts_with(day));
            found
                .map(|(number, _)| number)
                .ok_or_else(|| format!("{name:?} is not a weekday; write them as mon,wed,fri"))
        };
        text.split(',')
            .map(number)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// Describes a schedule: `daily`, `3 days a week`.
pub(crate) fn schedule(schedule: Schedule) -> String {
    match schedule {
        Schedule::Daily => "daily".to_owned(),
        Schedule::Weekly { times_per_week: 1 } => "once a week".to_owned(),
        Schedule::Weekly { times_per_week } => format!("{times_per_week} days a week"),
        Schedule::SpecificDays { weekdays } => {
            let days = weekdays.days().into_iter();
            let names = days.filter_map(|day| WEEKDAYS.get(usize::from(day)).copied());
            names.collect::<Vec<_>>().join(", ")
        }
        // Not `daily`: such a habit was created as an interval, and its streak counts windows.
        Schedule::Interval { interval: 1 } => "every day".to_owned(),
        Schedule::Interval { interval } => format!("every {interval} days"),
    }
}

/// Describes the target of a day: `20 pages`, `at most 2 cups`; empty for a boolean habit.
pub(crate) fn target(habit: &Habit) -> String {
    let target = habit.details.target();
    if target.kind() == HabitType::Boolean {
        return String::new();
    }
    let limit = match target.direction() {
        TargetDirection::AtLeast => "",
        TargetDirection::AtMost => "at most ",
    };
    format!("{limit}{}{}", target.value(), unit(habit))
}

/// Returns the unit of a habit's amounts after a space; empty if it has none.
pub(crate) fn unit(habit: &Habit) -> String {
    let details = &habit.details;
    match (details.target().kind(), details.unit.as_str()) {
        (HabitType::Boolean, _) | (HabitType::Numeric, "") => String::new(),
        // A timer without a unit counts minutes.
        (HabitType::Timer, "") => " min".to_owned(),
        (_, unit) => format!(" {}", escape::plain(unit)),
    }
}

/// Describes the value of an entry.
pub(crate) fn entry(habit: &Habit, entry: &Entry) -> String {
    let details = &entry.details;
    match (details.kind, habit.details.target().kind()) {
        (EntryKind::Skip, _) => "skipped".to_owned(),
        (EntryKind::Value, HabitType::Boolean) if details.value.thousandths() == 0 => {
            "not done".to_owned()
        }
        (EntryKind::Value, HabitType::Boolean) => "done".to_owned(),
        (EntryKind::Value, _) => format!("{}{}", details.value, unit(habit)),
    }
}

/// Converts thousandths to an amount. A sum of many entries may be too large and is capped.
pub(crate) fn quantity(thousandths: i64) -> Quantity {
    Quantity::from_thousandths(thousandths).unwrap_or(Quantity::MAX)
}

/// Formats a streak: `1 day`, `3 weeks`, `2 windows`. A window is one interval of `every 3 days`.
pub(crate) fn streak(units: u32, unit: UnitName) -> String {
    count(u64::from(units), unit.as_str())
}

/// Formats a rate: `83 %`; empty if nothing was due.
///
/// Rounding never hides a gap: 100 % means that nothing was missed, 0 % that nothing was done.
pub(crate) fn percent(rate: Rate) -> String {
    match (rate.percent(), rate.done, rate.missed) {
        (None, ..) => String::new(),
        (_, 0, _) => "0 %".to_owned(),
        (_, _, 0) => "100 %".to_owned(),
        // Between 1 and 99: 0.4 % would round to 0 %, and 99.6 % to 100 %.
        (Some(percent), ..) => format!("{:.0} %", percent.clamp(1.0, 99.0)),
    }
}

/// Draws a part of a whole, between 0 and 1, as a bar of `width` characters.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the product is between 0 and `width`"
)]
pub(crate) fn bar(part: f64, width: u16) -> String {
    let full = (part.clamp(0.0, 1.0) * f64::from(width)).round() as u16;
    "█".repeat(full.into()) + &"░".repeat((width - full).into())
}

/// Formats a date with its weekday: `Sunday, 2026-11-22`.
pub(crate) fn long_date(date: Date) -> String {
    date.strftime("%A, %Y-%m-%d").to_string()
}

/// Returns the days of the week, 0 = Sunday, in the order of the user's week.
pub(crate) fn days_of_week(begins: WeekStart) -> impl Iterator<Item = usize> {
    let first = match begins {
        WeekStart::Sunday => 0,
        WeekStart::Monday => 1,
        WeekStart::Saturday => 6,
    };
    (first..first + 7).map(|day| day % 7)
}

/// Returns the short name of a day of the week, 0 = Sunday.
pub(crate) fn day_name(day: usize) -> &'static str {
    DAY_NAMES.get(day).copied().unwrap_or_default()
}

/// Number of characters of an id in a list. They include the time in the id up to the millisecond,
/// which tells the records of one user apart.
const ID_WIDTH: usize = 13;

/// Returns the beginning of an id.
pub(crate) fn short_id(id: &impl ToString) -> String {
    id.to_string().chars().take(ID_WIDTH).collect()
}

/// Formats a number with its noun: `1 habit`, `2 habits`, `2 entries`, `2 days`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let stem = noun.strip_suffix('y');
    // `entry` becomes `entries`, but `day` becomes `days`.
    let stem = stem.filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match (number, stem) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekdays_are_parsed_in_any_case() {
        let days = |text: &str| text.parse::<Weekdays>().map(|days| days.0);
        assert_eq!(days("mon,wed,fri"), Ok(vec![1, 3, 5]));
        assert_eq!(days("Sunday, Saturday"), Ok(vec![0, 6]));
        assert!(days("someday").is_err());
        assert!(days("").is_err());
        assert_eq!(parse_day("yesterday"), Ok(Day::Yesterday));
        assert!(parse_day("2026-02-30").is_err());
    }

    #[test]
    fn counts_have_their_plural() {
        assert_eq!(count(1, "entry"), "1 entry");
        assert_eq!(count(0, "entry"), "0 entries");
        assert_eq!(count(3, "habit"), "3 habits");
        assert_eq!(count(2, "day"), "2 days");
    }

    #[test]
    fn percents_do_not_round_a_gap_away() {
        let rate = |done, missed| percent(Rate { done, missed });
        assert_eq!(rate(0, 0), "");
        assert_eq!((rate(0, 7), rate(7, 0)), ("0 %".into(), "100 %".into()));
        assert_eq!((rate(1, 999), rate(999, 1)), ("1 %".into(), "99 %".into()));
        assert_eq!(rate(2, 1), "67 %");
    }

    #[test]
    fn a_bar_is_as_full_as_the_part() {
        assert_eq!(bar(0.5, 4), "██░░");
        assert_eq!((bar(0.0, 2), bar(7.0, 2)), ("░░".into(), "██".into()));
    }

    #[test]
    fn weeks_begin_on_the_users_first_day() {
        let names = |begins| days_of_week(begins).map(day_name).collect::<Vec<_>>();
        assert_eq!(names(WeekStart::Monday)[0], "Mon");
        assert_eq!(names(WeekStart::Saturday)[..2], ["Sat", "Sun"]);
        assert_eq!(names(WeekStart::Sunday).len(), 7);
    }
}
