//! Runs the server in the image's layout without a container engine.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

use crate::Verdict;
use crate::build;
use crate::process::{command, run as run_command, target};

/// Script that makes the folder a read-only root with its own file system at /data, and starts a
/// program in it as the image's user. The mounts end with the program.
// Only a mount can be remounted read-only, so the folder is first mounted on itself. 65532 is the user of the
// image; `setpriv` applies the restriction that a container engine calls `no-new-privileges`.
const CONTAINED: &str = r#"
mount --bind "$0" "$0"
mount -o remount,bind,ro,nosuid,nodev "$0"
mount -t tmpfs -o mode=0700,uid=65532,gid=65532,size=64m tmpfs "$0/data"
exec setpriv --no-new-privs chroot --userspec=65532:65532 --groups=65532 "$0" "$@"
"#;

const PROGRAM: &str = "/usr/bin/kanso-server";

/// Builds the layout from the debug build of the server, starts the server in it, checks its health and
/// stops it.
pub(super) fn run() -> anyhow::Result<Verdict> {
    let root = target()?.join("deploy/layout");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    let program = build::binary("kanso-server")?;
    let mut lay_out = command("deploy/layout.sh");
    let laid_out = run_command(lay_out.arg(program.get_program()).arg(&root))?;
    if laid_out != Verdict::Passed {
        return Ok(laid_out);
    }
    let mut server = Running(contained(&root).args(["--listen", "127.0.0.1:0"]).spawn()?);
    let address = server.address()?;
    let mut health = contained(&root);
    let is_healthy = run_command(health.args(["health", &address]))?;
    // The server is stopped in any case, and a failed health check is reported before its exit code.
    let stopped = server.stop()?;
    Ok(match is_healthy {
        Verdict::Passed => stopped,
        unhealthy => unhealthy,
    })
}

/// A process that is killed when the value is dropped.
struct Running(Child);

impl Running {
    /// Reads the address that the server prints when it listens.
    fn address(&mut self) -> anyhow::Result<String> {
        let stdout = self.0.stdout.take().context("its output is not piped")?;
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if let Some((_, address)) = line.split_once("http://") {
                let address = address.split_whitespace().next().unwrap_or_default();
                return Ok(format!("http://{}", address.trim_end_matches('/')));
            }
        }
        anyhow::bail!("the server ended before it listened")
    }

    /// Sends the signal that a container engine sends, and checks that the exit code is 0.
    fn stop(mut self) -> anyhow::Result<Verdict> {
        let mut ask = command("kill");
        run_command(ask.args(["-TERM", &self.0.id().to_string()]))?;
        Ok(Verdict::from_success(self.0.wait()?.success()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After `stop` the process has ended, so both calls fail. They matter when a check failed before.
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

/// Returns a command for the server in the layout, with only the environment of the image. Each command
/// has its own mount namespace, so its mounts end with it.
fn contained(root: &Path) -> Command {
    let mut contained = command("unshare");
    contained
        .args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-ec",
            CONTAINED,
        ])
        .arg(root)
        .arg(PROGRAM)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("KANSO_DATA_DIR", "/data")
        .env("KANSO_LOG", "warn")
        .stdout(Stdio::piped());
    contained
}
