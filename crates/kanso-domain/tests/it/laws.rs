//! Laws of days and streaks, for random zones, instants and habits.

use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZoneDatabase;
use kanso_domain::calendar::{DayNumber, day_begins, local_day, skipped_days};
use kanso_domain::entries::EntryKind;
use kanso_domain::habits::{
    ArchivedSpan, EffectiveFrom, Schedule, ScheduleHistory, ScheduleVersion,
};
use kanso_domain::progress::{Rate, UnitState, rate, units};
use kanso_domain::{DayStart, Quantity, Timestamp, Zone};
use proptest::prelude::*;

use crate::support::{Habit, every, june, weekdays, weekly};

/// Any zone of the time-zone database.
fn zones() -> impl Strategy<Value = Zone> {
    let names: Vec<String> = TimeZoneDatabase::bundled()
        .available()
        .map(|name| name.to_string())
        .collect();
    prop::sample::select(names).prop_filter_map("a zone by name", |name| name.parse().ok())
}

/// Instants of the years 1990 to 2035.
fn instants() -> impl Strategy<Value = Timestamp> {
    (631_152_000_i64..2_082_758_400)
        .prop_map(|seconds| Timestamp::from_micros(seconds * 1_000_000).expect("in range"))
}

fn day_starts() -> impl Strategy<Value = DayStart> {
    (0..=720_u16).prop_map(|minutes| {
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
            .parse()
            .expect("a day start")
    })
}

fn schedules() -> impl Strategy<Value = Schedule> {
    prop_oneof![
        Just(Schedule::Daily),
        prop::collection::vec(0..=6_u8, 1..7).prop_map(|days| weekdays(&days)),
        (1..=7_u8).prop_map(weekly),
        (1..=30_u16).prop_map(every),
    ]
}

/// A habit created on 1 June 2024 with entries on some of the next sixty days.
fn habits() -> impl Strategy<Value = Habit> {
    let entries = prop::collection::vec((1..=60_i8, prop::bool::weighted(0.15)), 0..60);
    (schedules(), entries).prop_map(|(schedule, entries)| {
        entries
            .into_iter()
            .fold(Habit::new(schedule), |habit, (day, is_skip)| {
                if is_skip {
                    habit.skip(day)
                } else {
                    habit.done(&[day])
                }
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_instant_lies_between_its_day_and_the_next(
        zone in zones(), instant in instants(), day_start in day_starts(),
    ) {
        let day = local_day(instant, &zone, day_start);
        prop_assert!(day_begins(day, &zone, day_start) <= instant, "{zone} {instant} {day}");
        // If the clocks go back over midnight, the evening before is shown once more.
        let after_next = day.saturating_add(2.days());
        prop_assert!(instant < day_begins(after_next, &zone, day_start), "{zone} {instant} {day}");
    }

    #[test]
    fn a_day_begins_with_an_instant_of_its_own(
        zone in zones(), instant in instants(), day_start in day_starts(),
    ) {
        let day = local_day(instant, &zone, day_start);
        let begins = day_begins(day, &zone, day_start);
        prop_assert_eq!(local_day(begins, &zone, day_start), day);
        let before = local_day(begins.plus_micros(-1), &zone, day_start);
        prop_assert!(before < day, "{} in {}: {} before {}", begins, zone, before, day);
    }

    #[test]
    fn days_follow_each_other_except_those_that_do_not_exist(
        zone in zones(), instant in instants(), day_start in day_starts(),
    ) {
        let day = local_day(instant, &zone, day_start);
        let next = day.saturating_add(1.day());
        let begins = day_begins(next, &zone, day_start);
        let is_skipped = skipped_days(&zone, day_start, next, next) == [DayNumber::of(next)];
        let counts_for = local_day(begins, &zone, day_start);
        prop_assert_eq!(counts_for != next, is_skipped, "{} {}", zone, next);
    }
}

proptest! {
    #[test]
    fn a_done_day_never_shortens_the_longest_streak(habit in habits(), day in 1..=60_i8) {
        let before = habit.streak(june(61)).longest;
        let after = habit.done(&[day]).streak(june(61)).longest;
        prop_assert!(after >= before, "{before} became {after}");
    }

    #[test]
    fn time_alone_never_raises_a_streak(habit in habits(), today in 1..=60_i8) {
        let until_today = Habit {
            entries: habit.entries.iter().copied().filter(|(day, ..)| *day <= june(today)).collect(),
            ..habit
        };
        let streaks = [june(today), june(today + 1)].map(|day| until_today.streak(day));
        prop_assert!(streaks[1].current <= streaks[0].current, "{streaks:?}");
    }

    #[test]
    fn an_edit_from_today_changes_no_closed_unit(
        habit in habits(), edited in schedules(), today in 2..=60_i8,
    ) {
        let version = |effective_from, schedule| ScheduleVersion {
            effective_from, schedule, target: habit.target,
        };
        let history = vec![version(june(1), habit.schedule), version(june(today), edited)];
        let after = Habit { history, ..habit.clone() };
        let closed = |habit: &Habit| -> Vec<(Date, UnitState)> {
            units(&habit.plan(june(today)), &habit.log(), june(today))
                .into_iter()
                .filter(|unit| unit.last_day() < june(today) && unit.state != UnitState::Pending)
                .map(|unit| (unit.first_day(), unit.state))
                .collect()
        };
        let (before, after) = (closed(&habit), closed(&after));
        // The edit cuts the unit that was open at its border. Earlier units stay.
        prop_assert_eq!(&after[..before.len()], &before[..]);
    }

    /// An edit leaves the days before it as they were judged, wherever they come from: a habit can be
    /// created on any day before or after its first entry, and be edited on the same day.
    #[test]
    fn an_edit_judges_no_earlier_day_anew(
        habit in habits(), edits in prop::collection::vec((schedules(), 0..=3_i8), 1..4),
        created in 1..=60_i8, start in prop::option::of(1..=60_i8),
    ) {
        let first_entry = habit.log().first_day();
        let start = start.map(june);
        let first_day = start.unwrap_or_else(|| {
            first_entry.map_or(june(created), |entry| entry.min(june(created)))
        });
        let mut history = ScheduleHistory::starting(june(created), habit.schedule, habit.target);
        let mut today = june(created);
        for (edited, later) in edits {
            today = today.saturating_add(i64::from(later).days());
            let before = history.clone();
            let from = EffectiveFrom::Day(today);
            history = history.edited(edited, habit.target, from, first_day);
            let mut day = first_day;
            while day < today {
                prop_assert_eq!(history.on(day).schedule, before.on(day).schedule, "{}", day);
                day = day.saturating_add(1.day());
            }
            prop_assert_eq!(history.on(today).schedule, edited);
            // The days that count are the same.
            let began = |history: &ScheduleHistory| {
                start.unwrap_or_else(|| {
                    let created = history.begins();
                    first_entry.map_or(created, |entry| entry.min(created))
                })
            };
            prop_assert_eq!(began(&history), began(&before));
        }
        // At most one version for each day with an edit, and the one before them.
        prop_assert!(history.versions().count() <= 4);
    }

    #[test]
    fn a_done_day_counts_also_when_the_habit_was_archived(
        habit in habits(), archived in 1..=60_i8, length in 0..10_i8,
    ) {
        let away = Habit {
            archived: vec![ArchivedSpan {
                from: june(archived),
                until: Some(june(archived + length)),
            }],
            ..habit.clone()
        };
        let longest = |habit: &Habit| habit.streak(june(61)).longest;
        let (away, never) = (longest(&away), longest(&habit));
        // Days that ask for nothing only leave out missed ones.
        if matches!(habit.schedule, Schedule::Daily | Schedule::SpecificDays { .. }) {
            prop_assert!(away >= never, "{} became {}", never, away);
        }
    }

    #[test]
    fn the_rates_of_consecutive_ranges_add_up(habit in habits(), cut in 1..=60_i8) {
        let (plan, log, today) = (habit.plan(june(61)), habit.log(), june(61));
        let rate_of = |from: Date, to: Date| rate(&plan, &log, today, from, to);
        let parts = [rate_of(june(1), june(cut)), rate_of(june(cut + 1), june(90))];
        prop_assert_eq!(parts.into_iter().sum::<Rate>(), rate_of(june(1), june(90)));
    }

    #[test]
    fn the_order_of_entries_does_not_matter(habit in habits()) {
        let mut reversed = habit.clone();
        reversed.entries.reverse();
        prop_assert_eq!(reversed.log(), habit.log());
    }

    #[test]
    fn the_same_day_twice_counts_once(habit in habits()) {
        let mut doubled = habit.clone();
        doubled.entries.extend(habit.entries.iter().filter(|(_, kind, _)| *kind == EntryKind::Value));
        doubled.entries.push((june(1), EntryKind::Value, Quantity::ZERO));
        prop_assert_eq!(doubled.streak(june(61)), habit.streak(june(61)));
    }
}
