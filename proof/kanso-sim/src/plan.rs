//! The plan of a run: participants and faults, drawn from the seed.

use serde::{Deserialize, Serialize};

use crate::chance::Chance;

/// Kinds of storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// A SQLite file: calls complete at once, one at a time, and never fail.
    #[default]
    File,
    /// A simulated PostgreSQL.
    #[serde(rename = "rival")]
    Postgres,
}

impl StoreKind {
    /// Returns true if a call may wait for other transactions, be retried, or fail.
    pub const fn is_busy(self) -> bool {
        matches!(self, Self::Postgres)
    }
}

/// The parameters of a run. Each field can be reduced on its own, so that a failure is shown with
/// as few faults as possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldPlan {
    /// Seed of all random streams.
    pub seed: u64,
    /// Number of users, 1 to 8.
    pub people: u32,
    /// Number of devices of each user, 1 to 4.
    pub devices: u32,
    /// Number of servers, 1 to 3.
    pub servers: u32,
    /// Number of actions of each device.
    pub actions: u32,
    /// Number of rounds of server faults and clock jumps.
    pub events: u32,
    /// Lost requests, in percent.
    pub lost_requests: u32,
    /// Lost answers, in percent.
    pub lost_answers: u32,
    /// Requests that arrive twice, in percent.
    pub duplicates: u32,
    /// Longest delay of a message, in milliseconds.
    pub longest_delay: u64,
    /// Disconnections of a device for each ten actions.
    pub partitions: u32,
    /// Server crashes for each ten events.
    pub crashes: u32,
    /// Restores of a backup for each ten events.
    pub restores: u32,
    /// Clock jumps of hours and days for each ten events.
    pub leaps: u32,
    /// Largest error of a device's clock in seconds, at most an hour.
    pub skew_seconds: i64,
    /// Number of days for which tombstones are kept.
    pub tombstone_days: u32,
    /// Graceful shutdowns for each ten events.
    #[serde(default)]
    pub drains: u32,
    /// The storage. The fields below apply to [`StoreKind::Postgres`] only.
    #[serde(default)]
    pub store: StoreKind,
    /// Connections of each server, 1 to 8.
    #[serde(default)]
    pub connections: u32,
    /// Longest way of a statement or its answer, in milliseconds.
    #[serde(default)]
    pub longest_step: u64,
    /// Transactions that fail before their commit, in percent.
    #[serde(default)]
    pub failures: u32,
    /// Commits with an unknown outcome, in percent.
    #[serde(default)]
    pub uncertain: u32,
    /// Number of outages of the database.
    #[serde(default)]
    pub outages: u32,
    /// Backups of replicas, made or put on a device, for each ten actions.
    #[serde(default)]
    pub copies: u32,
    /// Actions that take the oldest habit instead of any, in percent: then devices meet more often.
    #[serde(default)]
    pub focus: u32,
    /// Writes of a browser that share a push with an operation that cannot be read, in percent.
    #[serde(default)]
    pub unreadable: u32,
    /// Kinds of things that a newer server says and the devices do not know, 0 to 4.
    #[serde(default)]
    pub novelties: u32,
    /// Largest push in bytes that a proxy before the devices accepts; 0 for no proxy.
    #[serde(default)]
    pub body_limit: u64,
    /// Requests of devices that something else than the server answers, in percent.
    #[serde(default)]
    pub strangers: u32,
    /// Conditional writes of a browser whose entity tag a proxy has changed, in percent of its
    /// actions.
    #[serde(default)]
    pub changed_tags: u32,
    /// Replacements of the database file under its servers for each ten events. For
    /// [`StoreKind::File`] only.
    #[serde(default)]
    pub swaps: u32,
}

impl WorldPlan {
    /// Draws the plan of a seed. Each kind of fault is absent in some seeds, so that the others are
    /// also seen alone.
    pub fn of(seed: u64) -> Self {
        let chance = Chance::stream(seed, "plan");
        // Both numbers are always drawn: a fault that is absent must not shift the numbers of the
        // fields after it.
        let sometimes = |percent: u32, most: u64| {
            let amount = chance.between(1, most);
            if chance.happens(percent) { amount } else { 0 }
        };
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        // Many users in one world in ten only: they cost time, and most faults need one user.
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
            // Few worlds restore a backup, because a restore switches some of the checks off.
            restores: small(sometimes(20, 3)),
            leaps: small(sometimes(60, 5)),
            skew_seconds: i64::try_from(longest_skew).unwrap_or_default(),
            tombstone_days: small(chance.between(2, 60)),
            drains: small(sometimes(50, 4)),
            // Drawn last, so that the fields above keep the values that older seeds had before this
            // field existed.
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
            copies: small(sometimes(25, 4)),
            focus: small(sometimes(40, 90)),
            unreadable: small(sometimes(25, 40)),
            novelties: small(sometimes(15, 4)),
            body_limit: match sometimes(15, 4_000) {
                0 => 0,
                // The largest operations of a run fit into the least limit.
                bytes => 2_000 + bytes,
            },
            strangers: small(sometimes(25, 8)),
            changed_tags: small(sometimes(20, 20)),
            swaps: small(sometimes(15, 3)),
        }
    }

    /// Returns true if an older copy of the database may be restored.
    pub fn may_restore(&self) -> bool {
        self.restores > 0 || self.may_swap()
    }

    /// Returns true if the database file may be replaced under its servers.
    pub fn may_swap(&self) -> bool {
        self.swaps > 0 && self.store == StoreKind::File
    }

    /// Returns plans that are smaller in one field, the largest cuts first.
    ///
    /// For each field the cuts go from the least value half of the remaining way up, so a field
    /// with n values needs about log n runs. Users, devices and servers come first: they shorten
    /// the story the most. The seed stays, because the other random streams are drawn from it.
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
        // The order is that of the story's length, not of the struct.
        cut!(people, 1);
        cut!(devices, 1);
        cut!(servers, 1);
        cut!(events, 0);
        cut!(restores, 0);
        cut!(swaps, 0);
        cut!(copies, 0);
        cut!(unreadable, 0);
        cut!(novelties, 0);
        cut!(strangers, 0);
        cut!(changed_tags, 0);
        // A plan without a proxy is simpler than one with a smaller limit.
        if self.body_limit > 0 {
            let body_limit = 0;
            all.push(Self {
                body_limit,
                ..*self
            });
        }
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
        for plan in (0..2_000).map(WorldPlan::of) {
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
            assert!(plan.body_limit == 0 || plan.body_limit > 2_000, "{plan:?}");
        }
    }

    #[test]
    fn each_fault_of_the_simulated_postgres_is_absent_in_some_of_its_seeds() {
        let plans: Vec<_> = (0..2_000).map(WorldPlan::of).collect();
        let rival: Vec<_> = plans
            .iter()
            .filter(|plan| plan.store == StoreKind::Postgres)
            .collect();
        assert!((900..1_100).contains(&rival.len()), "{}", rival.len());
        let amounts: [fn(&WorldPlan) -> u64; 4] = [
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
    fn a_plan_without_a_store_uses_sqlite() {
        let line = include_str!("../regressions.jsonl").lines().next().unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let old: WorldPlan = serde_json::from_value(line["plan"].clone()).unwrap();
        assert_eq!(old.store, StoreKind::File);
        let drawn = WorldPlan::of(old.seed);
        assert_eq!(
            (drawn.people, drawn.actions, drawn.tombstone_days),
            (old.people, old.actions, old.tombstone_days)
        );
    }

    #[test]
    fn a_smaller_plan_is_smaller() {
        let plan = WorldPlan::of(7);
        for smaller in plan.smaller() {
            assert_ne!(smaller, plan);
            assert!(smaller.people <= plan.people && smaller.actions <= plan.actions);
        }
    }
}
