//! A backup that is put back while a device has written on.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::Context as _;
use kanso_client::Client;
use kanso_client::protocol::Patch;
use kanso_client::protocol::habits::HabitMembers;
use kanso_client::transport::HttpTransport;
use tokio::process::Command;
use tokio::time::Instant;

use super::Setup;
use crate::fleet::{Fleet, Plan};
use crate::node::Node;
use crate::row::Row;

const EMAIL: &str = "person@chaos.example";
const PASSWORD: &str = "two carrots and a slow kettle";
/// Habits that are made before the backup, and after it.
const HABITS: usize = 50;

/// What was acknowledged after the backup is gone from the server that it is put back to. A device
/// that has it is told so, and offers it back; another one then gets all of it.
pub(super) async fn backup(setup: &Setup) -> anyhow::Result<Row> {
    let began = Instant::now();
    let mut fleet = Fleet::start(setup, Plan::default()).await?;
    let server = HttpTransport::new(&fleet.nodes[0].url())?;
    let phone = Client::open(&fleet.folder().join("phone"))?;
    phone.register(&server, EMAIL, PASSWORD).await?;
    phone.login(&server, EMAIL, PASSWORD).await?;
    let mut row = Row {
        fault: "older copy of the database put back".to_owned(),
        ..Row::default()
    };
    let mut made = 0;
    for fault in 0..setup.faults {
        made += make(&phone, &server, &mut row).await?;
        let copy = fleet.folder().join(format!("copy-{fault}.db"));
        make_copy(&setup.program, &fleet.nodes[0].data(), &copy).await?;
        let before = made;
        made += make(&phone, &server, &mut row).await?;

        let node = &mut fleet.nodes[0];
        node.kill().await?;
        put_back(&copy, node)?;
        let since = Instant::now();
        node.start_again().await?;
        row.faults += 1;
        // Its session may be gone too.
        phone.login(&server, EMAIL, PASSWORD).await?;
        let report = phone.sync(&server).await?;
        row.recovered_in(since.elapsed());
        row.unknown += report.offered;
        if report.resynced.is_none() || report.offered != (made - before) as u64 {
            row.wrong(format!(
                "of {} lost records, told {report:?}",
                made - before
            ));
        }
        let tablet = Client::open(&fleet.folder().join(format!("tablet-{fault}")))?;
        tablet.login(&server, EMAIL, PASSWORD).await?;
        tablet.sync(&server).await?;
        let (held, shown) = (phone.habits()?.len(), tablet.habits()?.len());
        row.lost += made.saturating_sub(shown) as u64;
        row.doubled += shown.saturating_sub(made) as u64;
        if held != made {
            row.wrong(format!("the device holds {held} of {made} habits"));
        }
    }
    fleet.stop().await?;
    row.seconds = began.elapsed().as_secs_f64();
    Ok(row)
}

/// Makes habits and has them acknowledged.
async fn make(phone: &Client, server: &HttpTransport, row: &mut Row) -> anyhow::Result<usize> {
    for number in 0..HABITS {
        phone.create_habit(HabitMembers {
            title: Patch::Value(format!("Habit {number}")),
            ..HabitMembers::default()
        })?;
    }
    let report = phone.sync(server).await?;
    anyhow::ensure!(report.waiting == 0, "not all were taken: {report:?}");
    row.acknowledged += report.pushed;
    Ok(HABITS)
}

/// Asks the program for a copy beside its running server.
async fn make_copy(program: &Path, data: &Path, copy: &Path) -> anyhow::Result<()> {
    let mut backup = Command::new(program);
    backup
        .args(["backup", "--data-dir"])
        .arg(data)
        .arg(copy)
        .env_clear()
        .stdout(Stdio::null());
    let made = backup.status().await.context("cannot run the backup")?;
    anyhow::ensure!(made.success(), "the backup ended with {made}");
    Ok(())
}

/// As the page on operations says, in the folder of a server that is down.
fn put_back(copy: &Path, node: &Node) -> anyhow::Result<()> {
    let data = node.data();
    for beside in ["kanso.db-wal", "kanso.db-shm"] {
        let beside = data.join(beside);
        if beside.exists() {
            fs::remove_file(beside)?;
        }
    }
    fs::copy(copy, data.join("kanso.db"))?;
    Ok(())
}
