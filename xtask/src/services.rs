//! Installs the programs that the tests need: PostgreSQL and its pooler, Redis, nginx, and libfaketime,
//! which shifts a program's clock.
//!
//! The tests start these programs themselves. They are installed here if the process may do that; else
//! the verb prints the packages that are missing.

use std::path::Path;
use std::process::Stdio;

use crate::Verdict;
use crate::process::{command, run};

/// Debian package with a PostgreSQL server and its client programs.
const POSTGRESQL: &str = "postgresql";
/// Debian package with a Redis server and its client program.
const REDIS: &str = "redis-server";
/// Debian package with a connection pooler for PostgreSQL.
const POOLER: &str = "pgbouncer";
/// Debian package with Python and its virtual environments.
const PYTHON: &str = "python3-venv";
/// Debian package with `systemd-analyze`, which checks units.
const SYSTEMD: &str = "systemd";
/// Debian package with nginx without additional modules.
const NGINX: &str = "nginx-light";
/// Debian package with the library that shifts a program's clock.
const FAKETIME: &str = "libfaketime";
/// Folder with one folder of libraries for each architecture.
const LIBRARIES: &str = "/usr/lib";
/// Path of the library in the folder of its architecture.
const FAKETIME_LIBRARY: &str = "faketime/libfaketimeMT.so.1";
/// Folder with one folder of programs for each version of PostgreSQL. Debian keeps them off the `PATH`.
const PROGRAMS: &str = "/usr/lib/postgresql";
/// Variable with the URL of a PostgreSQL server that the tests use instead of their own.
const DATABASE_URL: &str = "KANSO_TEST_DATABASE_URL";

/// Installs the missing programs of the tests, if this process may.
pub(crate) fn provide() -> anyhow::Result<Verdict> {
    install(&missing_of_tests())
}

fn missing_of_tests() -> Vec<&'static str> {
    let mut missing = Vec::new();
    if !has_database_url() && !has_programs() {
        missing.push(POSTGRESQL);
    }
    if !succeeds("redis-server", &["--version"]) || !succeeds("redis-cli", &["--version"]) {
        missing.push(REDIS);
    }
    if !succeeds("pgbouncer", &["--version"]) {
        missing.push(POOLER);
    }
    if !succeeds("nginx", &["-v"]) {
        missing.push(NGINX);
    }
    if !has_faketime() {
        missing.push(FAKETIME);
    }
    missing
}

/// Installs `systemd-analyze` if it is missing and this process may.
pub(crate) fn provide_systemd() -> anyhow::Result<Verdict> {
    let missing = (!succeeds("systemd-analyze", &["--version"])).then_some(SYSTEMD);
    install(missing.as_slice())
}

/// Installs Python with its virtual environments if it is missing and this process may.
pub(crate) fn provide_python() -> anyhow::Result<Verdict> {
    let has_it = succeeds("python3", &["-c", "import ensurepip, venv"]);
    install(if has_it { &[] } else { &[PYTHON] })
}

/// Installs these Debian packages if this process may; else prints how to install them.
fn install(missing: &[&str]) -> anyhow::Result<Verdict> {
    if missing.is_empty() {
        return Ok(Verdict::Passed);
    }
    let names = missing.join(" ");
    if !may_install() {
        let or = if missing.contains(&POSTGRESQL) {
            format!(", or name a PostgreSQL server with {DATABASE_URL}")
        } else {
            String::new()
        };
        eprintln!(
            "xtask: programs are missing, and to install them takes root and apt-get; \
             install `{names}`{or}"
        );
        return Ok(Verdict::ToolMissing);
    }
    eprintln!("xtask: installing {names}");
    let updated = run(command("apt-get").args(["update", "-qq"]))?;
    if updated != Verdict::Passed {
        return Ok(updated);
    }
    // Without a terminal apt-get must not ask questions. Recommended packages would add servers that
    // start at once and occupy the default ports.
    let mut install = command("apt-get");
    install
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(missing);
    run(&mut install)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test kit reads the same variable"
)]
fn has_database_url() -> bool {
    std::env::var_os(DATABASE_URL).is_some_and(|url| !url.is_empty())
}

fn has_programs() -> bool {
    let is_whole = |folder: &Path| folder.join("initdb").is_file();
    let versions = std::fs::read_dir(PROGRAMS).into_iter().flatten().flatten();
    let mut folders = versions.map(|version| version.path().join("bin"));
    // `pg_config` finds a server that was not installed from a Debian package.
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
    // The standard library cannot read the user's id, and a crate for one number is not worth it.
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
