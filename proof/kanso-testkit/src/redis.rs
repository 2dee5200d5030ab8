//! A Redis server of one test.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A `redis-server` on the loopback interface that ends with this value.
#[derive(Debug)]
pub struct RedisServer {
    process: Child,
    port: u16,
}

impl RedisServer {
    /// Starts a server. It may not listen yet; a client has to retry its connection.
    pub fn start() -> Self {
        Self::start_at(free_port())
    }

    /// Starts a server on the given port.
    pub fn start_at(port: u16) -> Self {
        // `--save ""` and `--appendonly no`: Redis holds only data that may be lost, so the tests
        // start each server empty and without a file.
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

    /// Starts a server that speaks TLS only, with a certificate for 127.0.0.1 of an authority of its own,
    /// both below `folder`. Returns the path of the authority as well.
    pub fn start_with_tls(folder: &Path) -> (Self, PathBuf) {
        let made = Command::new("sh")
            .args(["-ec", include_str!("redis/certificates.sh")])
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let port = free_port();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", "0"])
            .args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no"])
            .args([
                "--tls-cert-file",
                "server.crt",
                "--tls-key-file",
                "server.key",
            ])
            .args(["--tls-ca-cert-file", "authority.crt"])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(folder)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        (Self { process, port }, folder.join("authority.crt"))
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Runs a command; returns the output of `redis-cli`.
    pub fn command(&self, words: &[&str]) -> String {
        // Through `redis-cli`, not a client library: the tests of the client must not depend on it.
        let answered = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(words)
            .output()
            .unwrap();
        String::from_utf8(answered.stdout).unwrap()
    }

    /// Returns its port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Number of lookups of existing keys since the start.
    pub fn keyspace_hits(&self) -> u64 {
        let asked = Command::new("redis-cli")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["INFO", "stats"])
            .output()
            .unwrap();
        let output = String::from_utf8(asked.stdout).unwrap();
        let hits = output
            .lines()
            .find_map(|line| line.strip_prefix("keyspace_hits:"));
        hits.unwrap().trim().parse().unwrap()
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // The process may have ended, or be stopped by SIGSTOP, which only SIGKILL ends.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns a port that was free a moment ago: Redis cannot choose one by itself.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
