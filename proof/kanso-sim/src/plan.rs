//! What a seed decides before anything happens: who is there and what goes wrong.

use serde::{Deserialize, Serialize};

use crate::chance::Chance;

/// What the servers of a world store in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// A SQLite file, whose calls happen in one moment and never fail.
    #[default]
    File,
    /// A database that behaves as PostgreSQL does.
    #[serde(rename = "rival")]
    Postgres,
}

impl StoreKind {
    /// Whether a call may wait for others, be tried again, or fail.
    pub const fn is_busy(self) -> bool {
        matches!(self, Self::Postgres)
    }
}

/// Everything that a run is made of. Its fields can be made smaller one by one, so that a failure
/// is shown with as little around it as possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What all else is drawn from.
    pub seed: u64,
    /// How many people there are, 1 to 8.
    pub people: u32,
    /// How many devices each has, 1 to 4.
    pub devices: u32,
    /// How many servers share the storage, 1 to 3.
    pub servers: u32,
    /// How many things each device does.
    pub actions: u32,
    /// How many things happen to the servers and to time.
    pub events: u32,
    /// Requests that are lost, in percent.
    pub lost_requests: u32,
    /// Answers that are lost, in percent.
    pub lost_answers: u32,
    /// Requests that arrive a second time, later, in percent.
    pub duplicates: u32,
    /// The longest way of a message, in milliseconds.
    pub longest_delay: u64,
    /// Times that a device is cut off, for each ten of its actions.
    pub partitions: u32,
    /// Server crashes for each ten events.
    pub crashes: u32,
    /// Copies that are put back for each ten events.
    pub restores: u32,
    /// Leaps of hours and days for each ten events.
    pub leaps: u32,
    /// By how many seconds the clocks of devices are wrong at most, up to an hour.
    pub skew_seconds: i64,
    /// How long tombstones are kept, in days.
    pub tombstone_days: u32,
    /// Servers that are asked to stop, for each ten events.
    #[serde(default)]
    pub drains: u32,
    /// What the servers store in. What follows is of [`StoreKind::Rival`] alone.
    #[serde(default)]
    pub store: StoreKind,
    /// Connections that each server has, 1 to 8.
    #[serde(default)]
    pub connections: u32,
    /// The longest way of a statement or its answer, in milliseconds.
    #[serde(default)]
    pub longest_step: u64,
    /// Transactions that fail before they commit, in percent.
    #[serde(default)]
    pub failures: u32,
    /// Commits during which the connection breaks, in percent.
    #[serde(default)]
    pub uncertain: u32,
    /// How often the database goes away and comes back.
    #[serde(default)]
    pub outages: u32,
}

impl Plan {
    /// The plan of a seed. Each kind of trouble is absent in a part of the seeds, so that the others
    /// are seen without it too.
    pub fn of(seed: u64) -> Self {
        let chance = Chance::stream(seed, "plan");
        let sometimes = |percent: u32, most: u64| {
            let amount = chance.between(1, most);
            if chance.happens(percent) { amount } else { 0 }
        };
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let crowd = chance.happens(10);
        let longest_skew = sometimes(60, 3_600);
        Self {
            seed,
            people: small(chance.between(1, if crowd { 8 } else { 2 })),
            devices: small(chance.between(1, 4)),
            servers: small(chance.between(1, 3)),
            actions: small(chance.between(6, 28)),
            events: small(chance.between(0, 10)),
            lost_requests: small(sometimes(60, 30)),
            lost_answers: small(sometimes(70, 30)),
            duplicates: small(sometimes(50, 20)),
            longest_delay: chance.between(1, 3_000),
            partitions: small(sometimes(50, 4)),
            crashes: small(sometimes(60, 5)),
            restores: small(sometimes(12, 3)),
            leaps: small(sometimes(60, 5)),
            skew_seconds: i64::try_from(longest_skew).unwrap_or_default(),
            tombstone_days: small(chance.between(2, 60)),
            drains: small(sometimes(50, 4)),
            // Drawn last, so that older seeds are what they were.
            store: if chance.happens(50) {
                StoreKind::Postgres
            } else {
                StoreKind::File
            },
            connections: small(chance.between(1, 8)),
            longest_step: sometimes(80, 40),
            failures: small(sometimes(60, 30)),
            uncertain: small(sometimes(60, 20)),
            outages: small(sometimes(40, 4)),
        }
    }

    /// Plans that are smaller in one respect, the boldest cuts first.
    pub fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        macro_rules! cut {
            ($field:ident, $least:expr) => {
                let mut to = $least;
                while to < self.$field {
                    all.push(Self {
                        $field: to,
                        ..*self
                    });
                    to += ((self.$field - to) / 2).max(1);
                }
            };
        }
        cut!(people, 1);
        cut!(devices, 1);
        cut!(servers, 1);
        cut!(events, 0);
        cut!(restores, 0);
        cut!(crashes, 0);
        cut!(drains, 0);
        cut!(leaps, 0);
        cut!(partitions, 0);
        cut!(lost_requests, 0);
        cut!(lost_answers, 0);
        cut!(duplicates, 0);
        cut!(actions, 1);
        if self.store == StoreKind::Postgres {
            let store = StoreKind::File;
            all.push(Self { store, ..*self });
            cut!(outages, 0);
            cut!(uncertain, 0);
            cut!(failures, 0);
            cut!(longest_step, 0);
        }
        if self.skew_seconds > 0 {
            let skew_seconds = 0;
            all.push(Self {
                skew_seconds,
                ..*self
            });
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_keeps_within_its_bounds() {
        for plan in (0..2_000).map(Plan::of) {
            assert!((1..=8).contains(&plan.people), "{plan:?}");
            assert!((1..=4).contains(&plan.devices), "{plan:?}");
            assert!((1..=3).contains(&plan.servers), "{plan:?}");
            assert!(
                plan.lost_requests <= 30 && plan.lost_answers <= 30,
                "{plan:?}"
            );
            assert!(
                plan.duplicates <= 20 && plan.skew_seconds <= 3_600,
                "{plan:?}"
            );
            assert!((1..=8).contains(&plan.connections), "{plan:?}");
            assert!(plan.failures <= 30 && plan.uncertain <= 20, "{plan:?}");
        }
    }

    #[test]
    fn each_trouble_of_the_rival_store_is_absent_in_a_part_of_its_seeds() {
        let plans: Vec<_> = (0..2_000).map(Plan::of).collect();
        let rival: Vec<_> = plans
            .iter()
            .filter(|plan| plan.store == StoreKind::Postgres)
            .collect();
        assert!((900..1_100).contains(&rival.len()), "{}", rival.len());
        let amounts: [fn(&Plan) -> u64; 4] = [
            |plan| plan.longest_step,
            |plan| plan.failures.into(),
            |plan| plan.uncertain.into(),
            |plan| plan.outages.into(),
        ];
        for amount in amounts {
            let absent = rival.iter().filter(|plan| amount(plan) == 0).count();
            assert!((150..800).contains(&absent), "{absent}");
        }
    }

    #[test]
    fn a_plan_from_before_the_rival_store_lives_on_a_file() {
        let line = include_str!("../regressions.jsonl").lines().next().unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let old: Plan = serde_json::from_value(line["plan"].clone()).unwrap();
        assert_eq!(old.store, StoreKind::File);
        let drawn = Plan::of(old.seed);
        assert_eq!(
            (drawn.people, drawn.actions, drawn.tombstone_days),
            (old.people, old.actions, old.tombstone_days)
        );
    }

    #[test]
    fn a_smaller_plan_is_smaller() {
        let plan = Plan::of(7);
        for smaller in plan.smaller() {
            assert_ne!(smaller, plan);
            assert!(smaller.people <= plan.people && smaller.actions <= plan.actions);
        }
    }
}
