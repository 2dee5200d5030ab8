//! Words that people write and read: days, schedules, amounts.

use std::str::FromStr;

use jiff::civil::Date;
use kanso_client::domain::entries::{Entry, EntryKind};
use kanso_client::domain::habits::{Habit, HabitType, Schedule, TargetDirection};
use kanso_client::domain::time::parse_date;

/// A day as a person names it.
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

impl Day {
    pub(crate) fn date(self, today: Date) -> Date {
        match self {
            Self::Today => today,
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

const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl FromStr for Weekdays {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |name: &str| {
            let name = name.trim().to_lowercase();
            let found = (0_u8..)
                .zip(WEEKDAYS)
                .find(|(_, day)| name.starts_with(day));
            found
                .map(|(number, _)| number)
                .ok_or_else(|| format!("{name:?} is no day; write them as mon,wed,fri"))
        };
        text.split(',')
            .map(number)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// When a habit is due, in a few words.
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
        Schedule::Interval { interval: 1 } => "every day".to_owned(),
        Schedule::Interval { interval } => format!("every {interval} days"),
    }
}

/// What a day asks for: `20 pages`, `at most 2 cups`; empty for a tick.
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

/// What the amounts of a habit count, after a space; empty when they count nothing.
pub(crate) fn unit(habit: &Habit) -> String {
    let details = &habit.details;
    match (details.target().kind(), details.unit.as_str()) {
        (HabitType::Boolean, _) | (HabitType::Numeric, "") => String::new(),
        (HabitType::Timer, "") => " min".to_owned(),
        (_, unit) => format!(" {unit}"),
    }
}

/// What an entry says, in a few words.
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

/// `1 habit`, `2 habits`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_people_write_them() {
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
    }
}
