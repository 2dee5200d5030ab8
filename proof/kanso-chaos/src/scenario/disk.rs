//! A full disk below SQLite and below PostgreSQL.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use kanso_testkit::Database;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::sleep;

use crate::account::AccountSession;
use crate::fleet::Topology;
use crate::report::ReportRow;
use crate::round::Round;
use crate::setup::Setup;

/// Time for which the disk is full.
const FULL: Duration = Duration::from_secs(3);
/// Sizes of the small file systems. The first holds a SQLite database and the log of the server, the
/// second a PostgreSQL cluster with its write-ahead log.
const FOR_SQLITE: &str = "size=48m";
const FOR_POSTGRES: &str = "size=192m";
/// Fills the write-ahead log: 8 records of 16 MiB, the size of one of its files. That is more than
/// the rest of the newest file and the recycled files that PostgreSQL keeps ready.
const FILL_WAL: &str = "SELECT pg_logical_emit_message(false, 'filler', repeat('x', 16777216)) FROM generate_series(1, 8)";
/// Number of an account that only reads. The numbers of the accounts that write begin at 0.
const READER: u32 = 1_000;

/// Answer of a server that cannot store.
const UNAVAILABLE: &[&str] = &["503 unavailable"];

/// Fills the disk of a server on SQLite for a while. The server must answer 503 and recover by itself.
pub(super) async fn of_sqlite(setup: &Setup) -> anyhow::Result<ReportRow> {
    // A file system of its own: filling the disk of the machine would stop the other tests.
    let disk = SmallDisk::mount(&setup.folder, FOR_SQLITE).await?;
    let mut round = Round::begin(&disk.setup(setup), Topology::default(), "full disk").await?;
    for _ in 0..setup.faults {
        let filler = disk.fill()?;
        round.row.faults += 1;
        sleep(FULL).await;
        fs::remove_file(filler)?;
        round.wait_for_recovery().await?;
        round.wait_for_more(setup.between).await?;
    }
    round.allow_only(UNAVAILABLE);
    end(round).await
}

/// Fills the disk of PostgreSQL in two steps. First tables cannot grow, and reads must still work.
/// Then the write-ahead log cannot grow, and PostgreSQL ends; it is started again when there is room.
pub(super) async fn of_postgres(setup: &Setup) -> anyhow::Result<ReportRow> {
    let disk = SmallDisk::mount(&setup.folder, FOR_POSTGRES).await?;
    let topology = Topology {
        shared_by: 3,
        ..Topology::default()
    };
    let mut round = Round::begin(&disk.setup(setup), topology, "full disk of PostgreSQL").await?;
    let reader = AccountSession::register(&round.api, READER).await?;
    for _ in 0..setup.faults {
        let filler = disk.fill()?;
        round.row.faults += 1;
        sleep(FULL).await;
        // The write-ahead log is allocated ahead, so PostgreSQL still runs and answers reads.
        let habits: Result<Value, _> = round.api.get("/api/v1/habits", &reader.token()).await;
        if let Err(error) = habits {
            round.row.wrong(format!(
                "a read failed while tables could not grow: {error}"
            ));
        }
        let database = round
            .fleet
            .database
            .as_ref()
            .context("a database was started")?;
        tokio::task::block_in_place(|| fill_wal(database))?;
        sleep(FULL).await;
        fs::remove_file(filler)?;
        // PostgreSQL does not come back by itself after it could not write its log.
        tokio::task::block_in_place(|| database.server().revive());
        round.wait_for_recovery().await?;
        round.wait_for_more(setup.between).await?;
    }
    round.allow_only(UNAVAILABLE);
    end(round).await
}

/// Ends the round. A round in which no request failed has not tested the fault.
async fn end(round: Round) -> anyhow::Result<ReportRow> {
    let row = round.end().await?;
    anyhow::ensure!(row.failed_requests > 0, "no request met the full disk");
    Ok(row)
}

/// Uses up the free space of the write-ahead log.
fn fill_wal(database: &Database) -> anyhow::Result<()> {
    anyhow::ensure!(
        database.try_run(FILL_WAL).is_err(),
        "the write-ahead log of PostgreSQL still had space"
    );
    Ok(())
}

/// A small file system in memory, mounted for one round.
struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
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
            "cannot mount a small disk: the scenario needs the right to mount"
        );
        Ok(Self { folder })
    }

    /// Returns the setup with the servers' data on this disk. The log of acknowledged operations
    /// stays on the other one.
    fn setup(&self, setup: &Setup) -> Setup {
        Setup {
            disk: Some(self.folder.clone()),
            ..setup.clone()
        }
    }

    /// Writes a file until no byte is free.
    fn fill(&self) -> anyhow::Result<PathBuf> {
        let path = self.folder.join("filler");
        let mut filler = File::create(&path)?;
        let mut piece: &[u8] = &[0; 16 * 1024];
        loop {
            match filler.write(piece) {
                Ok(1..) => {}
                // The rest is smaller than the piece: halve it, down to single bytes, because even a
                // few free bytes let the server write a small record.
                _ if piece.len() > 1 => piece = &piece[..piece.len() / 2],
                _ => return Ok(path),
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The servers have ended by now. Lazily, because a process that is still exiting would
        // make the unmount fail and leave the file system behind.
        let mut unmount = std::process::Command::new("umount");
        let unmounted = unmount.arg("--lazy").arg(&self.folder).status();
        if unmounted.is_ok_and(|status| status.success()) {
            // The folder is empty: its content was on the file system.
            let _ = fs::remove_dir(&self.folder);
        }
    }
}
