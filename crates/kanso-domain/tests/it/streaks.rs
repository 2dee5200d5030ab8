//! The table of streaks in June 2024, with weeks from Monday by default.

use jiff::civil::{Date, date};
use kanso_domain::habits::{
    ArchivedSpan, HabitType, Schedule, ScheduleVersion, TargetDirection, TargetFields,
};
use kanso_domain::progress::{NeutralReason, UnitName, UnitState, rate, units};
use kanso_domain::{Quantity, WeekStart};

use crate::support::{Habit, every, june, target, weekdays, weekly};

fn check(name: &str, habit: &Habit, today: Date, current: u32, longest: u32) {
    let streak = habit.streak(today);
    assert_eq!(
        (streak.current, streak.longest),
        (current, longest),
        "{name}: {streak:?}"
    );
}

fn daily() -> Habit {
    Habit::new(Schedule::Daily)
}

#[test]
fn daily_streaks() {
    let from_10 = || daily().created(june(10));
    check(
        "A1 an open today breaks nothing",
        &from_10().done(&[10, 11, 12, 13, 14]),
        june(15),
        5,
        5,
    );
    check(
        "A3 a missed day does",
        &from_10().done(&[10, 11, 12, 13]),
        june(15),
        0,
        4,
    );
    let around_12 = || from_10().done(&[10, 11, 13, 14]).skip(12);
    check("A4 a skip is neutral", &around_12(), june(15), 4, 4);
    check(
        "A5 done beats skip",
        &around_12().done(&[12]),
        june(15),
        5,
        5,
    );
    let future = daily().created(june(14)).done(&[14, 15, 16, 17]);
    check("A7 the future waits", &future, june(15), 2, 2);
    let backfilled = daily().done_on([june(-1), june(0), june(1), june(2)]);
    let started = Habit {
        start: Some(june(1)),
        ..backfilled.clone()
    };
    check(
        "A8 days before the start do not count",
        &started,
        june(2),
        2,
        2,
    );
    check("A8 without a start they do", &backfilled, june(2), 4, 4);
    let archived = vec![ArchivedSpan {
        from: june(5),
        until: Some(june(10)),
    }];
    let away = Habit {
        archived,
        ..daily().created(june(3)).done(&[3, 4, 10, 11])
    };
    check("A9 archived days are neutral", &away, june(11), 4, 4);
    let archived = |from, until: Option<i8>| ArchivedSpan {
        from: june(from),
        until: until.map(june),
    };
    let put_aside = Habit {
        archived: vec![archived(7, None)],
        ..daily().created(june(3)).done(&[3, 4, 5, 6, 7])
    };
    check(
        "A12 done beats archived, on its day",
        &put_aside,
        june(7),
        5,
        5,
    );
    check("A12 and later", &put_aside, june(20), 5, 5);
    let used_meanwhile = Habit {
        archived: vec![archived(5, Some(10))],
        ..daily().created(june(3)).done(&[3, 4, 6, 10])
    };
    check(
        "A13 done beats archived, in between",
        &used_meanwhile,
        june(10),
        4,
        4,
    );
    let ended = Habit {
        end: Some(june(10)),
        ..daily().created(june(8)).done(&[8, 9, 10])
    };
    check("A10 nothing is due after the end", &ended, june(20), 3, 3);
}

#[test]
fn a_date_that_does_not_exist_breaks_no_streak() {
    let december = |day| date(2011, 12, day);
    let apia = Habit {
        zone: "Pacific/Apia".parse().expect("a zone"),
        ..daily()
            .created(december(28))
            .done_on([28, 29, 31].map(december))
    };
    check("A11", &apia, december(31), 3, 3);
    let elsewhere = Habit {
        zone: "Pacific/Auckland".parse().expect("a zone"),
        ..apia
    };
    check("A11 in Auckland", &elsewhere, december(31), 1, 2);
}

#[test]
fn streaks_of_chosen_weekdays() {
    let monday_wednesday_friday = || Habit::new(weekdays(&[1, 3, 5])).created(june(3));
    let all = monday_wednesday_friday().done(&[3, 5, 7, 10, 12, 14]);
    check("B1", &all, june(16), 6, 6);
    check(
        "B2 another day is not scheduled",
        &monday_wednesday_friday().done(&[3, 5, 7, 4]),
        june(7),
        3,
        3,
    );
    check(
        "B3",
        &monday_wednesday_friday().done(&[3, 7, 10]),
        june(11),
        2,
        2,
    );
}

#[test]
fn streaks_of_weeks() {
    let three = Habit::new(weekly(3))
        .created(june(-4))
        .done(&[-4, -2, 0, 3, 4, 9, 10]);
    check("C1", &three, june(12), 2, 2);
    check(
        "C2 from Sunday",
        &Habit {
            week_start: WeekStart::Sunday,
            ..three
        },
        june(12),
        0,
        1,
    );
    let cut = Habit::new(weekly(3))
        .created(june(6))
        .done(&[7, 9, 10, 11, 12]);
    check("C3 a week cut short needs less", &cut, june(12), 2, 2);
}

#[test]
fn streaks_of_windows() {
    check("E1", &Habit::new(every(3)).done(&[1, 5, 7]), june(12), 3, 3);
    check(
        "E2",
        &Habit::new(every(3)).done(&[1, 4, 10]),
        june(11),
        1,
        2,
    );
}

#[test]
fn an_edit_does_not_rewrite_the_past() {
    let version = |effective_from, schedule| ScheduleVersion {
        effective_from,
        schedule,
        target: kanso_domain::habits::Target::TICK,
    };
    let history = vec![
        version(june(1), Schedule::Daily),
        version(june(8), weekdays(&[1, 2, 3, 4, 5])),
    ];
    let habit = Habit {
        history,
        ..daily().done(&[1, 2, 3, 4, 5, 6, 7, 10, 11, 12])
    };
    check("S1", &habit, june(12), 10, 10);
}

#[test]
fn a_limit_is_kept_only_when_the_day_is_over() {
    let limit = target(TargetFields {
        kind: Some(HabitType::Numeric),
        value: Some(Quantity::ZERO),
        direction: Some(TargetDirection::AtMost),
    });
    let quitting = Habit {
        target: limit,
        ..daily()
    };
    check("three clean days and an open one", &quitting, june(4), 3, 3);
    check("a relapse", &quitting.clone().done(&[2]), june(4), 1, 1);
    check(
        "a relapse today breaks nothing yet",
        &quitting.done(&[4]),
        june(4),
        3,
        3,
    );
}

#[test]
fn an_archived_day_keeps_no_limit_by_itself() {
    let limit = target(TargetFields {
        kind: Some(HabitType::Numeric),
        value: Some(Quantity::ONE),
        direction: Some(TargetDirection::AtMost),
    });
    let archived = vec![ArchivedSpan {
        from: june(3),
        until: None,
    }];
    let limited = Habit {
        target: limit,
        archived,
        ..daily()
    };
    check("two kept days", &limited, june(9), 2, 2);
    check(
        "a recorded amount on the day of archiving",
        &limited.done(&[3]),
        june(9),
        3,
        3,
    );
}

#[test]
fn a_streak_has_its_unit_and_its_deadline() {
    let open = daily().done(&[1, 2]).streak(june(3));
    assert_eq!(
        (open.unit, open.since, open.at_risk_until),
        (UnitName::Day, Some(june(1)), Some(june(3)))
    );
    let kept = daily().done(&[1, 2, 3]).streak(june(3));
    assert_eq!(kept.at_risk_until, None);
    let week = Habit::new(weekly(1))
        .created(june(3))
        .done(&[3])
        .streak(june(11));
    assert_eq!(
        (week.unit, week.at_risk_until),
        (UnitName::Week, Some(june(16)))
    );
    let none = daily().streak(june(3));
    assert_eq!((none.since, none.at_risk_until), (None, None));
}

#[test]
fn a_skipped_week_and_a_window_cut_short_are_neutral() {
    let mut away = Habit::new(weekly(2)).created(june(3)).done(&[3, 4, 17, 18]);
    for day in 10..=16 {
        away = away.skip(day);
    }
    let states = |habit: &Habit, today| -> Vec<UnitState> {
        let units = units(&habit.plan(today), &habit.log(), today);
        units.iter().map(|unit| unit.state).collect()
    };
    let skipped = UnitState::Neutral(NeutralReason::Skipped);
    assert_eq!(
        states(&away, june(23)),
        [UnitState::Done, skipped, UnitState::Done]
    );
    let cut = Habit {
        end: Some(june(5)),
        ..Habit::new(every(3)).done(&[1])
    };
    let cut_short = UnitState::Neutral(NeutralReason::CutShort);
    assert_eq!(states(&cut, june(20)), [UnitState::Done, cut_short]);
}

#[test]
fn a_rate_counts_closed_units() {
    let habit = daily().done(&[1, 2, 4]).skip(3);
    let rate = rate(
        &habit.plan(june(6)),
        &habit.log(),
        june(6),
        june(1),
        june(6),
    );
    assert_eq!((rate.done, rate.missed, rate.percent()), (3, 1, Some(75.0)));
    let nothing = daily().created(june(6));
    let none = kanso_domain::progress::rate(
        &nothing.plan(june(6)),
        &nothing.log(),
        june(6),
        june(1),
        june(6),
    );
    assert_eq!(none.percent(), None);
}
