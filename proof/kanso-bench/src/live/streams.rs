//! What a stream costs on which nothing happens.

use std::time::Duration;

use super::{Finding, finding};
use crate::events::Events;
use crate::people::join_all;
use crate::resources::resident_mib;
use crate::server::Server;

/// As many as a person may have.
const STREAMS_EACH: u32 = 10;
/// So many streams of each are open before the measuring begins: the first ones take memory that
/// was used before, for passwords.
const BEFORE: u32 = 3;
const REST: Duration = Duration::from_secs(2);

/// With at least `wanted` streams open.
pub(super) async fn measure(server: &Server, wanted: u32) -> anyhow::Result<Vec<Finding>> {
    let count = wanted.div_ceil(STREAMS_EACH);
    let people = join_all(server.address(), count).await?;
    let mut open = Vec::new();
    let mut before = 0.0;
    for round in 0..STREAMS_EACH {
        if round == BEFORE {
            tokio::time::sleep(REST).await;
            before = resident_mib(server.pid())?;
        }
        for person in &people {
            open.push(Events::open(server.address(), &person.token).await?);
        }
    }
    tokio::time::sleep(REST).await;
    let after = resident_mib(server.pid())?;
    let streams = f64::from(count * (STREAMS_EACH - BEFORE));
    let each = (after - before) * 1024.0 / streams;
    Ok(vec![
        finding("idle streams", f64::from(count * STREAMS_EACH), "open", ""),
        finding("memory of one", each, "KiB", "≤ 12 KiB"),
        finding("resident memory with all", after, "MiB", ""),
    ])
}
