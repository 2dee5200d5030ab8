//! Time and length of a snapshot.

use bytes::Bytes;

use crate::connection::{Connection, RequestTemplate};
use crate::figures::percentile;
use crate::measurement::Measurement;
use crate::server::MeasuredServer;
use crate::users::BenchUser;

/// Records of a user after some years.
const ENTRIES: usize = 13_742;
const HABITS: usize = 10;
const TIMES: usize = 30;
/// Beginning of the line of a record.
const RECORD: &[u8] = br#"{"type":"record""#;

pub(super) async fn measure(server: &MeasuredServer) -> anyhow::Result<Vec<Measurement>> {
    let mut connection = Connection::open(server.address()).await?;
    let mut user = BenchUser::register(&mut connection, 0, HABITS).await?;
    user.add_entries(&mut connection, ENTRIES).await?;
    user.wait_until_quiet(&mut connection).await?;

    let plain = RequestTemplate::get("/api/v1/sync/snapshot")?.authorized(&user.token)?;
    let answer = connection.send(&plain, Bytes::new()).await?;
    let text = answer.into_success()?;
    // Counted as bytes: this checks that the snapshot is complete without parsing megabytes.
    let records = text.windows(RECORD.len()).filter(|some| *some == RECORD);
    let records = records.count();
    anyhow::ensure!(
        records == ENTRIES + HABITS && text.ends_with(b"}\n"),
        "a snapshot has {records} records"
    );
    let compressed = plain.clone().accepting("zstd")?;
    let mut bytes = 0;
    let mut times = Vec::new();
    for template in [&plain, &compressed] {
        // The connection has recorded the requests of the setup as well.
        connection.latencies.clear();
        for _ in 0..TIMES {
            let answer = connection.send(template, Bytes::new()).await?;
            bytes = answer.into_success()?.len();
        }
        connection.latencies.sort_unstable();
        times.push(percentile(&connection.latencies, 50));
    }
    anyhow::ensure!(bytes < text.len() / 2, "a snapshot is not compressed");
    let megabytes = |bytes: usize| f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1e6;
    Ok(vec![
        Measurement::new("snapshot of 13,742 entries, p50", times[0], "ms", ""),
        Measurement::new("the same with zstd, p50", times[1], "ms", "≤ 150 ms"),
        Measurement::new("its length", megabytes(text.len()), "MB", ""),
        Measurement::new("its length with zstd", megabytes(bytes), "MB", "≤ 0.7 MB"),
    ])
}
