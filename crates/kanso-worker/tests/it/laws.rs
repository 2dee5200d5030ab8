//! Streaks that the workers update step by step equal a computation from scratch.

use kanso_application::ports::clock::Clock as _;
use kanso_application::ports::storage::AccountStore as _;
use kanso_domain::accounts::SettingsChange;
use kanso_domain::calendar::days_before;
use kanso_domain::entries::{EntryFields, EntryKind};
use kanso_domain::habits::{
    FrequencyType, HabitFields, HabitType, ScheduleFields, TargetDirection, TargetFields,
};
use kanso_domain::sync::Base;
use kanso_domain::{Quantity, UserId, WeekStart};
use kanso_testkit::build::{
    create_entry, create_habit, delete_entry, delete_habit, done, entry, habit, titled,
    update_habit,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::{World, process};

const HABITS: u128 = 3;

/// Action of a user, a pause, or a run of the workers.
#[derive(Clone, Debug)]
enum Step {
    Record {
        of: u128,
        days_back: i32,
        thousandths: i64,
        is_skip: bool,
    },
    DeleteEntry(usize),
    Edit(u128, Box<HabitFields>),
    DeleteHabit(u128),
    Settings(SettingsChange),
    Wait(i64),
    Work,
}

fn fields() -> impl Strategy<Value = HabitFields> {
    let schedule = prop_oneof![
        Just(ScheduleFields {
            frequency_type: Some(FrequencyType::Daily),
            ..ScheduleFields::default()
        }),
        (1..=7_u8).prop_map(|times| ScheduleFields {
            times_per_week: Some(times),
            ..ScheduleFields::default()
        }),
        (1..=5_u16).prop_map(|interval| ScheduleFields {
            interval: Some(interval),
            ..ScheduleFields::default()
        }),
    ];
    let directions = [TargetDirection::AtLeast, TargetDirection::AtMost];
    (schedule, proptest::sample::select(directions.to_vec())).prop_map(|(schedule, direction)| {
        HabitFields {
            schedule,
            target: TargetFields {
                kind: Some(HabitType::Numeric),
                value: Some(Quantity::ONE),
                direction: Some(direction),
            },
            ..titled("Read")
        }
    })
}

fn settings() -> impl Strategy<Value = SettingsChange> {
    let zones = ["UTC", "Asia/Tokyo", "Pacific/Apia", "America/New_York"];
    let starts = ["00:00", "03:30"];
    let weeks = [WeekStart::Sunday, WeekStart::Monday];
    let change = (
        proptest::option::of(proptest::sample::select(zones.to_vec())),
        proptest::option::of(proptest::sample::select(starts.to_vec())),
        proptest::option::of(proptest::sample::select(weeks.to_vec())),
    );
    change.prop_map(|(zone, start, week_start)| SettingsChange {
        timezone: zone.map(|zone| zone.parse().expect("a zone")),
        day_start: start.map(|start| start.parse().expect("a time of day")),
        week_start,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let record = (1..=HABITS, -3..20_i32, 0..3_i64, prop::bool::weighted(0.2)).prop_map(
        |(of, days_back, ones, is_skip)| Step::Record {
            of,
            days_back,
            thousandths: ones * 1_000,
            is_skip,
        },
    );
    prop_oneof![
        8 => record,
        2 => (0..40_usize).prop_map(Step::DeleteEntry),
        2 => (1..=HABITS, fields()).prop_map(|(of, fields)| Step::Edit(of, Box::new(fields))),
        1 => (1..=HABITS * 4).prop_map(Step::DeleteHabit),
        1 => settings().prop_map(Step::Settings),
        3 => (0..200_000_i64).prop_map(Step::Wait),
        3 => Just(Step::Work),
    ]
}

impl World {
    /// Performs one step as `user`. `made` counts the created entries.
    async fn take(&self, user: UserId, step: Step, made: &mut u128) {
        let action = match step {
            Step::Record {
                of,
                days_back,
                thousandths,
                is_skip,
            } => {
                *made += 1;
                let day = days_before(self.clock.now().utc_date(), days_back);
                let fields = EntryFields {
                    value: Quantity::from_thousandths(thousandths).ok(),
                    kind: is_skip.then_some(EntryKind::Skip),
                    ..done(habit(of), &day.to_string())
                };
                create_entry(entry(*made), fields)
            }
            Step::DeleteEntry(nth) => {
                let nth = u128::try_from(nth).expect("a small number");
                delete_entry(entry(nth), Base::Any)
            }
            Step::Edit(of, fields) => update_habit(habit(of), Base::Any, *fields),
            Step::DeleteHabit(of) => delete_habit(habit(of), Base::Any),
            Step::Settings(change) => {
                let now = self.clock.now();
                let changed = self.storage.change_settings(user, change, now).await;
                changed.expect("a storage").expect("an account");
                return;
            }
            Step::Wait(seconds) => return self.clock.advance_seconds(seconds),
            Step::Work => return,
        };
        self.submit(user, vec![action]).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn streaks_updated_by_workers_equal_those_computed_from_scratch(
        first in vec(fields(), 3),
        steps in vec((0..2_usize, step()), 1..50),
    ) {
        let world = World::new();
        let users = process().block_on(async {
            let users = [world.user(1).await, world.user(2).await];
            for user in users {
                let create = |(number, fields): (u128, &HabitFields)| {
                    create_habit(habit(number), fields.clone())
                };
                let actions = (1..).zip(&first).map(create).collect();
                world.submit(user, actions).await;
            }
            users
        });
        let mut made = 0;
        for (nth, step) in steps {
            if matches!(step, Step::Work) {
                world.whole_life(&users);
            }
            process().block_on(world.take(users[nth], step, &mut made));
        }
        world.whole_life(&users);
    }
}
