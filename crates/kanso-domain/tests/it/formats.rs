//! The numbers that leave a process: digests, and the numbers of fields in stored provenance.

use kanso_domain::entries::EntryField;
use kanso_domain::habits::HabitField;
use kanso_domain::sync::{Buckets, Digest};
use kanso_domain::{Entity, Version};
use serde_json::Value;

const GOLDEN: &str = include_str!("../golden/formats.json");

fn golden() -> Value {
    serde_json::from_str(GOLDEN).expect("the golden file is JSON")
}

#[test]
fn records_have_their_golden_digests() {
    let golden = golden();
    let mut sum = Digest::EMPTY;
    assert_eq!(golden["digest_of_none"], sum.to_string());
    for case in golden["digests"].as_array().expect("a list") {
        let entity = match case["entity"].as_str() {
            Some("habit") => Entity::Habit,
            _ => Entity::Entry,
        };
        let id: uuid::Uuid = case["id"]
            .as_str()
            .and_then(|id| id.parse().ok())
            .expect("an id");
        let version = case["version"].as_i64().and_then(Version::new);
        let digest = Digest::of(entity, id.as_u128(), version.expect("a version"));
        assert_eq!(case["digest"], digest.to_string(), "{case}");
        assert_eq!(case["bucket"], Buckets::place(id.as_u128()), "{case}");
        sum = sum.plus(digest);
    }
    assert_eq!(golden["digest_of_all"], sum.to_string());
}

/// Stored provenance has one edit for each field, in the order of these numbers. They are the
/// places of the variants, so a variant that moves would exchange fields of stored records.
#[test]
fn fields_have_their_golden_numbers() {
    let golden = golden();
    let habit = HabitField::ALL.map(|field| {
        let name = match field {
            HabitField::Title => "title",
            HabitField::Description => "description",
            HabitField::Color => "color",
            HabitField::Icon => "icon",
            HabitField::SortOrder => "sort_order",
            HabitField::Schedule => "schedule",
            HabitField::Unit => "unit",
            HabitField::ReminderTime => "reminder_time",
            HabitField::StartDate => "start_date",
            HabitField::EndDate => "end_date",
            HabitField::Archived => "archived_at",
        };
        (field as usize, name)
    });
    let entry = EntryField::ALL.map(|field| {
        let name = match field {
            EntryField::Day => "day",
            EntryField::Kind => "kind",
            EntryField::Value => "value",
            EntryField::Notes => "notes",
        };
        (field as usize, name)
    });
    for (file, fields) in [("habit_fields", &habit[..]), ("entry_fields", &entry[..])] {
        let names = golden[file].as_array().expect("a list");
        assert_eq!(names.len(), fields.len(), "{file}");
        for (number, name) in fields {
            assert_eq!(names[*number], *name, "{file}");
        }
    }
}
