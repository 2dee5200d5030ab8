//! The state of habits on Wednesday 12 June 2024, with weeks from Monday.

use kanso_domain::accounts::Settings;
use kanso_domain::calendar::{Today, day_begins};
use kanso_domain::entries::EntryKind;
use kanso_domain::habits::{
    Habit, HabitDetails, HabitFields, HabitType, Schedule, ScheduleFields, StoredStreak,
    TargetDirection, TargetFields,
};
use kanso_domain::progress::{DayLog, HabitProgress, TodayState};
use kanso_domain::record::{Provenance, Stamp};
use kanso_domain::text::Title;
use kanso_domain::{DayStart, HabitId, Quantity, Seq, Timestamp, Zone};

use uuid::Uuid;

use crate::support::{every, june, weekdays, weekly};

use EntryKind::{Skip, Value};
use TodayState::{Done, Exceeded, NotDue, Pending, Skip as DayOff, Within};

const TODAY: i8 = 12;

/// Days of June with the recorded amounts.
type Records = &'static [(i8, EntryKind, i64)];

fn midnight(day: i8) -> Timestamp {
    day_begins(june(day), &Zone::utc(), DayStart::MIDNIGHT)
}

/// Returns a habit of 1 June with `schedule` and `fields`.
fn habit(schedule: Schedule, fields: HabitFields) -> Habit {
    let fields = HabitFields {
        title: Title::new("Read").ok(),
        schedule: ScheduleFields::of(schedule),
        ..fields
    };
    let settings = Settings::default();
    let made = Today {
        date: june(1),
        settings: &settings,
    };
    let archive = HabitFields {
        archived_at: fields.archived_at,
        ..HabitFields::default()
    };
    let fields = HabitFields {
        archived_at: None,
        ..fields
    };
    let today = Today {
        date: june(TODAY),
        settings: &settings,
    };
    let details = HabitDetails::create(&fields, made).expect("a valid habit");
    Habit {
        id: HabitId::new(Uuid::from_u128(1)),
        details: details
            .updated(&archive, today, None)
            .expect("a valid habit"),
        stamp: Stamp::created(Seq::ZERO, midnight(1)),
        streak: StoredStreak::default(),
        provenance: Provenance::default(),
    }
}

/// Checks the status of a habit. Amounts are whole numbers.
#[track_caller]
fn check(name: &str, habit: &Habit, records: Records, expected: (TodayState, i64, u32, bool)) {
    let amount = |whole: i64| Quantity::from_thousandths(whole * 1000).expect("in range");
    let log: DayLog = records
        .iter()
        .map(|&(day, kind, value)| (june(day), kind, amount(value)))
        .collect();
    let status = HabitProgress::new(habit, log, &Settings::default(), june(TODAY)).today_status();
    let found = (
        status.state,
        status.value / 1000,
        status.streak.current,
        status.is_at_risk,
    );
    assert_eq!(found, expected, "{name}: {status:?}");
}

fn ticked(schedule: Schedule) -> Habit {
    habit(schedule, HabitFields::default())
}

fn measured(schedule: Schedule, direction: TargetDirection, target: i64) -> Habit {
    let target = TargetFields {
        kind: Some(HabitType::Numeric),
        value: Quantity::from_thousandths(target * 1000).ok(),
        direction: Some(direction),
    };
    let fields = HabitFields {
        target,
        ..HabitFields::default()
    };
    habit(schedule, fields)
}

#[test]
fn a_daily_tick() {
    let daily = ticked(Schedule::Daily);
    let yesterday: Records = &[(11, Value, 1)];
    check("nothing yet", &daily, &[], (Pending, 0, 0, false));
    check("at risk", &daily, yesterday, (Pending, 0, 1, true));
    let both: Records = &[(11, Value, 1), (12, Value, 1)];
    check("done", &daily, both, (Done, 1, 2, false));
    let no: Records = &[(11, Value, 1), (12, Value, 0)];
    check("an explicit no is open", &daily, no, (Pending, 0, 1, true));
    let off: Records = &[(11, Value, 1), (12, Skip, 0)];
    check("a day off", &daily, off, (DayOff, 0, 1, false));
    let made_up: Records = &[(12, Skip, 0), (12, Value, 1)];
    check("done beats skip", &daily, made_up, (Done, 1, 1, false));
    let early: Records = &[(11, Value, 1), (13, Value, 1)];
    check("tomorrow waits", &daily, early, (Pending, 0, 1, true));
}

#[test]
fn an_amount_is_reached_as_a_sum() {
    let pages = measured(Schedule::Daily, TargetDirection::AtLeast, 20);
    let some: Records = &[(11, Value, 20), (12, Value, 12)];
    check("some", &pages, some, (Pending, 12, 1, true));
    let all: Records = &[(12, Value, 12), (12, Value, 8)];
    check("all", &pages, all, (Done, 20, 1, false));
}

#[test]
fn a_limit_is_never_done_today() {
    let limit = measured(Schedule::Daily, TargetDirection::AtMost, 2);
    let cases: [(&str, Records, _); 5] = [
        ("nothing", &[(11, Value, 2)], (Within, 0, 11, false)),
        ("at it", &[(12, Value, 2)], (Within, 2, 11, false)),
        ("over", &[(12, Value, 3)], (Exceeded, 3, 11, false)),
        ("broken", &[(11, Value, 3)], (Within, 0, 0, false)),
        ("a day off", &[(12, Skip, 0)], (DayOff, 0, 11, false)),
    ];
    for (name, records, expected) in cases {
        check(name, &limit, records, expected);
    }
    let mondays = measured(weekdays(&[1]), TargetDirection::AtMost, 2);
    let over: Records = &[(12, Value, 9)];
    check("not scheduled", &mondays, over, (NotDue, 9, 2, false));
}

#[test]
fn chosen_days_of_the_week() {
    let records: Records = &[(10, Value, 1)];
    let due = ticked(weekdays(&[1, 3]));
    check("due on Wednesday", &due, records, (Pending, 0, 1, true));
    let not_due = ticked(weekdays(&[1, 2]));
    let free: Records = &[(10, Value, 1), (11, Value, 1)];
    check("free on Wednesday", &not_due, free, (NotDue, 0, 2, false));
    let extra: Records = &[(10, Value, 1), (11, Value, 1), (12, Value, 1)];
    check("done all the same", &not_due, extra, (Done, 1, 2, false));
    check(
        "a day off",
        &not_due,
        &[(12, Skip, 0)],
        (DayOff, 0, 0, false),
    );
}

#[test]
fn done_weeks_and_windows_are_not_due() {
    let weekly = ticked(weekly(2));
    let one: Records = &[(3, Value, 1), (4, Value, 1), (10, Value, 1)];
    check("one of two", &weekly, one, (Pending, 0, 1, false));
    let both: Records = &[(3, Value, 1), (4, Value, 1), (10, Value, 1), (11, Value, 1)];
    check("two of two", &weekly, both, (NotDue, 0, 2, false));
    let third: Records = &[(10, Value, 1), (11, Value, 1), (12, Value, 1)];
    check("a third is done today", &weekly, third, (Done, 1, 1, false));

    // Windows 1–3, 4–6, 7–9, 10–12.
    let every_three = ticked(every(3));
    let last_day: Records = &[(8, Value, 1)];
    check(
        "the last day",
        &every_three,
        last_day,
        (Pending, 0, 1, true),
    );
    let early: Records = &[(8, Value, 1), (10, Value, 1)];
    check("done on Monday", &every_three, early, (NotDue, 0, 2, false));
}

#[test]
fn no_habit_is_due_outside_of_its_days() {
    let dated = |start, end| {
        let fields = HabitFields {
            start_date: Some(start),
            end_date: Some(end),
            ..HabitFields::default()
        };
        habit(Schedule::Daily, fields)
    };
    let ended = dated(None, Some(june(11)));
    check("ended", &ended, &[(11, Value, 1)], (NotDue, 0, 1, false));
    let ahead = dated(Some(june(13)), None);
    check("not begun", &ahead, &[], (NotDue, 0, 0, false));
    check("done early", &ahead, &[(12, Value, 1)], (Done, 1, 0, false));
    let archived = HabitFields {
        archived_at: Some(Some(midnight(12))),
        ..HabitFields::default()
    };
    let archived = habit(Schedule::Daily, archived);
    check(
        "archived",
        &archived,
        &[(11, Value, 1)],
        (NotDue, 0, 1, false),
    );
}
