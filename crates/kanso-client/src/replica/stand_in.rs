//! Stand-ins for records that this version cannot read completely.
//!
//! A newer server may send a kind, a schedule or a zone that this version does not know. Such a
//! record is stored as it came. What is shown is a stand-in: the members that can be read, and
//! defaults for the others.

use kanso_domain::{Entity, Record, Seq};
use serde_json::{Map, Value, json};

use super::codec::from_json;

type Members = Map<String, Value>;

/// Members without which there is no stand-in.
const REQUIRED: [&str; 6] = [
    "id",
    "habit_id",
    "version",
    "created_at",
    "updated_at",
    "deleted_at",
];

/// Members of a habit that are read together, in this order. Those of a group depend on each other.
const HABIT_GROUPS: [&[&str]; 15] = [
    &["title"],
    &["description"],
    &["color"],
    &["icon"],
    &["sort_order"],
    &["type", "target_value", "target_direction"],
    &["unit"],
    &["frequency_type", "weekdays", "interval", "times_per_week"],
    &["schedule_history"],
    &["reminder_time"],
    &["start_date", "end_date"],
    &["archived_at"],
    &["archived_spans"],
    &["current_streak"],
    &["longest_streak"],
];

/// The same of an entry.
const ENTRY_GROUPS: [&[&str]; 6] = [
    &["completion_date"],
    &["local_date"],
    &["timezone"],
    &["kind"],
    &["value"],
    &["notes"],
];

/// Members of the present goal, which a version of the history has too.
const GOAL: [&str; 7] = [
    "type",
    "frequency_type",
    "weekdays",
    "interval",
    "times_per_week",
    "target_value",
    "target_direction",
];

/// Builds the stand-in of a record; `None` if not even its id, version and times can be read.
pub(super) fn stand_in(entity: Entity, seq: Seq, json: &str) -> Option<Record> {
    let Ok(Value::Object(raw)) = serde_json::from_str(json) else {
        return None;
    };
    let groups: &[&[&str]] = match entity {
        Entity::Habit => &HABIT_GROUPS,
        Entity::Entry => &ENTRY_GROUPS,
    };
    let mut builder = StandIn {
        entity,
        seq,
        members: template(entity, &raw)?,
    };
    builder.read()?;
    for group in groups {
        builder.take(group, &raw);
    }
    builder.read()
}

/// A stand-in that is being built. It can be read at any time.
struct StandIn {
    entity: Entity,
    seq: Seq,
    members: Members,
}

impl StandIn {
    fn read(&self) -> Option<Record> {
        let json = Value::Object(self.members.clone()).to_string();
        from_json(self.entity, self.seq, &json).ok()
    }

    /// Takes over the members `names` of `raw`, or the nearest that can be read.
    fn take(&mut self, names: &[&str], raw: &Members) {
        let given = names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), raw.get(*name)?.clone())));
        let given: Members = given.collect();
        if self.set(given.clone()) {
            return;
        }
        match *names {
            ["title"] => self.cut("title", 100, &given),
            ["notes"] => self.cut("notes", 2000, &given),
            ["description"] => self.cut("description", 500, &given),
            // Of a type that is not known, the amounts can still be shown.
            ["type", ..] => {
                let numeric = ("type".to_owned(), Value::from("numeric"));
                self.set(given.into_iter().chain([numeric]).collect());
            }
            ["schedule_history"] => self.take_history(raw),
            _ => {}
        }
    }

    /// Sets the members if the record can then be read.
    fn set(&mut self, given: Members) -> bool {
        let before = self.members.clone();
        self.members.extend(given);
        if self.read().is_some() {
            return true;
        }
        self.members = before;
        false
    }

    fn cut(&mut self, name: &str, length: usize, given: &Members) {
        if let Some(text) = given.get(name).and_then(Value::as_str) {
            let text: String = text.chars().take(length).collect();
            self.set(Members::from_iter([(name.to_owned(), Value::from(text))]));
        }
    }

    /// Takes over the history, with the present goal instead of a version that cannot be read.
    fn take_history(&mut self, raw: &Members) {
        let versions = raw.get("schedule_history").and_then(Value::as_array);
        let mut history = Vec::new();
        for version in versions.into_iter().flatten() {
            let tried = |version: Value| {
                let mut all = history.clone();
                all.push(version);
                Members::from_iter([("schedule_history".to_owned(), Value::from(all))])
            };
            if !self.set(tried(version.clone())) {
                let Some(from) = version.get("effective_from") else {
                    continue;
                };
                let goal = GOAL.iter().filter_map(|name| {
                    Some(((*name).to_owned(), self.members.get(*name)?.clone()))
                });
                let mut stand_in: Members = goal.collect();
                stand_in.insert("effective_from".to_owned(), from.clone());
                if !self.set(tried(Value::Object(stand_in))) {
                    continue;
                }
            }
            if let Some(Value::Array(taken)) = self.members.get("schedule_history") {
                history.clone_from(taken);
            }
        }
    }
}

/// Returns the members of `raw` that a stand-in needs, and the defaults of the others.
fn template(entity: Entity, raw: &Members) -> Option<Members> {
    let created = raw.get("created_at")?.as_str()?;
    let date = created.get(..10)?;
    let template = match entity {
        Entity::Habit => json!({
            "title": "?", "description": "", "color": "#4CAF50", "icon": "", "sort_order": 0,
            "type": "boolean", "frequency_type": "daily", "weekdays": [], "interval": 1,
            "times_per_week": null, "target_value": 1, "target_direction": "at_least", "unit": "",
            "reminder_time": null, "start_date": null, "end_date": null, "archived_at": null,
            "schedule_history": [{
                "effective_from": date, "type": "boolean", "frequency_type": "daily",
                "weekdays": [], "interval": 1, "times_per_week": null, "target_value": 1,
                "target_direction": "at_least"
            }],
            "archived_spans": [], "current_streak": 0, "longest_streak": 0
        }),
        Entity::Entry => {
            let day = raw.get("local_date").or_else(|| raw.get("completion_date"));
            let day = day.and_then(|day| day.as_str()?.get(..10)).unwrap_or(date);
            let known = kanso_domain::time::parse_date(day);
            let day = if known.is_some() { day } else { date };
            json!({
                "completion_date": format!("{day}T00:00:00.000000Z"), "timezone": null,
                "local_date": day, "kind": "value", "value": 0, "notes": ""
            })
        }
    };
    let Value::Object(mut members) = template else {
        return None;
    };
    members.insert("deleted_at".to_owned(), Value::Null);
    for name in REQUIRED {
        if let Some(value) = raw.get(name) {
            members.insert(name.to_owned(), value.clone());
        }
    }
    Some(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn habit() -> Value {
        json!({
            "id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e", "title": "Read", "description": "",
            "color": "#112233", "icon": "", "sort_order": 3, "type": "numeric",
            "frequency_type": "weekly", "weekdays": [], "interval": 1, "times_per_week": 3,
            "target_value": 20, "target_direction": "at_least", "unit": "pages",
            "reminder_time": null, "start_date": null, "end_date": null, "archived_at": null,
            "schedule_history": [{
                "effective_from": "2026-01-01", "type": "numeric", "frequency_type": "weekly",
                "weekdays": [], "interval": 1, "times_per_week": 3, "target_value": 20,
                "target_direction": "at_least"
            }],
            "archived_spans": [], "current_streak": 0, "longest_streak": 0, "version": 2,
            "created_at": "2026-01-01T00:00:00.000000Z",
            "updated_at": "2026-01-01T00:00:00.000000Z", "deleted_at": null
        })
    }

    fn entry() -> Value {
        json!({
            "id": "0198c2f5-0000-7c3a-9d2e-4f5a6b7c8d9e",
            "habit_id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e",
            "completion_date": "2026-11-22T20:15:00.000000Z", "timezone": "America/New_Place",
            "local_date": "2026-11-21", "kind": "value", "value": 12.5, "notes": "on the train",
            "version": 1, "created_at": "2026-11-22T20:15:02.123456Z",
            "updated_at": "2026-11-22T20:15:02.123456Z", "deleted_at": null
        })
    }

    fn with(mut record: Value, name: &str, value: Value) -> String {
        record[name] = value;
        record.to_string()
    }

    #[test]
    fn an_entry_with_an_unknown_zone_keeps_its_day_and_amount() {
        let record = stand_in(Entity::Entry, Seq::ZERO, &entry().to_string());
        let Some(Record::Entry(entry)) = record else {
            panic!("no stand-in: {record:?}");
        };
        let details = entry.details;
        assert_eq!(details.local_date.to_string(), "2026-11-21");
        assert_eq!(details.value.thousandths(), 12_500);
        assert_eq!(details.notes.as_str(), "on the train");
        assert_eq!(details.timezone, None);
    }

    #[test]
    fn any_single_strange_member_leaves_the_others() {
        let strange = [
            json!("unknown"),
            json!(-7),
            json!({"new": 1}),
            json!([1.5]),
            json!(null),
        ];
        let required = |name: &str| REQUIRED.contains(&name);
        for (entity, record) in [(Entity::Habit, habit()), (Entity::Entry, entry())] {
            let names = record.as_object().expect("an object").keys().cloned();
            for name in names.filter(|name| !required(name)) {
                for value in &strange {
                    let json = with(record.clone(), &name, value.clone());
                    let read = stand_in(entity, Seq::ZERO, &json);
                    match read {
                        Some(Record::Habit(read)) if name != "title" => {
                            assert_eq!(read.details.title.as_str(), "Read", "{name}: {value}");
                        }
                        Some(Record::Entry(read)) if name != "notes" => {
                            assert_eq!(read.details.notes.as_str(), "on the train");
                        }
                        Some(_) => {}
                        None => panic!("no stand-in for {name}: {value}"),
                    }
                }
            }
        }
    }

    #[test]
    fn a_version_of_an_unknown_schedule_gets_the_present_one() {
        let mut record = habit();
        record["frequency_type"] = json!("monthly");
        record["schedule_history"][0]["frequency_type"] = json!("monthly");
        let read = stand_in(Entity::Habit, Seq::ZERO, &record.to_string());
        let Some(Record::Habit(habit)) = read else {
            panic!("no stand-in: {read:?}");
        };
        assert_eq!(habit.details.title.as_str(), "Read");
        assert_eq!(habit.details.history.begins().to_string(), "2026-01-01");
        assert_eq!(habit.details.target().value().thousandths(), 20_000);
    }
}
