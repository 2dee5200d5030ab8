//! From a push to the poke of another device of the same person.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{Finding, finding};
use crate::connection::Connection;
use crate::events::Events;
use crate::figures::percentile;
use crate::load::{Worker as _, micros, now};
use crate::people::{Person, join_all};
use crate::server::Server;
use crate::workloads::Push;

/// So many people, each of whom pushes so often: a thousand pushes a second.
const PEOPLE: u32 = 50;
const PAUSE: Duration = Duration::from_millis(50);
const WARM_UP: Duration = Duration::from_secs(1);

pub(super) async fn measure(server: &Server, length: Duration) -> anyhow::Result<Vec<Finding>> {
    let people = join_all(server.address(), PEOPLE).await?;
    let begins = now() + WARM_UP;
    let ends = begins + length;
    let mut devices = JoinSet::new();
    for (number, person) in (0..PEOPLE).zip(people) {
        let events = Events::open(server.address(), &person.token).await?;
        let connection = Connection::open(server.address()).await?;
        // Not all in the same instant.
        let first = now() + PAUSE * number / PEOPLE;
        devices.spawn(device(person, connection, events, (first, begins, ends)));
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
        finding("pushes", rate, "a second", ""),
        finding("push → poke, p50", percentile(&times, 50), "ms", ""),
        finding("push → poke, p99", percentile(&times, 99), "ms", "≤ 25 ms"),
    ])
}

/// Pushes at its times, and says what each push took until its person's other device was poked.
async fn device(
    person: Person,
    mut connection: Connection,
    mut events: Events,
    (first, begins, ends): (Instant, Instant, Instant),
) -> anyhow::Result<Vec<u32>> {
    let heads = Arc::new(tokio::sync::Mutex::new(Vec::new()));
    let heard = Arc::clone(&heads);
    let listening = tokio::spawn(async move {
        while let Ok(head) = events.next().await {
            heard.lock().await.push((head, now()));
        }
    });
    let (mut push, mut due, mut sent) = (Push::new(person)?, first, Vec::new());
    while due < ends {
        tokio::time::sleep_until(due.into()).await;
        let began = now();
        push.turn(&mut connection).await?;
        sent.push((push.head()?, began));
        due += PAUSE;
    }
    // The last poke is on its way.
    tokio::time::sleep(Duration::from_millis(500)).await;
    listening.abort();
    let heads = heads.lock().await;
    let mut times = Vec::new();
    for (seq, began) in sent.into_iter().filter(|(_, began)| *began >= begins) {
        let poked = heads.iter().find(|(head, _)| *head >= seq);
        let (_, poked) = poked.ok_or_else(|| anyhow::anyhow!("a push poked nobody"))?;
        times.push(micros(poked.saturating_duration_since(began)));
    }
    Ok(times)
}
