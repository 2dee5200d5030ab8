//! What the tests need besides this repository: a PostgreSQL and a Redis server and nginx to run, and
//! a library that moves a program's clock.
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
/// Debian's name for the program that reads units, and all else of systemd.
const SYSTEMD: &str = "systemd";
/// Debian's name for nginx without further modules.
const NGINX: &str = "nginx-light";
/// Debian's name for what changes the time that a program is told.
const FAKETIME: &str = "libfaketime";
/// Where libraries are, a folder a kind of processor, and where in it that one is.
const LIBRARIES: &str = "/usr/lib";
const FAKETIME_LIBRARY: &str = "faketime/libfaketimeMT.so.1";
/// Where PostgreSQL's programs are, a folder a version.
const PROGRAMS: &str = "/usr/lib/postgresql";
const GIVEN: &str = "KANSO_TEST_DATABASE_URL";

/// Installs the servers' programs that are missing, if this process may.
pub(crate) fn provide() -> anyhow::Result<Verdict> {
    install(&missing_of_tests())
}

fn missing_of_tests() -> Vec<&'static str> {
    let mut missing = Vec::new();
    if !is_given() && !has_programs() {
        missing.push(POSTGRESQL);
    }
    if !succeeds("redis-server", &["--version"]) || !succeeds("redis-cli", &["--version"]) {
        missing.push(REDIS);
    }
    if !succeeds("nginx", &["-v"]) {
        missing.push(NGINX);
    }
    if !has_faketime() {
        missing.push(FAKETIME);
    }
    missing
}

/// Installs the program that reads units of systemd, if it is missing and this process may.
pub(crate) fn provide_systemd() -> anyhow::Result<Verdict> {
    let missing = (!succeeds("systemd-analyze", &["--version"])).then_some(SYSTEMD);
    install(missing.as_slice())
}

/// Installs Python with its virtual environments where it is missing, if this process may.
pub(crate) fn provide_python() -> anyhow::Result<Verdict> {
    let has_it = succeeds("python3", &["-c", "import ensurepip, venv"]);
    install(if has_it { &[] } else { &[PYTHON] })
}

/// Installs these packages of Debian, if this process may; else says what there is to do.
fn install(missing: &[&str]) -> anyhow::Result<Verdict> {
    if missing.is_empty() {
        return Ok(Verdict::Passed);
    }
    let names = missing.join(" ");
    if !may_install() {
        let or = if missing.contains(&POSTGRESQL) {
            format!(", or name a PostgreSQL server with {GIVEN}")
        } else {
            String::new()
        };
        eprintln!(
            "xtask: what this needs is not here, and installing it takes root and apt-get; \
             install `{names}`{or}"
        );
        return Ok(Verdict::ToolMissing);
    }
    eprintln!("xtask: installing {names}");
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

fn has_faketime() -> bool {
    let folders = std::fs::read_dir(LIBRARIES).into_iter().flatten().flatten();
    let mut libraries = folders.map(|folder| folder.path().join(FAKETIME_LIBRARY));
    libraries.any(|library| library.is_file())
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
