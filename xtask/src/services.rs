//! What the tests need besides this repository: a PostgreSQL and a Redis server to run.
//!
//! The tests start them themselves, from the machine's programs. Here they are brought onto the machine
//! where that may be done; where it may not, the tests fail and say what is missing.

use std::path::Path;
use std::process::Stdio;

use crate::Verdict;
use crate::process::{command, run};

/// Debian's name for a PostgreSQL server and the programs to make and ask one.
const POSTGRESQL: &str = "postgresql";
/// Debian's name for a Redis server and the program to ask one.
const REDIS: &str = "redis-server";
/// Debian's name for Python with what makes virtual environments.
const PYTHON: &str = "python3-venv";
/// Where its programs are, a folder a version.
const PROGRAMS: &str = "/usr/lib/postgresql";
const GIVEN: &str = "KANSO_TEST_DATABASE_URL";

/// Installs the servers' programs that are missing, if this process may.
pub(crate) fn provide() -> anyhow::Result<Verdict> {
    let mut missing = Vec::new();
    if !is_given() && !has_programs() {
        missing.push(POSTGRESQL);
    }
    if !succeeds("redis-server", &["--version"]) || !succeeds("redis-cli", &["--version"]) {
        missing.push(REDIS);
    }
    let installed = install(&missing)?;
    if installed == Verdict::ToolMissing && missing.contains(&POSTGRESQL) {
        eprintln!("test: or name a PostgreSQL server with {GIVEN}");
    }
    Ok(installed)
}

/// Installs Python with its virtual environments where it is missing, if this process may.
pub(crate) fn provide_python() -> anyhow::Result<Verdict> {
    let has_it = succeeds("python3", &["-c", "import ensurepip, venv"]);
    install(if has_it { &[] } else { &[PYTHON] })
}

/// Installs these packages of Debian, if there are any and this process may.
fn install(missing: &[&str]) -> anyhow::Result<Verdict> {
    if missing.is_empty() {
        return Ok(Verdict::Passed);
    }
    let names = missing.join(" ");
    if !may_install() {
        eprintln!(
            "test: what the tests need is not here, and installing it takes root and apt-get; \
             install `{names}`"
        );
        return Ok(Verdict::ToolMissing);
    }
    eprintln!("test: installing {names}");
    let updated = run(command("apt-get").args(["update", "-qq"]))?;
    if updated != Verdict::Passed {
        return Ok(updated);
    }
    // Nobody is there to answer questions, and the tests start servers of their own.
    let mut install = command("apt-get");
    install
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(missing);
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
