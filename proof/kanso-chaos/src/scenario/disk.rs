//! A disk without a byte left, under SQLite and under PostgreSQL.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use kanso_testkit::Database;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::sleep;

use super::{Round, Setup};
use crate::fleet::Plan;
use crate::person::Person;
use crate::row::Row;

/// How long there is no room.
const FULL: Duration = Duration::from_secs(3);
/// What a small disk holds: the log of a server on SQLite beside its database, or a PostgreSQL
/// with its log of changes.
const FOR_SQLITE: &str = "size=48m";
const FOR_POSTGRES: &str = "size=192m";
/// More than what is left in the newest file of PostgreSQL's log of changes, and in those that it
/// keeps ready.
const LOG_FULL: &str = "SELECT pg_logical_emit_message(false, 'filler', repeat('x', 16777216)) FROM generate_series(1, 8)";
/// Somebody who only reads. The numbers of those who write begin at 0.
const READER: u32 = 1_000;

/// What a server says that cannot store.
const UNAVAILABLE: &[&str] = &["503 unavailable"];

/// The disk of a server on SQLite is full for a while.
pub(super) async fn of_sqlite(setup: &Setup) -> anyhow::Result<Row> {
    let disk = Disk::mount(&setup.folder, FOR_SQLITE).await?;
    let mut round = Round::begin(&disk.below(setup), Plan::default(), "full disk").await?;
    for _ in 0..setup.faults {
        let filler = disk.fill()?;
        round.row.faults += 1;
        sleep(FULL).await;
        fs::remove_file(filler)?;
        round.recovers().await?;
        round.load.goes_on_for(setup.between).await?;
    }
    round.may_only_fail_with(UNAVAILABLE);
    ended(round).await
}

/// The disk of PostgreSQL is full for a while: first tables cannot grow, then nothing can be logged
/// and PostgreSQL ends. It is started again when there is room.
pub(super) async fn of_postgres(setup: &Setup) -> anyhow::Result<Row> {
    let disk = Disk::mount(&setup.folder, FOR_POSTGRES).await?;
    let plan = Plan {
        shared_by: 3,
        ..Plan::default()
    };
    let mut round = Round::begin(&disk.below(setup), plan, "full disk of PostgreSQL").await?;
    let reader = Person::join(&round.wire, READER).await?;
    for _ in 0..setup.faults {
        let filler = disk.fill()?;
        round.row.faults += 1;
        sleep(FULL).await;
        let habits: Result<Value, _> = round.wire.get("/api/v1/habits", &reader.token()).await;
        if let Err(failed) = habits {
            round.row.wrong(format!(
                "nobody could read while tables were full: {failed}"
            ));
        }
        let database = round.fleet.database.as_ref().context("a database")?;
        tokio::task::block_in_place(|| log_nothing_more(database))?;
        sleep(FULL).await;
        fs::remove_file(filler)?;
        tokio::task::block_in_place(|| database.server().revive());
        round.recovers().await?;
        round.load.goes_on_for(setup.between).await?;
    }
    round.may_only_fail_with(UNAVAILABLE);
    ended(round).await
}

async fn ended(round: Round) -> anyhow::Result<Row> {
    let row = round.end().await?;
    anyhow::ensure!(row.failed_requests > 0, "the disk was not full for anybody");
    Ok(row)
}

/// Uses up what room there is in the log of changes.
fn log_nothing_more(database: &Database) -> anyhow::Result<()> {
    anyhow::ensure!(
        database.try_run(LOG_FULL).is_err(),
        "there was still room in PostgreSQL's log of changes"
    );
    Ok(())
}

/// A small file system of its own.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    async fn mount(parent: &Path, size: &str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("kanso-disk-")
            .tempdir_in(parent)?
            .keep();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", size, "tmpfs"])
            .arg(&folder);
        let mounted = mount.status().await.context("cannot run mount")?;
        anyhow::ensure!(
            mounted.success(),
            "a full disk takes the right to mount one"
        );
        Ok(Self { folder })
    }

    /// The same round with its data here. What was promised is on another disk.
    fn below(&self, setup: &Setup) -> Setup {
        Setup {
            disk: Some(self.folder.clone()),
            ..setup.clone()
        }
    }

    /// Leaves no room at all.
    fn fill(&self) -> anyhow::Result<PathBuf> {
        let path = self.folder.join("filler");
        let mut filler = File::create(&path)?;
        let mut piece: &[u8] = &[0; 16 * 1024];
        loop {
            match filler.write(piece) {
                Ok(1..) => {}
                // What is left is less than a large piece.
                _ if piece.len() > 1 => piece = &piece[..piece.len() / 2],
                _ => return Ok(path),
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The servers are gone by now; lazily, in case one of them is not quite.
        let mut unmount = std::process::Command::new("umount");
        let unmounted = unmount.arg("--lazy").arg(&self.folder).status();
        if unmounted.is_ok_and(|status| status.success()) {
            // Empty: what was in it went with the disk.
            let _ = fs::remove_dir(&self.folder);
        }
    }
}
