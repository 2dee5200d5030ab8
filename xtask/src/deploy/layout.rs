//! The image's layout, lived in by hand.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

use crate::Verdict;
use crate::build;
use crate::process::{command, run as run_command, target};

/// Makes the folder a root that cannot be written to, with a disk of its own at /data, and starts a
/// program in it as the image's user. What is mounted is gone when the program is.
const CONTAINED: &str = r#"
mount --bind "$0" "$0"
mount -o remount,bind,ro,nosuid,nodev "$0"
mount -t tmpfs -o mode=0700,uid=65532,gid=65532,size=64m tmpfs "$0/data"
exec setpriv --no-new-privs chroot --userspec=65532:65532 --groups=65532 "$0" "$@"
"#;

const PROGRAM: &str = "/usr/bin/kanso-server";

/// Lays the image out from the server that was built, serves from it, asks for its health, and stops
/// it.
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
    let stopped = server.stop()?;
    Ok(match is_healthy {
        Verdict::Passed => stopped,
        unhealthy => unhealthy,
    })
}

/// A process that is stopped when nobody holds it any more.
struct Running(Child);

impl Running {
    /// The address that it prints when it listens.
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

    /// Asks it to stop as a container engine would; whether it did so as it should.
    fn stop(mut self) -> anyhow::Result<Verdict> {
        let mut ask = command("kill");
        run_command(ask.args(["-TERM", &self.0.id().to_string()]))?;
        Ok(Verdict::from_success(self.0.wait()?.success()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless a check failed on the way.
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

/// The server in the layout, with the environment of the image and nothing else. Each has its own
/// mounts, which end with it.
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
