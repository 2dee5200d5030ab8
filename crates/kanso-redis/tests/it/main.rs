//! The adapters on a real Redis: together, and while it is away.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect stops there"
)]

mod answers;
mod feed;
mod limiter;
mod seats;
mod tickets;

/// What Redis says to a command.
fn run(server: &kanso_testkit::RedisServer, command: &[&str]) -> String {
    let port = server.port().to_string();
    let output = std::process::Command::new("redis-cli")
        .args(["-p", &port])
        .args(command)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}
