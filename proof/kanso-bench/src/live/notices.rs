//! Delay from a push to the notice on another device of the same user.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::clock::{micros, now};
use crate::connection::{Connection, EventConnection};
use crate::figures::percentile;
use crate::load::Workload as _;
use crate::measurement::Measurement;
use crate::server::MeasuredServer;
use crate::users::{BenchUser, register_all};
use crate::workloads::Push;

/// Number of users and pause between two pushes of each: together 1,000 pushes a second.
const USERS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(50);
const WARM_UP: Duration = Duration::from_secs(1);

pub(super) async fn measure(
    server: &MeasuredServer,
    length: Duration,
) -> anyhow::Result<Vec<Measurement>> {
    let users = register_all(server.address(), USERS).await?;
    let begins = now() + WARM_UP;
    let ends = begins + length;
    // Pushes before `begins` are sent and not measured, as in `load.rs`.
    let mut devices = JoinSet::new();
    for (number, user) in (0..USERS).zip(users) {
        let events = EventConnection::open(server.address(), &user.token).await?;
        let connection = Connection::open(server.address()).await?;
        // Spread over the pause: pushes at the same instant would measure a queue.
        let first = now() + PAUSE * number / USERS;
        devices.spawn(device(user, connection, events, (first, begins, ends)));
    }
    let (mut times, mut pushes) = (Vec::new(), 0_u32);
    while let Some(device) = devices.join_next().await {
        let some = device??;
        pushes += u32::try_from(some.len())?;
        times.extend(some);
    }
    times.sort_unstable();
    let rate = f64::from(pushes) / length.as_secs_f64();
    Ok(vec![
        Measurement::new("pushes", rate, "a second", ""),
        Measurement::new("push → poke, p50", percentile(&times, 50), "ms", ""),
        Measurement::new("push → poke, p99", percentile(&times, 99), "ms", "≤ 25 ms"),
    ])
}

/// Pushes at fixed times, and returns the delay of the notice of each push, in microseconds.
///
/// The times are fixed (an open loop), because a loop that waits for its answer would send less while
/// the server is slow, and would hide the slow notices.
async fn device(
    user: BenchUser,
    mut connection: Connection,
    mut events: EventConnection,
    (first, begins, ends): (Instant, Instant, Instant),
) -> anyhow::Result<Vec<u32>> {
    let heads = Arc::new(tokio::sync::Mutex::new(Vec::new()));
    let received = Arc::clone(&heads);
    let listening = tokio::spawn(async move {
        while let Ok(head) = events.next_head().await {
            // Timestamps are taken in a task of their own. A device that reads events between its pushes would
            // add the time of the push to the delay.
            received.lock().await.push((head, now()));
        }
    });
    let (mut push, mut due, mut sent) = (Push::new(user)?, first, Vec::new());
    while due < ends {
        tokio::time::sleep_until(due.into()).await;
        let began = now();
        push.turn(&mut connection).await?;
        sent.push((push.head()?, began));
        due += PAUSE;
    }
    // The notice of the last push is still on its way.
    tokio::time::sleep(Duration::from_millis(500)).await;
    // The stream has no end, so the task would wait forever.
    listening.abort();
    let heads = heads.lock().await;
    let mut times = Vec::new();
    for (seq, began) in sent.into_iter().filter(|(_, began)| *began >= begins) {
        // One notice may cover several pushes, so a newer head counts as well.
        let noticed = heads.iter().find(|(head, _)| *head >= seq);
        let (_, noticed) = noticed.ok_or_else(|| anyhow::anyhow!("a push caused no notice"))?;
        times.push(micros(noticed.saturating_duration_since(began)));
    }
    Ok(times)
}
