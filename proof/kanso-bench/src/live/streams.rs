//! Memory of an idle event stream.

use std::time::Duration;

use crate::connection::EventConnection;
use crate::measurement::Measurement;
use crate::resources::resident_mib;
use crate::server::MeasuredServer;
use crate::users::register_all;

/// Limit of streams of one user.
const STREAMS_EACH: u32 = 10;
/// Number of streams of each user that are open before the first reading. They reuse memory that
/// hashing passwords has freed, so they would make a stream look cheaper than it is.
const BEFORE: u32 = 3;
const REST: Duration = Duration::from_secs(2);

/// Measures with at least `wanted` open streams.
pub(super) async fn measure(
    server: &MeasuredServer,
    wanted: u32,
) -> anyhow::Result<Vec<Measurement>> {
    let count = wanted.div_ceil(STREAMS_EACH);
    let users = register_all(server.address(), count).await?;
    let mut open = Vec::new();
    let mut before = 0.0;
    // All users open their first stream, then all the second: the first reading is then taken with the
    // same number of streams for each user.
    for round in 0..STREAMS_EACH {
        if round == BEFORE {
            tokio::time::sleep(REST).await;
            before = resident_mib(server.pid())?;
        }
        for user in &users {
            open.push(EventConnection::open(server.address(), &user.token).await?);
        }
    }
    tokio::time::sleep(REST).await;
    let after = resident_mib(server.pid())?;
    // Only the streams after the first reading count.
    let streams = f64::from(count * (STREAMS_EACH - BEFORE));
    let each = (after - before) * 1024.0 / streams;
    Ok(vec![
        Measurement::new("idle streams", f64::from(count * STREAMS_EACH), "open", ""),
        Measurement::new("memory of one", each, "KiB", "≤ 12 KiB"),
        Measurement::new("resident memory with all", after, "MiB", ""),
    ])
}
