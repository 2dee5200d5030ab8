//! A whole replica at once.

use bytes::Bytes;

use super::{Finding, finding};
use crate::connection::{Call, Connection};
use crate::figures::percentile;
use crate::people::Person;
use crate::server::Server;

/// What somebody has after some years.
const ENTRIES: usize = 13_742;
const HABITS: usize = 10;
const TIMES: usize = 30;

pub(super) async fn measure(server: &Server) -> anyhow::Result<Vec<Finding>> {
    let mut connection = Connection::open(server.address()).await?;
    let mut person = Person::join(&mut connection, 0, HABITS).await?;
    person.add_entries(&mut connection, ENTRIES).await?;
    person.settle(&mut connection).await?;

    let plain = Call::get("/api/v1/sync/snapshot")?.authorized(&person.token)?;
    let answer = connection.send(&plain, Bytes::new()).await?;
    let text = answer.into_success()?;
    let records = text.windows(RECORD.len()).filter(|some| *some == RECORD);
    let records = records.count();
    anyhow::ensure!(
        records == ENTRIES + HABITS && text.ends_with(b"}\n"),
        "a snapshot has {records} records"
    );
    let packed = plain.clone().accepting("zstd")?;
    let mut bytes = 0;
    let mut times = Vec::new();
    for call in [&plain, &packed] {
        connection.latencies.clear();
        for _ in 0..TIMES {
            let answer = connection.send(call, Bytes::new()).await?;
            bytes = answer.into_success()?.len();
        }
        connection.latencies.sort_unstable();
        times.push(percentile(&connection.latencies, 50));
    }
    anyhow::ensure!(bytes < text.len() / 2, "a snapshot is not compressed");
    let megabytes = |bytes: usize| f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1e6;
    Ok(vec![
        finding("snapshot of 13,742 entries, p50", times[0], "ms", ""),
        finding("the same with zstd, p50", times[1], "ms", "≤ 150 ms"),
        finding("its length", megabytes(text.len()), "MB", ""),
        finding("its length with zstd", megabytes(bytes), "MB", "≤ 0.7 MB"),
    ])
}

const RECORD: &[u8] = br#"{"type":"record""#;
