//! What the tests need besides this repository: a PostgreSQL server to run.
//!
//! The tests start it themselves, from the machine's programs. Here they are brought onto the machine
//! where that may be done; where it may not, the tests fail and say what is missing.

use std::path::Path;
use std::process::Stdio;

use crate::Verdict;
use crate::process::{command, run};

/// Debian's name for a server and the programs to make and ask one.
const PACKAGE: &str = "postgresql";
/// Where its programs are, a folder a version.
const PROGRAMS: &str = "/usr/lib/postgresql";
const GIVEN: &str = "KANSO_TEST_DATABASE_URL";

/// Installs the server's programs if they are missing and this process may.
pub(crate) fn provide() -> anyhow::Result<Verdict> {
    if is_given() || has_programs() {
        return Ok(Verdict::Passed);
    }
    if !may_install() {
        eprintln!(
            "test: there is no PostgreSQL server to test with, and installing one takes root and \
             apt-get; install `{PACKAGE}`, or name a server with {GIVEN}"
        );
        return Ok(Verdict::ToolMissing);
    }
    eprintln!("test: installing {PACKAGE}");
    let updated = run(command("apt-get").args(["update", "-qq"]))?;
    if updated != Verdict::Passed {
        return Ok(updated);
    }
    // Nobody is there to answer questions.
    let mut install = command("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive").args([
        "install",
        "-y",
        "-qq",
        "--no-install-recommends",
        PACKAGE,
    ]);
    run(&mut install)
}

#[expect(
    clippy::disallowed_methods,
    reason = "it is the tests' variable, which they read the same way"
)]
fn is_given() -> bool {
    std::env::var_os(GIVEN).is_some_and(|url| !url.is_empty())
}

fn has_programs() -> bool {
    let is_whole = |folder: &Path| folder.join("initdb").is_file();
    let versions = std::fs::read_dir(PROGRAMS).into_iter().flatten().flatten();
    let mut folders = versions.map(|version| version.path().join("bin"));
    let asked = command("pg_config").arg("--bindir").output();
    let asked = asked
        .ok()
        .and_then(|asked| String::from_utf8(asked.stdout).ok());
    folders.any(|folder| is_whole(&folder))
        || asked.is_some_and(|folder| is_whole(Path::new(folder.trim())))
}

fn may_install() -> bool {
    let me = command("id").arg("-u").output();
    me.is_ok_and(|me| me.stdout == b"0\n") && succeeds("apt-get", &["--version"])
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut probe = command(program);
    probe
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}
