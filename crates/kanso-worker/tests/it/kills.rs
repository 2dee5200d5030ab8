//! Workers that are killed at any step: in the end every streak is exact.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kanso_application::RetryKey;
use kanso_application::ports::storage::EntryFilter;
use kanso_domain::UserId;
use kanso_domain::habits::{HabitFields, ScheduleFields, TargetDirection, TargetFields};
use kanso_domain::sync::Base;
use kanso_domain::{Quantity, habits::HabitType};
use kanso_testkit::build::{habit, titled};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::world::{World, process};

const HABITS: u64 = 5;

/// Deterministic pseudo-random numbers (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    /// Returns the generator with the given number.
    fn of(number: u64) -> Self {
        Self(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(number + 1))
    }
}

/// Returns one habit of each kind: daily, weekly, with an interval, with a goal, with a limit.
fn kinds() -> [HabitFields; 5] {
    let scheduled = |times_per_week, interval| HabitFields {
        schedule: ScheduleFields {
            times_per_week,
            interval,
            ..ScheduleFields::default()
        },
        ..titled("Read")
    };
    let counted = |direction| HabitFields {
        target: TargetFields {
            kind: Some(HabitType::Numeric),
            value: Some(Quantity::ONE),
            direction: Some(direction),
        },
        ..titled("Drink")
    };
    [
        titled("Run"),
        scheduled(Some(2), None),
        scheduled(None, Some(3)),
        counted(TargetDirection::AtLeast),
        counted(TargetDirection::AtMost),
    ]
}

/// Performs a random action of a user.
async fn act(world: &World, user: UserId, chance: &mut Chance) {
    let id = habit(u128::from(chance.below(HABITS)));
    match chance.below(8) {
        0 => {
            let entries = world.entries.keys(user, EntryFilter::default());
            if let Some(entry) = entries.await.expect("a list").first() {
                let deleted = world
                    .entries
                    .delete(user, RetryKey::default(), entry.id, Base::Any, false)
                    .await;
                deleted.expect("a deletion");
            }
        }
        1 => {
            let title = titled(if chance.below(2) == 0 {
                "Read"
            } else {
                "Write"
            });
            let edited = world
                .habits
                .update(user, RetryKey::default(), id, Base::Any, title)
                .await;
            edited.expect("an edit");
        }
        2 => world.clock.advance_seconds(40_000),
        _ => {
            let day = format!("2026-01-{:02}", 10 + chance.below(15));
            world.done(user, id, &day).await;
        }
    }
}

/// Creates two users with a habit of each kind.
async fn inhabited(world: &World) -> [UserId; 2] {
    let users = [world.user(1).await, world.user(2).await];
    for user in users {
        for (number, fields) in (0..).zip(kinds()) {
            world.habit(user, habit(number), fields).await;
        }
    }
    users
}

#[test]
fn every_streak_is_exact_whenever_the_workers_are_killed() {
    let world = World::new();
    let mut chance = Chance::of(0);
    let users = process().block_on(inhabited(&world));
    // Fewer kills in a row than a job has attempts, so that no job is parked.
    for round in 0..15 {
        for life in 0..8 {
            killed_life(&world, users, &mut chance, (round * 8 + life) % 24);
        }
        world.whole_life(&users);
    }
}

/// Runs a process that is killed within the call after its last step.
fn killed_life(world: &World, users: [UserId; 2], chance: &mut Chance, steps: u32) {
    world.storage.die_after(Some(steps));
    process().block_on(async {
        world.start(&CancellationToken::new());
        let life = async {
            for user in users {
                act(world, user, chance).await;
            }
            sleep(Duration::from_hours(1)).await;
            panic!("the workers must poll the queue within an hour");
        };
        tokio::select! {
            () = life => {}
            () = world.storage.dead.notified() => {}
        }
    });
}

#[test]
fn every_streak_is_exact_when_workers_are_killed_during_writes() {
    const WRITERS: u64 = 3;
    const ROUNDS: u32 = 8;
    let world = World::new();
    let users = process().block_on(inhabited(&world));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for number in 1..=WRITERS {
            let (world, is_over) = (&world, &is_over);
            scope.spawn(move || process().block_on(writes(world, users, number, is_over)));
        }
        for round in 0..ROUNDS {
            for life in 0..8 {
                killed_under_load(&world, (round * 8 + life) % 16);
            }
            // Every queued job is now done or changed again, so no job reaches its last attempt.
            unharmed_under_load(&world);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    world.whole_life(&users);
}

/// Writes until `is_over`, at most 3,000 times.
async fn writes(world: &World, users: [UserId; 2], number: u64, is_over: &AtomicBool) {
    let mut chance = Chance::of(number);
    for _ in 0..3_000 {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let user = users[usize::from(chance.below(2) == 0)];
        act(world, user, &mut chance).await;
        std::thread::yield_now();
    }
}

/// Runs workers that are killed after `steps` steps.
fn killed_under_load(world: &World, steps: u32) {
    world.storage.die_after(Some(steps));
    process().block_on(async {
        world.start(&CancellationToken::new());
        world.storage.dead.notified().await;
    });
}

/// Runs workers until every lease that existed at their start has expired.
fn unharmed_under_load(world: &World) {
    world.storage.die_after(None);
    process().block_on(async {
        let stop = CancellationToken::new();
        let loops = world.start(&stop);
        sleep(Duration::from_mins(2)).await;
        stop.cancel();
        loops.wait().await;
    });
}
