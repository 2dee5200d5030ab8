//! A Redis server of one's own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

/// A `redis-server` on the loopback that ends with this value.
#[derive(Debug)]
pub struct RedisServer {
    process: Child,
    port: u16,
}

impl RedisServer {
    /// Starts one; whoever asks it before it listens is told so by their own connection.
    pub fn start() -> Self {
        Self::start_at(free_port())
    }

    /// The same on a port of one's choice.
    pub fn start_at(port: u16) -> Self {
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn();
        let process = process.unwrap_or_else(|error| {
            panic!("redis-server does not run: {error}; `cargo xtask test` installs it")
        });
        Self { process, port }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What it answers to a command, as `redis-cli` prints it.
    pub fn command(&self, words: &[&str]) -> String {
        let answered = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(words)
            .output()
            .unwrap();
        String::from_utf8(answered.stdout).unwrap()
    }

    /// Its port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How many keys were found there since it was started.
    pub fn keyspace_hits(&self) -> u64 {
        let asked = Command::new("redis-cli")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["INFO", "stats"])
            .output()
            .unwrap();
        let told = String::from_utf8(asked.stdout).unwrap();
        let hits = told
            .lines()
            .find_map(|line| line.strip_prefix("keyspace_hits:"));
        hits.unwrap().trim().parse().unwrap()
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may be gone already, or stopped, which only this signal ends.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that was free a moment ago: Redis cannot be told to take any.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
