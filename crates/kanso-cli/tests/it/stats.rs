//! Statistics of a device compared with the server's, online and offline.

use jiff::civil::Date;
use kanso_client::clock::Clock as _;
use kanso_client::domain::DayStart;
use kanso_client::domain::calendar::{days_before, local_day};
use kanso_client::system::SystemClock;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Api, Device, EMAIL, Server, noon_zone};

/// Habits of a user on the server.
struct World {
    api: Api,
    today: Date,
    operations: Vec<Value>,
    habits: Vec<Uuid>,
}

impl World {
    /// An account whose weeks begin on Sunday and whose days begin at three.
    fn new(server: &Server) -> Self {
        let api = Api::register(server.address());
        let zone = noon_zone();
        let settings = json!({
            "timezone": zone.name(), "week_start": "sunday", "day_start": "03:00"
        });
        api.send("PATCH", "/auth/user", &settings);
        Self {
            api,
            today: local_day(SystemClock.now(), &zone, DayStart::MIDNIGHT),
            operations: Vec::new(),
            habits: Vec::new(),
        }
    }

    fn day(&self, ago: i32) -> String {
        days_before(self.today, ago).to_string()
    }

    fn operation(&mut self, entity: &str, action: &str, id: Uuid, fields: &Value) {
        let op_id = Uuid::from_u64_pair(1, self.operations.len() as u64);
        let mut operation = json!({
            "op_id": op_id, "entity": entity, "action": action, "id": id, "fields": fields
        });
        if action == "update" {
            operation["base_version"] = json!(1);
        }
        self.operations.push(operation);
    }

    /// A habit with entries by age in days: an amount, or `None` for a day off.
    fn habit(&mut self, fields: &Value, records: &[(i32, Option<f64>)]) -> Uuid {
        let id = Uuid::from_u64_pair(2, self.habits.len() as u64);
        self.habits.push(id);
        self.operation("habit", "create", id, fields);
        for &(ago, value) in records {
            let entry = Uuid::from_u64_pair(3, self.operations.len() as u64);
            let day = self.day(ago);
            let kind = value.map_or("skip", |_| "value");
            let fields = json!({
                "habit_id": id, "completion_date": day, "kind": kind,
                "value": value.unwrap_or_default()
            });
            self.operation("entry", "create", entry, &fields);
        }
        id
    }

    fn push(&self) {
        let body = json!({"cursor": null, "limit": 1, "operations": self.operations});
        let answer = self.api.send("POST", "/sync", &body);
        let results = answer["results"].as_array().expect("a list");
        assert_eq!(results.len(), self.operations.len());
        for result in results {
            assert_eq!(result["status"], "applied", "{result}");
        }
    }

    /// Every kind of schedule and target, and every state of a day.
    fn fill(&mut self) {
        let today = self.today.weekday().to_sunday_zero_offset();
        let (tick, off) = (Some(1.0), None);
        let often: Vec<(i32, Option<f64>)> = (1..40)
            .filter(|ago| ago % 11 != 0)
            .map(|ago| (ago, if ago % 7 == 0 { off } else { tick }))
            .collect();
        self.habit(&json!({"title": "Daily"}), &often);
        let all = json!({"title": "Off today"});
        self.habit(&all, &[(0, off), (1, tick), (2, off), (3, tick)]);
        let weekly = json!({"title": "Weekly", "frequency_type": "weekly", "times_per_week": 3});
        self.habit(&weekly, &often);
        let three = json!({
            "title": "Today and the day before", "frequency_type": "specific_days",
            "weekdays": [today, (today + 6) % 7]
        });
        self.habit(&three, &often);
        for (title, ago) in [("Not due", 8), ("Done without being due", 0)] {
            let other = json!({
                "title": title, "frequency_type": "specific_days", "weekdays": [(today + 1) % 7]
            });
            self.habit(&other, &[(ago, tick), (6, tick), (13, tick)]);
        }
        let every = json!({"title": "Every 3", "frequency_type": "interval", "interval": 3});
        self.habit(
            &every,
            &[(1, tick), (4, tick), (8, tick), (14, off), (20, tick)],
        );
        for (title, cups) in [("Within", 1.5), ("Exceeded", 2.5)] {
            let limit = json!({
                "title": title, "type": "numeric", "target_value": 2,
                "target_direction": "at_most", "start_date": self.day(30)
            });
            self.habit(
                &limit,
                &[(0, Some(cups)), (3, Some(9.0)), (4, Some(2.0)), (5, off)],
            );
        }
        let pages = json!({
            "title": "Pages", "type": "numeric", "target_value": 20, "unit": "pages",
            "end_date": self.day(-5)
        });
        let amounts = [
            (0, 12.5),
            (1, 7.25),
            (1, 12.75),
            (2, 25.0),
            (9, 0.0),
            (400, 1.0),
        ];
        self.habit(&pages, &amounts.map(|(ago, value)| (ago, Some(value))));
        let changed = self.habit(&json!({"title": "Changed"}), &often);
        let change = json!({
            "frequency_type": "interval", "interval": 4, "effective_from": self.day(10)
        });
        self.operation("habit", "update", changed, &change);
        let away = json!({"title": "Away", "archived_at": format!("{}T00:00:00Z", self.day(4))});
        self.habit(&away, &often);
        self.push();
    }
}

/// All statistics that a device prints.
#[derive(Debug, PartialEq)]
struct Answers {
    today: Value,
    overview: Value,
    habits: Vec<Value>,
    heatmap: Value,
}

fn answers(device: &Device, world: &World) -> Answers {
    let stats = |id: &Uuid| device.json(&["stats", &id.to_string(), "--explain"]);
    let (from, to) = (world.day(200), world.day(-3));
    Answers {
        today: device.json(&["today"]),
        overview: device.json(&["stats"]),
        habits: world.habits.iter().map(stats).collect(),
        heatmap: device.json(&["heatmap", "--from", &from, "--to", &to]),
    }
}

/// Computed members of `kanso today`.
fn today(of: &Value, id: &str, value: &str) -> Vec<Value> {
    let habits = of["habits"].as_array().expect("a list").iter();
    let habits = habits.filter(|habit| habit["state"] != "not_due");
    let shown = |habit: &Value| {
        json!([
            habit.pointer(id),
            habit[value].as_f64(),
            habit["state"],
            habit["streak"],
            habit["at_risk"]
        ])
    };
    habits.map(shown).collect()
}

fn agree(answers: &Answers, world: &World) {
    let (api, from, to) = (&world.api, world.day(200), world.day(-3));
    let expected = api.get("/today");
    assert_eq!(answers.today["date"], expected["date"]);
    assert_eq!(
        today(&answers.today, "/habit/id", "sum"),
        today(&expected, "/habit_id", "value")
    );
    for (id, stats) in world.habits.iter().zip(&answers.habits) {
        let expected = api.get(&format!("/stats/habits/{id}?explain=true"));
        assert_eq!(*stats, expected);
    }
    let expected = api.get(&format!("/stats/heatmap?from={from}&to={to}"));
    assert_eq!(answers.heatmap, expected);
    let mut overview = answers.overview.clone();
    for habit in overview["habits"].as_array_mut().expect("a list") {
        let members = habit.as_object_mut().expect("an object");
        for own in ["last_7_days", "last_30_days"] {
            assert!(members.remove(own).is_some(), "{own}");
        }
    }
    assert_eq!(overview, api.get("/stats/overview"));
}

#[test]
fn device_and_server_show_the_same_statistics() {
    let server = Server::start();
    let mut world = World::new(&server);
    world.fill();
    let device = Device::at(server.address());
    device.ok(&["login", EMAIL]);
    device.ok(&["sync"]);
    let online = answers(&device, &world);
    agree(&online, &world);

    let states: Vec<&Value> = online.today["habits"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|habit| &habit["state"])
        .collect();
    for state in ["done", "pending", "within", "exceeded", "skip"] {
        assert!(states.contains(&&json!(state)), "{state}: {states:?}");
    }
    let shown = device.ok(&["today"]);
    assert!(shown.contains("[x]  Done without"), "{shown}");
    for hidden in ["Not due", "Away"] {
        assert!(!shown.contains(hidden), "{shown}");
    }

    drop(server);
    assert_eq!(answers(&device, &world), online);
    let before = &online.habits[0]["streak"]["current"];
    device.ok(&["done", "Daily"]);
    let after = device.json(&["stats", "Daily"]);
    assert_eq!(
        after["streak"]["current"].as_u64(),
        before.as_u64().map(|current| current + 1)
    );
    assert!(after["streak"]["at_risk_until"].is_null());
    device.ends(3, &["sync"]);
}
