//! Each field of a record is stored exactly, at its extremes.

use kanso_application::ports::storage::{HabitQuery, Storage};
use kanso_domain::calendar::days_before;
use kanso_domain::entries::{Completion, EntryFields, EntryKind};
use kanso_domain::habits::{
    FrequencyType, HabitFields, HabitType, ScheduleFields, TargetDirection, TargetFields,
};
use kanso_domain::sync::{Base, LoadSet, Since};
use kanso_domain::text::{Color, Description, Icon, Notes, Title, Unit};
use kanso_domain::{Quantity, Record, Seq, TimeOfDay, Timestamp};

use super::test_user::TestUser;
use crate::build::{
    create_entry, create_habit, delete_entry, delete_habit, done, entry, habit, titled,
    update_entry, update_habit,
};

/// A habit's texts are stored exactly, at their greatest length in the widest characters.
pub async fn a_habits_texts_come_back(storage: &dyn Storage) {
    // Four bytes in UTF-8 and a surrogate pair in UTF-16, so a limit that counts either would cut
    // it.
    let widest = |length| "\u{10FFFF}".repeat(length);
    // Combining accents, quotes, a bidirectional override, a joined emoji, a byte order mark, a
    // control character and LIKE wildcards: each has broken some database or encoding.
    let telling = "q\u{0301}'\"\\;-- \u{202E}\u{1F469}\u{200D}\u{1F680}\u{FEFF}\u{1}%_";
    let longest = HabitFields {
        description: Description::new(&widest(Description::MAX)).ok(),
        color: Color::new("#aBcDeF").ok(),
        icon: Icon::new(&widest(Icon::MAX)).ok(),
        unit: Unit::new(&widest(Unit::MAX)).ok(),
        ..titled(&widest(Title::MAX))
    };
    let odd = HabitFields {
        description: Description::new(telling).ok(),
        icon: Icon::new(telling).ok(),
        unit: Unit::new(telling).ok(),
        ..titled(telling)
    };
    come_back(storage, vec![titled("x"), longest, odd]).await;
}

/// Each kind of schedule is stored exactly, at its bounds.
pub async fn a_habits_schedules_come_back(storage: &dyn Storage) {
    let of = |schedule| HabitFields {
        schedule,
        ..titled("Read")
    };
    let kind = |kind| ScheduleFields {
        frequency_type: Some(kind),
        ..ScheduleFields::default()
    };
    let weekdays = |days: &[u8]| ScheduleFields {
        weekdays: Some(days.to_vec()),
        ..kind(FrequencyType::SpecificDays)
    };
    let interval = |days| ScheduleFields {
        interval: Some(days),
        ..kind(FrequencyType::Interval)
    };
    let times = |times| ScheduleFields {
        times_per_week: Some(times),
        ..kind(FrequencyType::Weekly)
    };
    let schedules = [
        kind(FrequencyType::Daily),
        weekdays(&[0]),
        weekdays(&[6]),
        weekdays(&[1, 3, 5]),
        weekdays(&[0, 1, 2, 3, 4, 5, 6]),
        interval(1),
        interval(3_660),
        times(1),
        times(7),
    ];
    come_back(storage, schedules.map(of).into()).await;
}

/// Each kind of target is stored exactly, at its bounds.
pub async fn a_habits_targets_come_back(storage: &dyn Storage) {
    let of = |kind, value, direction| HabitFields {
        target: TargetFields {
            kind: Some(kind),
            value: Some(value),
            direction: Some(direction),
        },
        ..titled("Run")
    };
    let least = Quantity::from_thousandths(1).unwrap();
    let targets = vec![
        of(HabitType::Boolean, Quantity::ONE, TargetDirection::AtLeast),
        of(HabitType::Numeric, least, TargetDirection::AtLeast),
        of(HabitType::Numeric, Quantity::MAX, TargetDirection::AtMost),
        of(HabitType::Timer, Quantity::ZERO, TargetDirection::AtMost),
    ];
    come_back(storage, targets).await;
}

/// Optional fields are stored exactly, absent and at their bounds.
pub async fn a_habits_times_and_places_come_back(storage: &dyn Storage) {
    let of = |sort_order, reminder: &str, first: Timestamp, last: Timestamp| HabitFields {
        sort_order: Some(sort_order),
        reminder_time: Some(Some(reminder.parse::<TimeOfDay>().unwrap())),
        start_date: Some(Some(first.utc_date())),
        end_date: Some(Some(last.utc_date())),
        archived_at: Some(Some(last)),
        ..titled("Sleep")
    };
    let fields = vec![
        of(i32::MIN, "00:00", Timestamp::MIN, Timestamp::MIN),
        of(i32::MAX, "23:59", Timestamp::MIN, Timestamp::MAX),
        HabitFields {
            reminder_time: Some(None),
            start_date: Some(None),
            end_date: Some(None),
            archived_at: Some(None),
            ..titled("Wake")
        },
    ];
    come_back(storage, fields).await;
}

/// An update replaces each field of a habit.
pub async fn an_updated_habit_comes_back(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    let fields = HabitFields {
        description: Description::new("twenty pages").ok(),
        color: Color::new("#000000").ok(),
        icon: Icon::new("\u{1F4D6}").ok(),
        sort_order: Some(-7),
        schedule: ScheduleFields {
            weekdays: Some(vec![2, 4]),
            frequency_type: Some(FrequencyType::SpecificDays),
            ..ScheduleFields::default()
        },
        target: TargetFields {
            kind: Some(HabitType::Numeric),
            value: Quantity::from_thousandths(20_500).ok(),
            direction: Some(TargetDirection::AtMost),
        },
        unit: Unit::new("pages").ok(),
        reminder_time: Some("21:30".parse().ok()),
        start_date: Some("2026-01-01".parse().ok()),
        end_date: Some("2026-12-31".parse().ok()),
        archived_at: Some("2026-02-03T04:05:06.789012Z".parse().ok()),
        ..titled("Read more")
    };
    let updated = update_habit(habit(1), Base::Any, fields);
    let updated = person.apply_to_habit(updated).await;
    assert_eq!(
        storage.habit(person.id, habit(1)).await.unwrap(),
        Some(updated)
    );
}

/// Instants, dates, zones and local days of an entry are stored exactly, at their bounds.
pub async fn an_entrys_times_come_back(storage: &dyn Storage) {
    let zoned = |completion, zone: &str| EntryFields {
        completion: Some(completion),
        timezone: Some(Some(zone.parse().unwrap())),
        ..done(habit(1), "2026-01-15")
    };
    let (first, last) = (Timestamp::MIN, Timestamp::MAX);
    let elsewhere = EntryFields {
        // The local date is independent of the instant, so it must be stored and not derived.
        local_date: Some(Some(days_before(last.utc_date(), 3_000_000))),
        ..zoned(Completion::At(last), "America/Argentina/ComodRivadavia")
    };
    let entries = vec![
        done(habit(1), "2026-01-15"),
        done(habit(1), "1969-12-31T23:59:59.999999Z"),
        done(habit(1), "1969-12-31"),
        zoned(Completion::At(first), "Pacific/Kiritimati"),
        zoned(Completion::At(last), "UTC"),
        zoned(Completion::Day(first.utc_date()), "Pacific/Pago_Pago"),
        zoned(Completion::Day(last.utc_date()), "Europe/Rome"),
        elsewhere,
    ];
    entries_come_back(storage, entries).await;
}

/// Values, kinds and notes of an entry are stored exactly.
pub async fn an_entrys_values_come_back(storage: &dyn Storage) {
    let of = |kind, value, notes: &str| EntryFields {
        kind: Some(kind),
        value: Some(value),
        notes: Some(Notes::new(notes).unwrap()),
        ..done(habit(1), "2026-01-15")
    };
    let least = Quantity::from_thousandths(1).unwrap();
    let entries = vec![
        of(EntryKind::Value, Quantity::ZERO, ""),
        of(EntryKind::Value, least, "line\nbreak\ttab"),
        of(
            EntryKind::Value,
            Quantity::MAX,
            &"\u{10FFFF}".repeat(Notes::MAX),
        ),
        of(EntryKind::Skip, Quantity::ZERO, "ill"),
    ];
    entries_come_back(storage, entries).await;
}

/// An update replaces each field of an entry.
pub async fn an_updated_entry_comes_back(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let created = create_habit(habit(1), titled("Read"));
    person.apply(created).await;
    let created = create_entry(entry(1), done(habit(1), "2026-01-15"));
    person.apply(created).await;
    let fields = EntryFields {
        habit_id: None,
        timezone: Some("Asia/Kathmandu".parse().ok()),
        local_date: Some("2026-01-20".parse().ok()),
        kind: Some(EntryKind::Skip),
        value: Quantity::from_thousandths(250).ok(),
        notes: Notes::new("on the way").ok(),
        ..done(habit(1), "2026-01-16T01:02:03.456789Z")
    };
    let updated = update_entry(entry(1), Base::Any, fields);
    let updated = person.apply_to_entry(updated).await;
    assert_eq!(
        storage.entry(person.id, entry(1)).await.unwrap(),
        Some(updated)
    );
}

/// A tombstone keeps the fields of its record.
pub async fn a_tombstone_comes_back(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    for action in [
        create_habit(habit(1), titled("Read")),
        create_habit(habit(2), titled("Run")),
        create_entry(entry(1), done(habit(1), "2026-01-15")),
    ] {
        person.apply(action).await;
    }
    let tombstone = person.apply(delete_entry(entry(1), Base::Any)).await;
    let other = person.apply(delete_habit(habit(2), Base::Any)).await;
    assert!(tombstone.stamp().is_deleted() && other.stamp().is_deleted());
    // The delta is the only call that returns tombstones.
    let changes = person.changes(Since::Position(Seq::ZERO)).await;
    assert_eq!(changes[1..], [tombstone, other]);
}

/// Checks that each habit is the same by id, in the list, in the delta and in the next write.
async fn come_back(storage: &dyn Storage, habits: Vec<HabitFields>) {
    let person = TestUser::register(storage, 1).await;
    let mut expected = Vec::new();
    for (fields, number) in habits.into_iter().zip(1..) {
        let id = habit(number);
        let created = person.apply_to_habit(create_habit(id, fields)).await;
        let stored = storage.habit(person.id, id).await.unwrap();
        assert_eq!(stored.as_ref(), Some(&created));
        let keys = LoadSet {
            habits: [id].into(),
            ..LoadSet::default()
        };
        // What a decision loads must equal what a reader gets, or a merge would start from another
        // record.
        assert_eq!(person.sees(keys).await.habits.get(&id), Some(&created));
        expected.push(created);
    }
    let mut listed = storage
        .habits(person.id, HabitQuery::all(true))
        .await
        .unwrap();
    listed.sort_by_key(|habit| habit.stamp.seq);
    assert_eq!(listed, expected);
    let expected: Vec<_> = expected.into_iter().map(Record::Habit).collect();
    assert_eq!(person.changes(Since::Beginning).await, expected);
}

/// Checks that each entry is the same by id, in the delta and in the next write.
async fn entries_come_back(storage: &dyn Storage, entries: Vec<EntryFields>) {
    let person = TestUser::register(storage, 1).await;
    let parent = person.apply(create_habit(habit(1), titled("Read"))).await;
    let mut expected = vec![parent];
    for (fields, number) in entries.into_iter().zip(1..) {
        let id = entry(number);
        let created = person.apply_to_entry(create_entry(id, fields)).await;
        let stored = storage.entry(person.id, id).await.unwrap();
        assert_eq!(stored.as_ref(), Some(&created));
        let keys = LoadSet {
            entries: [id].into(),
            ..LoadSet::default()
        };
        assert_eq!(person.sees(keys).await.entries.get(&id), Some(&created));
        expected.push(Record::Entry(created));
    }
    assert_eq!(person.changes(Since::Beginning).await, expected);
}
