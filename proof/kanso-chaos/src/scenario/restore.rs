//! A database that is restored from an older copy after a device has written more.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::Context as _;
use kanso_client::Client;
use kanso_client::protocol::Patch;
use kanso_client::protocol::habits::HabitMembers;
use kanso_client::transport::HttpTransport;
use kanso_harness::process::ServerProcess;
use kanso_harness::requests::PASSWORD;
use tokio::process::Command;
use tokio::time::Instant;

use crate::fleet::{Fleet, Topology};
use crate::report::ReportRow;
use crate::setup::Setup;

const EMAIL: &str = "user@chaos.example";
/// Number of habits that are created before each backup, and again after it.
const HABITS: usize = 50;

/// Restores the server from a backup, which loses the operations acknowledged after it. The device
/// that sent them must notice the new epoch and send them again, and a second device must then get
/// all records.
pub(super) async fn backup(setup: &Setup) -> anyhow::Result<ReportRow> {
    let began = Instant::now();
    let mut fleet = Fleet::start(setup, Topology::default()).await?;
    let server = HttpTransport::new(&fleet.servers[0].url())?;
    let phone = Client::open(&fleet.folder().join("phone"))?;
    phone.register(&server, EMAIL, PASSWORD, None).await?;
    phone.login(&server, EMAIL, PASSWORD).await?;
    let mut row = ReportRow {
        fault: "database restored from an older copy".to_owned(),
        ..ReportRow::default()
    };
    let mut created = 0;
    for fault in 0..setup.faults {
        created += create_habits(&phone, &server, &mut row).await?;
        let copy = fleet.folder().join(format!("copy-{fault}.db"));
        back_up(&setup.program, &fleet.servers[0].data(), &copy).await?;
        let before = created;
        created += create_habits(&phone, &server, &mut row).await?;

        let process = &mut fleet.servers[0];
        process.kill().await?;
        restore(&copy, process)?;
        let since = Instant::now();
        process.start_again().await?;
        row.faults += 1;
        // The session may be newer than the backup and lost with it. A login works in both cases.
        phone.login(&server, EMAIL, PASSWORD).await?;
        let report = phone.sync(&server).await?;
        row.recovered_in(since.elapsed());
        row.unknown += report.offered;
        // The device must notice the new epoch, and must offer exactly the records that the backup does not
        // have. Offering more would be a second copy, offering fewer a loss.
        if report.resynced.is_none() || report.offered != (created - before) as u64 {
            row.wrong(format!(
                "{} records were lost, the client reports {report:?}",
                created - before
            ));
        }
        // A new device each time: it has no record of its own, so it shows what the server has.
        let tablet = Client::open(&fleet.folder().join(format!("tablet-{fault}")))?;
        tablet.login(&server, EMAIL, PASSWORD).await?;
        tablet.sync(&server).await?;
        let (on_phone, on_tablet) = (phone.habits()?.len(), tablet.habits()?.len());
        row.lost += created.saturating_sub(on_tablet) as u64;
        row.doubled += on_tablet.saturating_sub(created) as u64;
        if on_phone != created {
            row.wrong(format!("the device has {on_phone} of {created} habits"));
        }
    }
    fleet.stop().await?;
    row.seconds = began.elapsed().as_secs_f64();
    Ok(row)
}

/// Creates habits and syncs until they are acknowledged.
async fn create_habits(
    phone: &Client,
    server: &HttpTransport,
    row: &mut ReportRow,
) -> anyhow::Result<usize> {
    for number in 0..HABITS {
        phone.create_habit(HabitMembers {
            title: Patch::Value(format!("Habit {number}")),
            ..HabitMembers::default()
        })?;
    }
    let report = phone.sync(server).await?;
    anyhow::ensure!(
        report.waiting == 0,
        "some habits were not acknowledged: {report:?}"
    );
    row.acknowledged += report.pushed;
    Ok(HABITS)
}

/// Runs `kanso-server backup` while the server runs.
async fn back_up(program: &Path, data: &Path, copy: &Path) -> anyhow::Result<()> {
    let mut backup = Command::new(program);
    backup
        .args(["backup", "--data-dir"])
        .arg(data)
        .arg(copy)
        .env_clear()
        .stdout(Stdio::null());
    let made = backup.status().await.context("cannot run the backup")?;
    anyhow::ensure!(made.success(), "`kanso-server backup` ended with {made}");
    Ok(())
}

/// Restores the database of a server that is down, by the steps of docs/operations.md.
fn restore(copy: &Path, server: &ServerProcess) -> anyhow::Result<()> {
    let data = server.data();
    // SQLite would apply a write-ahead log that is left over to the restored file.
    for beside in ["kanso.db-wal", "kanso.db-shm"] {
        let beside = data.join(beside);
        if beside.exists() {
            fs::remove_file(beside)?;
        }
    }
    fs::copy(copy, data.join("kanso.db"))?;
    Ok(())
}
