use super::*;

fn weekdays(days: &[u8]) -> Schedule {
    Schedule::SpecificDays {
        weekdays: Weekdays::new(days).expect("a set of days"),
    }
}

fn fields(
    kind: Option<FrequencyType>,
    weekdays: Option<&[u8]>,
    interval: Option<u16>,
    times_per_week: Option<u8>,
) -> ScheduleFields {
    let weekdays = weekdays.map(<[u8]>::to_vec);
    ScheduleFields {
        frequency_type: kind,
        weekdays,
        interval,
        times_per_week,
    }
}

fn create(fields: &ScheduleFields) -> Result<Schedule, Vec<String>> {
    let mut checker = Checker::new();
    let schedule = Schedule::create(fields, &mut checker);
    checker
        .finish(schedule)
        .map(|schedule| schedule.expect("nothing was refused"))
        .map_err(|invalid| {
            invalid
                .errors()
                .iter()
                .map(|error| error.field.to_string())
                .collect()
        })
}

#[test]
fn a_new_schedule_follows_from_the_given_members() {
    use FrequencyType::{Daily, Interval, SpecificDays, Weekly};
    for (given, expected) in [
        (fields(None, None, None, None), Ok(Schedule::Daily)),
        (fields(None, Some(&[]), Some(1), None), Ok(Schedule::Daily)),
        (
            fields(Some(Daily), Some(&[]), Some(1), None),
            Ok(Schedule::Daily),
        ),
        (
            fields(None, Some(&[5, 1, 1]), None, None),
            Ok(weekdays(&[1, 5])),
        ),
        (
            fields(None, None, None, Some(3)),
            Ok(Schedule::Weekly { times_per_week: 3 }),
        ),
        (
            fields(Some(Weekly), None, None, None),
            Ok(Schedule::Weekly { times_per_week: 1 }),
        ),
        (
            fields(None, None, Some(2), None),
            Ok(Schedule::Interval { interval: 2 }),
        ),
        (
            fields(Some(Interval), None, Some(1), None),
            Ok(Schedule::Interval { interval: 1 }),
        ),
        (
            fields(Some(Interval), None, None, None),
            Err(vec!["interval".to_owned()]),
        ),
        (
            fields(Some(Interval), None, Some(0), None),
            Err(vec!["interval".to_owned()]),
        ),
        (
            fields(Some(Interval), None, Some(3_661), None),
            Err(vec!["interval".to_owned()]),
        ),
        (
            fields(Some(SpecificDays), None, None, None),
            Err(vec!["weekdays".to_owned()]),
        ),
        (
            fields(Some(SpecificDays), Some(&[7]), None, None),
            Err(vec!["weekdays".to_owned()]),
        ),
        (
            fields(Some(Weekly), None, None, Some(0)),
            Err(vec!["times_per_week".to_owned()]),
        ),
        (
            fields(Some(Weekly), None, None, Some(8)),
            Err(vec!["times_per_week".to_owned()]),
        ),
        (
            fields(Some(Daily), Some(&[1]), Some(2), Some(3)),
            Err(vec![
                "weekdays".to_owned(),
                "interval".to_owned(),
                "times_per_week".to_owned(),
            ]),
        ),
        (
            fields(None, Some(&[1]), None, Some(3)),
            Err(vec!["times_per_week".to_owned()]),
        ),
    ] {
        assert_eq!(create(&given), expected, "{given:?}");
    }
}

#[test]
fn an_update_keeps_absent_members() {
    let check = |stored: Schedule, given: &ScheduleFields| {
        let mut checker = Checker::new();
        let schedule = stored.updated(given, &mut checker);
        checker.finish(schedule).map(Option::unwrap).ok()
    };
    let none = ScheduleFields::default();
    let kind = |kind| fields(Some(kind), None, None, None);
    assert_eq!(check(weekdays(&[2]), &none), Some(weekdays(&[2])));
    let same = kind(FrequencyType::SpecificDays);
    assert_eq!(check(weekdays(&[2]), &same), Some(weekdays(&[2])));
    assert_eq!(
        check(weekdays(&[2]), &kind(FrequencyType::Daily)),
        Some(Schedule::Daily)
    );
    let days = fields(None, Some(&[3]), None, None);
    assert_eq!(check(weekdays(&[2]), &days), Some(weekdays(&[3])));
    assert_eq!(
        check(Schedule::Daily, &days),
        None,
        "the type stays, so the days contradict"
    );
}

#[test]
fn the_members_of_a_schedule_describe_it() {
    for schedule in [
        Schedule::Daily,
        Schedule::Weekly { times_per_week: 7 },
        weekdays(&[0, 6]),
        Schedule::Interval { interval: 1 },
    ] {
        let fields = ScheduleFields::of(schedule);
        assert_eq!(create(&fields), Ok(schedule));
        assert!(fields.differing(schedule).is_empty(), "{fields:?}");
    }
}
