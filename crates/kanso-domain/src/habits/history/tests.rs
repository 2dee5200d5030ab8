use super::*;

fn june(day: i8) -> Date {
    jiff::civil::date(2024, 6, day)
}

fn weekly(times_per_week: u8) -> Schedule {
    Schedule::Weekly { times_per_week }
}

/// The days and the number of times a week of a history.
fn shown(history: &ScheduleHistory) -> Vec<(i8, Option<u8>)> {
    history
        .versions()
        .map(|version| {
            (
                version.effective_from.day(),
                version.schedule.times_per_week(),
            )
        })
        .collect()
}

fn edited(edits: &[(EffectiveFrom, u8)]) -> Vec<(i8, Option<u8>)> {
    let start = ScheduleHistory::starting(june(3), weekly(1), Target::TICK);
    let edit = |history: ScheduleHistory, &(from, times): &(EffectiveFrom, u8)| {
        history.edited(weekly(times), Target::TICK, from, june(3))
    };
    shown(&edits.iter().fold(start, edit))
}

#[test]
fn an_edit_applies_from_its_day_on() {
    use EffectiveFrom::{Day, Start};
    assert_eq!(edited(&[]), [(3, Some(1))]);
    assert_eq!(edited(&[(Day(june(10)), 2)]), [(3, Some(1)), (10, Some(2))]);
    let twice = [(Day(june(10)), 2), (Day(june(10)), 3)];
    assert_eq!(
        edited(&twice),
        [(3, Some(1)), (10, Some(3))],
        "the same day again replaces"
    );
    let back = [(Day(june(10)), 2), (Day(june(10)), 1)];
    assert_eq!(edited(&back), [(3, Some(1))], "edited back");
    let earlier = [(Day(june(10)), 2), (Day(june(5)), 3)];
    assert_eq!(
        edited(&earlier),
        [(3, Some(1)), (5, Some(3))],
        "an earlier day replaces later ones"
    );
    assert_eq!(edited(&[(Day(june(10)), 2), (Start, 3)]), [(3, Some(3))]);
    assert_eq!(
        edited(&[(Day(june(1)), 2)]),
        [(3, Some(2))],
        "before the first day is the start"
    );
}

/// A habit that was created on 3 June counts from an earlier day: it was imported or filled in, or has
/// an earlier `start_date`.
#[test]
fn an_edit_leaves_a_past_before_the_creation_to_the_first_version() {
    use EffectiveFrom::{Day, Start};
    let history = |first_day: i8, edits: &[(EffectiveFrom, u8)]| {
        let start = ScheduleHistory::starting(june(3), weekly(1), Target::TICK);
        let edit = |history: ScheduleHistory, &(from, times): &(EffectiveFrom, u8)| {
            history.edited(weekly(times), Target::TICK, from, june(first_day))
        };
        shown(&edits.iter().fold(start, edit))
    };
    for (name, first_day, edits, expected) in [
        (
            "on the day of creation",
            1,
            &[(Day(june(3)), 2)][..],
            &[(2, 1), (3, 2)][..],
        ),
        ("without a past", 3, &[(Day(june(3)), 2)], &[(3, 2)]),
        ("with a later start", 9, &[(Day(june(3)), 2)], &[(3, 2)]),
        (
            "from the first day of the past",
            1,
            &[(Day(june(1)), 2)],
            &[(3, 2)],
        ),
        (
            "from a day of the past",
            1,
            &[(Day(june(2)), 2)],
            &[(1, 1), (2, 2)],
        ),
        ("for all days", 1, &[(Start, 2)], &[(3, 2)]),
        ("to the same", 1, &[(Day(june(3)), 1)], &[(3, 1)]),
        (
            "twice on a day",
            1,
            &[(Day(june(3)), 2), (Day(june(3)), 3)],
            &[(2, 1), (3, 3)],
        ),
        (
            "and back",
            1,
            &[(Day(june(3)), 2), (Day(june(3)), 1)],
            &[(2, 1)],
        ),
        (
            "ever earlier",
            1,
            &[(Day(june(3)), 2), (Day(june(2)), 3)],
            &[(1, 1), (2, 3)],
        ),
        (
            "and on a later day",
            1,
            &[(Day(june(3)), 2), (Day(june(5)), 3)],
            &[(2, 1), (3, 2), (5, 3)],
        ),
    ] {
        let expected: Vec<_> = expected
            .iter()
            .map(|&(day, times)| (day, Some(times)))
            .collect();
        assert_eq!(history(first_day, edits), expected, "{name}");
    }
}

#[test]
fn each_day_has_the_version_in_force() {
    let history = ScheduleHistory::starting(june(3), weekly(1), Target::TICK).edited(
        weekly(2),
        Target::TICK,
        EffectiveFrom::Day(june(10)),
        june(3),
    );
    let times = |day| history.on(june(day)).schedule.times_per_week();
    assert_eq!([1, 3, 9, 10, 30].map(times), [1, 1, 1, 2, 2].map(Some));
}

#[test]
fn a_history_out_of_order_is_refused() {
    let version = |day| ScheduleVersion {
        effective_from: june(day),
        schedule: weekly(1),
        target: Target::TICK,
    };
    assert!(ScheduleHistory::restored(vec![]).is_none());
    assert!(ScheduleHistory::restored(vec![version(2), version(2)]).is_none());
    assert!(ScheduleHistory::restored(vec![version(2), version(5)]).is_some());
}

#[test]
fn archiving_and_activating_leaves_spans() {
    let span = |from, until: Option<i8>| ArchivedSpan {
        from: june(from),
        until: until.map(june),
    };
    let away = archived(Vec::new(), Some(june(5)), june(5));
    assert_eq!(away, [span(5, None)]);
    let back = archived(away.clone(), None, june(10));
    assert_eq!(back, [span(5, Some(10))]);
    assert_eq!(
        archived(away.clone(), None, june(5)),
        [],
        "back on the same day"
    );
    assert_eq!(
        archived(away, Some(june(7)), june(8)),
        [span(7, None)],
        "another day"
    );
    let again = archived(back.clone(), Some(june(12)), june(12));
    assert_eq!(again, [span(5, Some(10)), span(12, None)]);
    assert_eq!(
        archived(back.clone(), Some(june(8)), june(12)),
        [span(5, Some(8)), span(8, None)]
    );
    assert_eq!(
        archived(back, None, june(20)),
        [span(5, Some(10))],
        "it was not away"
    );
}
