//! `with-postgres COMMAND…`: runs a command beside a PostgreSQL server that all of its processes share.
//!
//! cargo-nextest gives each test a process of its own, and a server a test would cost a second each. The
//! command finds the server in `KANSO_TEST_DATABASE_URL`. The exit code is that of the command. Where
//! the variable is set already, the command gets that server and no other one is started.
#![expect(
    clippy::disallowed_methods,
    reason = "it passes on the environment of a test run; nothing that ships reads it"
)]

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

use kanso_testkit::PostgresServer;

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    let Some(program) = words.next() else {
        return usage();
    };
    let mut command = Command::new(program);
    command.args(words);
    let server = PostgresServer::shared();
    command.env(PostgresServer::VARIABLE, server.url("postgres"));
    // The tests make their databases with `psql`, which need not be on the path of this machine.
    if let Some(programs) = server
        .program("psql")
        .parent()
        .filter(|folder| folder.is_dir())
    {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&path).chain([programs.to_owned()]);
        command.env(
            "PATH",
            env::join_paths(folders).unwrap_or_else(|_| OsString::from(&path)),
        );
    }
    match command.status() {
        Ok(status) => {
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            code.map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Err(error) => failed(&format!("cannot start the command: {error}")),
    }
}

fn usage() -> ExitCode {
    failed("usage: with-postgres COMMAND [ARGUMENT…]")
}

#[expect(clippy::print_stderr, reason = "a program talks to its terminal")]
fn failed(reason: &str) -> ExitCode {
    eprintln!("with-postgres: {reason}");
    ExitCode::from(2)
}
