//! `kanso` with a folder of its own.

use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::PASSWORD;
use super::times::{Times, Variables};

pub(crate) struct Device {
    home: TempDir,
    /// Address of the server; by default nothing listens there.
    server: String,
    clock: Variables,
}

/// Result of a run.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Device {
    /// A device without a reachable server.
    pub(crate) fn offline() -> Self {
        Self::at("http://127.0.0.1:9")
    }

    pub(crate) fn at(server: &str) -> Self {
        Self {
            home: tempfile::tempdir().expect("a folder"),
            server: server.to_owned(),
            clock: Variables::new(),
        }
    }

    /// The same under another clock.
    pub(crate) fn under(self, times: &Times) -> Self {
        let clock = times.variables();
        Self { clock, ..self }
    }

    /// The same with a variable in its environment.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.clock.push((name, value.to_owned()));
        self
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs the program and accepts any exit code.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(Stdio::null(), arguments)
    }

    /// The same with lines to read from standard input.
    pub(crate) fn told(&self, lines: &str, arguments: &[&str]) -> Ended {
        let mut input = tempfile::tempfile().expect("a file");
        input.write_all(lines.as_bytes()).expect("it is written");
        input.rewind().expect("it is read from its start");
        self.run_with(input.into(), arguments)
    }

    fn run_with(&self, input: Stdio, arguments: &[&str]) -> Ended {
        let output = Command::new(env!("CARGO_BIN_EXE_kanso"))
            .args(arguments)
            .env_clear()
            .env("KANSO_HOME", self.home.path())
            .env("KANSO_SERVER", &self.server)
            .env("KANSO_PASSWORD", PASSWORD)
            .env("NO_PROXY", "*")
            // The zone of the machine that runs the tests must not decide.
            .env("TZ", "UTC")
            .envs(self.clock.iter().cloned())
            .stdin(input)
            .output()
            .expect("the program starts");
        Ended {
            code: output.status.code().expect("it was not killed"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// Runs the program, which must end with `code`.
    #[track_caller]
    pub(crate) fn ends(&self, code: i32, arguments: &[&str]) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, code, "{arguments:?}: {ended:?}");
        ended
    }

    /// Runs the program, which must succeed, and returns its output.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        self.ends(0, arguments).stdout
    }

    /// Runs the program with `--json` and returns the parsed output.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let stdout = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_str(&stdout).expect("it prints JSON")
    }

    /// The titles of all habits, sorted.
    #[track_caller]
    pub(crate) fn titles(&self) -> Vec<String> {
        let habits = self.json(&["habit", "list", "--all"]);
        let habits = habits.as_array().expect("a list").iter();
        let title = |habit: &Value| habit["title"].as_str().expect("a text").to_owned();
        let mut titles: Vec<_> = habits.map(title).collect();
        titles.sort();
        titles
    }
}
