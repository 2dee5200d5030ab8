//! Checks of a whole round, after its last fault.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use kanso_protocol::MAX_PAGE;
use kanso_protocol::sync::{Change, SnapshotLine, SyncRequest, SyncResponse};
use tokio::time::{Instant, sleep};

use crate::account::{AccountSession, DEADLINE, retry};
use crate::acknowledged::{AcknowledgedLog, AcknowledgedOperation};
use crate::api::ApiClient;
use crate::checks::{Violations, check};
use crate::device::WritingDevice;
use crate::replica::Replica;

/// Time without a new change after which the workers count as idle. A worker waits 500 ms for more
/// changes of a habit, and looks for work by itself every second (`kanso_worker::Rhythm`).
const QUIET: Duration = Duration::from_millis(1_500);

/// Compares the devices and the log with the servers behind `api`. Each device retries its last
/// operations once.
///
/// # Errors
/// The servers do not answer within [`DEADLINE`].
pub async fn verify(
    api: &ApiClient,
    devices: Vec<WritingDevice>,
    log: AcknowledgedLog,
) -> anyhow::Result<Violations> {
    let mut violations = Violations::default();
    let mut by_account: BTreeMap<u32, Vec<WritingDevice>> = BTreeMap::new();
    for device in devices {
        let number = device.account().number();
        by_account.entry(number).or_default().push(device);
    }
    let mut acknowledged: BTreeMap<u32, Vec<AcknowledgedOperation>> = BTreeMap::new();
    for operation in log.close()? {
        let operations = acknowledged.entry(operation.account).or_default();
        operations.push(operation);
    }
    for (number, mut devices) in by_account {
        let mut acknowledged = acknowledged.remove(&number).unwrap_or_default();
        for device in &mut devices {
            acknowledged.extend(device.repeat(api).await?);
        }
        let found = verify_account(api, &mut devices, &acknowledged).await?;
        violations.add(found);
    }
    // The operations that are left belong to accounts whose devices all failed.
    for number in acknowledged.keys() {
        violations.wrong(format!("no device of account {number} reached the end"));
    }
    Ok(violations)
}

async fn verify_account(
    api: &ApiClient,
    devices: &mut [WritingDevice],
    acknowledged: &[AcknowledgedOperation],
) -> anyhow::Result<Violations> {
    let mut violations = Violations::default();
    let account = devices[0].account().clone();
    // A long round outlives an access token.
    account.log_in(api).await?;
    // Streaks are computed after a push is answered, and they are changes too. The comparisons
    // below need a history that no longer grows.
    wait_until_quiet(api, &mut devices[0]).await?;
    let (fresh, digest) = pull_everything(api, &account).await?;
    if fresh.digest().to_string() != digest {
        violations.wrong(format!(
            "a first pull has the digest {}, the server reports {digest}",
            fresh.digest()
        ));
    }
    let snapshot = snapshot(api, &account).await?;
    if snapshot.live_versions() != fresh.live_versions() {
        violations.wrong("the snapshot differs from a first pull");
    }
    for device in devices.iter_mut() {
        device.pull(api).await?;
        // Only live records: a first pull leaves out old tombstones, and the device has them.
        if device.replica.live_versions() != fresh.live_versions() {
            violations.wrong("the records of a device differ from a first pull");
        }
        violations.all_wrong(std::mem::take(&mut device.regressions));
    }
    // The replica of a device and not the first pull, because it has the tombstones.
    violations.add(check(acknowledged, &devices[0].replica.finals()));
    violations.all_wrong(wrong_streaks(api, &account).await?);
    Ok(violations)
}

/// Pulls until nothing is new for [`QUIET`], which means that the workers' queue is empty.
async fn wait_until_quiet(api: &ApiClient, device: &mut WritingDevice) -> anyhow::Result<()> {
    let began = Instant::now();
    let (mut quiet_since, mut before) = (began, device.replica.clone());
    while quiet_since.elapsed() < QUIET {
        anyhow::ensure!(
            began.elapsed() < DEADLINE,
            "new changes arrived for {DEADLINE:?} after the last write"
        );
        sleep(QUIET / 10).await;
        device.pull(api).await?;
        if device.replica != before {
            (quiet_since, before) = (Instant::now(), device.replica.clone());
        }
    }
    Ok(())
}

/// Compares the streaks of the habits with the ones that the entries give on the server's day.
async fn wrong_streaks(api: &ApiClient, account: &AccountSession) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    // Twice, because midnight may pass between the request for the day and the pull. It cannot
    // pass in both attempts.
    for _ in 0..2 {
        let today = account.today(api).await?;
        let (fresh, _) = pull_everything(api, account).await?;
        wrong = fresh.wrong_streaks(today);
        if wrong.is_empty() || account.today(api).await? == today {
            break;
        }
    }
    Ok(wrong)
}

/// Pulls all pages as a new device, and returns the replica and the server's digest.
async fn pull_everything(
    api: &ApiClient,
    account: &AccountSession,
) -> anyhow::Result<(Replica, String)> {
    let (mut replica, mut cursor) = (Replica::default(), None);
    let token = account.token();
    loop {
        let request = SyncRequest {
            cursor: cursor.take(),
            limit: Some(MAX_PAGE),
            ..SyncRequest::default()
        };
        let pull = || api.post("/api/v1/sync", Some(&token), &request);
        let page: SyncResponse = retry(pull).await.context("cannot pull")?;
        replica.apply(&page.changes)?;
        if let Some(digest) = page.digest {
            return Ok((replica, digest));
        }
        cursor = Some(page.cursor);
    }
}

async fn snapshot(api: &ApiClient, account: &AccountSession) -> anyhow::Result<Replica> {
    let token = account.token();
    let path = "/api/v1/sync/snapshot?window_days=30";
    let lines = retry(|| api.text(path, &token)).await?;
    let (mut replica, mut has_ended) = (Replica::default(), false);
    for line in lines.lines() {
        match serde_json::from_str(line)? {
            SnapshotLine::Record(change) => {
                let change: Change = *change;
                replica.apply(&[change])?;
            }
            SnapshotLine::End { .. } => has_ended = true,
            SnapshotLine::Begin { .. } | SnapshotLine::Mark { .. } => {}
        }
    }
    // A broken connection may look like a complete body, so only this line shows the end.
    anyhow::ensure!(has_ended, "a snapshot has no end line");
    Ok(replica)
}
