//! Whether a round ended as it must: every check over every person, once the faults are over.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use kanso_protocol::MAX_PAGE;
use kanso_protocol::sync::{Change, SnapshotLine, SyncRequest, SyncResponse};
use tokio::time::{Instant, sleep};

use crate::checks::{Findings, check};
use crate::device::Device;
use crate::ledger::{Acknowledged, Ledger};
use crate::person::{PATIENCE, Person, patiently};
use crate::replica::Replica;
use crate::wire::Wire;

/// How long nothing is new when the server has done all that the writes entail.
const QUIET: Duration = Duration::from_millis(1_500);

/// Compares what devices hold and were promised with what the servers behind `wire` have. Each
/// device's last operations are sent once more.
///
/// # Errors
/// The servers cannot be asked.
pub async fn judge(wire: &Wire, devices: Vec<Device>, ledger: Ledger) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let mut of_person: BTreeMap<u32, Vec<Device>> = BTreeMap::new();
    for device in devices {
        let number = device.person().number();
        of_person.entry(number).or_default().push(device);
    }
    let mut promised: BTreeMap<u32, Vec<Acknowledged>> = BTreeMap::new();
    for one in ledger.close()? {
        promised.entry(one.person).or_default().push(one);
    }
    for (number, mut devices) in of_person {
        let mut promised = promised.remove(&number).unwrap_or_default();
        for device in &mut devices {
            promised.extend(device.repeat(wire).await?);
        }
        let found = of_one_person(wire, &mut devices, &promised).await?;
        findings.add(found);
    }
    for number in promised.keys() {
        findings.wrong(format!("no device of person {number} came to an end"));
    }
    Ok(findings)
}

async fn of_one_person(
    wire: &Wire,
    devices: &mut [Device],
    promised: &[Acknowledged],
) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let person = devices[0].person().clone();
    // A long round outlives an access token.
    person.log_in(wire).await?;
    settle(wire, &mut devices[0]).await?;
    let (fresh, told) = from_the_beginning(wire, &person).await?;
    if fresh.digest().to_string() != told {
        findings.wrong(format!(
            "a first pull adds up to {}, the server says {told}",
            fresh.digest()
        ));
    }
    let snapshot = snapshot(wire, &person).await?;
    if snapshot.live_versions() != fresh.live_versions() {
        findings.wrong("the snapshot differs from a first pull");
    }
    for device in devices.iter_mut() {
        device.pull(wire).await?;
        if device.replica.live_versions() != fresh.live_versions() {
            findings.wrong("a device does not hold what a first pull does");
        }
        findings.all_wrong(std::mem::take(&mut device.went_back));
    }
    findings.add(check(promised, &devices[0].replica.finals()));
    findings.all_wrong(wrong_streaks(wire, &person).await?);
    Ok(findings)
}

/// Waits until the head comes to rest: the workers' queue is empty.
async fn settle(wire: &Wire, device: &mut Device) -> anyhow::Result<()> {
    let began = Instant::now();
    let (mut quiet_since, mut before) = (began, device.replica.clone());
    while quiet_since.elapsed() < QUIET {
        anyhow::ensure!(
            began.elapsed() < PATIENCE,
            "there was something new for {PATIENCE:?} after the last write"
        );
        sleep(QUIET / 10).await;
        device.pull(wire).await?;
        if device.replica != before {
            (quiet_since, before) = (Instant::now(), device.replica.clone());
        }
    }
    Ok(())
}

/// What the entries make of the streaks, on the day on which the server tells them.
async fn wrong_streaks(wire: &Wire, person: &Person) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    // A midnight may pass between the question for the day and that for the records.
    for _ in 0..2 {
        let today = person.today(wire).await?;
        let (fresh, _) = from_the_beginning(wire, person).await?;
        wrong = fresh.wrong_streaks(today);
        if wrong.is_empty() || person.today(wire).await? == today {
            break;
        }
    }
    Ok(wrong)
}

/// All pages of a device that holds nothing, and the digest at their end.
pub async fn from_the_beginning(wire: &Wire, person: &Person) -> anyhow::Result<(Replica, String)> {
    let (mut replica, mut cursor) = (Replica::default(), None);
    let token = person.token();
    loop {
        let request = SyncRequest {
            cursor: cursor.take(),
            limit: Some(MAX_PAGE),
            ..SyncRequest::default()
        };
        let pull = || wire.post("/api/v1/sync", Some(&token), &request);
        let page: SyncResponse = patiently(pull).await.context("cannot pull")?;
        replica.take(&page.changes)?;
        if let Some(digest) = page.digest {
            return Ok((replica, digest));
        }
        cursor = Some(page.cursor);
    }
}

async fn snapshot(wire: &Wire, person: &Person) -> anyhow::Result<Replica> {
    let token = person.token();
    let path = "/api/v1/sync/snapshot?window_days=30";
    let lines = patiently(|| wire.lines(path, &token)).await?;
    let (mut replica, mut has_ended) = (Replica::default(), false);
    for line in lines.lines() {
        match serde_json::from_str(line)? {
            SnapshotLine::Record(change) => {
                let change: Change = *change;
                replica.take(&[change])?;
            }
            SnapshotLine::End { .. } => has_ended = true,
            SnapshotLine::Begin { .. } | SnapshotLine::Mark { .. } => {}
        }
    }
    anyhow::ensure!(has_ended, "a snapshot has no end");
    Ok(replica)
}
