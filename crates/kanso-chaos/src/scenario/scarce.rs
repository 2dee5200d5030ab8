//! A server that runs out of something, and whose clock is wrong.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use kanso_testkit::FakeTime;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::sleep;

use super::{Round, Setup};
use crate::fleet::Plan;
use crate::row::Row;

/// How long something is missing.
const SCARCE: Duration = Duration::from_secs(3);
/// Files, sockets among them, that a server may have open, and connections that take more.
const FILES: &str = "--nofile=96";
const CONNECTIONS: usize = 150;
/// The file system that is filled up.
const DISK: &str = "size=48m";
/// How far the clock is ahead, in seconds, after each jump: beyond the life of an access token.
const JUMPS: [i64; 4] = [3_600, 0, -3_600, 0];

/// The disk of a server on SQLite is full for a while.
pub(super) async fn disk_full(setup: &Setup) -> anyhow::Result<Row> {
    let disk = Disk::mount(&setup.folder).await?;
    let on_disk = Setup {
        // What was promised is on another disk.
        disk: Some(disk.folder.clone()),
        ..setup.clone()
    };
    let mut round = Round::begin(&on_disk, Plan::default(), "full disk").await?;
    for _ in 0..setup.faults {
        let filler = disk.fill()?;
        round.row.faults += 1;
        sleep(SCARCE).await;
        fs::remove_file(filler)?;
        round.recovers().await?;
        round.load.goes_on_for(setup.between).await?;
    }
    round.may_only_fail_with(&["503 unavailable"]);
    let row = round.end().await?;
    anyhow::ensure!(row.failed_requests > 0, "the disk was not full for anybody");
    Ok(row)
}

/// A small file system of its own.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    async fn mount(parent: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("kanso-disk-")
            .tempdir_in(parent)?
            .keep();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", DISK, "tmpfs"])
            .arg(&folder);
        let mounted = mount.status().await.context("cannot run mount")?;
        anyhow::ensure!(
            mounted.success(),
            "a full disk takes the right to mount one"
        );
        Ok(Self { folder })
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

/// Connections use up all files that a server may open. Those that are there go on, and new ones
/// come when others have gone.
pub(super) async fn fds_exhausted(setup: &Setup) -> anyhow::Result<Row> {
    let mut round = Round::begin(setup, Plan::default(), "150 idle connections of 96").await?;
    let node = &mut round.fleet.nodes[0];
    node.kill().await?;
    node.settings_mut().before = vec!["prlimit".to_owned(), FILES.to_owned()];
    node.start_again().await?;
    for _ in 0..setup.faults {
        let address = round.fleet.nodes[0].address();
        let mut idle = Vec::new();
        for _ in 0..CONNECTIONS {
            // The kernel takes more than the server can.
            idle.push(TcpStream::connect(address).await?);
        }
        round.row.faults += 1;
        sleep(SCARCE).await;
        drop(idle);
        round.recovers().await?;
        round.load.goes_on_for(setup.between).await?;
    }
    round.end().await
}

/// The clock of a server jumps forth and back.
pub(super) async fn clock_jump(setup: &Setup) -> anyhow::Result<Row> {
    let mut round = Round::begin(setup, Plan::default(), "clock 1 h ahead, then behind").await?;
    let clock = FakeTime::in_folder(round.fleet.folder())?;
    let node = &mut round.fleet.nodes[0];
    node.kill().await?;
    let variables = clock.variables();
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    node.settings_mut().variables.extend(variables);
    node.start_again().await?;
    for _ in 0..setup.faults {
        for jump in JUMPS {
            clock.jump(jump)?;
            round.recovers().await?;
            round.load.goes_on_for(setup.between).await?;
        }
        round.row.faults += 1;
    }
    round.end().await
}
