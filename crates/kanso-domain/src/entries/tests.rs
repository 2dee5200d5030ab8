use super::*;
use uuid::Uuid;

fn fields(completion: &str) -> EntryFields {
    EntryFields {
        habit_id: Some(HabitId::new(Uuid::from_u128(1))),
        completion: Some(completion.parse().expect(completion)),
        ..EntryFields::default()
    }
}

fn rome_from_half_past_three() -> Settings {
    Settings {
        timezone: "Europe/Rome".parse().expect("a zone"),
        day_start: "03:30".parse().expect("a time"),
        ..Settings::default()
    }
}

fn day(details: &EntryDetails) -> String {
    details.local_date.to_string()
}

#[test]
fn the_day_is_read_in_the_zone_of_the_entry_or_the_user() {
    let settings = rome_from_half_past_three();
    let create = |fields: &EntryFields| EntryDetails::create(fields, &settings).expect("valid");
    let instant = fields("2026-06-02T01:29:00Z");
    assert_eq!(
        day(&create(&instant)),
        "2026-06-01",
        "03:29 in Rome is still yesterday"
    );
    let tokyo = Some("Asia/Tokyo".parse().ok());
    assert_eq!(
        day(&create(&EntryFields {
            timezone: tokyo,
            ..instant
        })),
        "2026-06-02"
    );
    assert_eq!(
        day(&create(&fields("2026-06-02"))),
        "2026-06-02",
        "a date is a date"
    );
}

#[test]
fn a_stored_day_moves_only_with_the_entry() {
    let created = EntryDetails::create(
        &fields("2026-06-02T12:00:00Z"),
        &rome_from_half_past_three(),
    )
    .expect("valid");
    let travelled = Settings {
        timezone: "Pacific/Auckland".parse().expect("a zone"),
        ..Settings::default()
    };
    let updated = |fields: EntryFields| created.updated(&fields, &travelled).expect("valid");
    let notes = Notes::new("late").ok();
    let annotated = updated(EntryFields {
        notes,
        ..EntryFields::default()
    });
    assert_eq!(day(&annotated), "2026-06-02");
    let same = EntryFields {
        completion: Some(created.completion),
        ..EntryFields::default()
    };
    assert_eq!(updated(same), created);
    let cleared = updated(EntryFields {
        local_date: Some(None),
        ..EntryFields::default()
    });
    assert_eq!(day(&cleared), "2026-06-03");
    let later = "2026-06-01T13:00:00Z".parse().ok();
    let moved = updated(EntryFields {
        completion: later,
        ..EntryFields::default()
    });
    assert_eq!(day(&moved), "2026-06-02");
}

#[test]
fn a_value_defaults_to_one_and_a_skip_to_zero() {
    let value = |fields: &EntryFields| {
        EntryDetails::create(fields, &Settings::default())
            .expect("valid")
            .value
    };
    let tick = fields("2026-06-02");
    assert_eq!(value(&tick), Quantity::ONE);
    let skip = EntryFields {
        kind: Some(EntryKind::Skip),
        ..tick
    };
    assert_eq!(value(&skip), Quantity::ZERO);
}
