//! The race of the contract suite for any number of pushes: eight devices write, two pull, and a device
//! that is up to date must agree with the digest.
//!
//! `cargo run --release -p kanso-sqlite --example race -- 20000` for 20,000 pushes of each device.

#![expect(clippy::print_stdout, reason = "a program that prints what it found")]

use kanso_domain::sync::Epoch;
use kanso_sqlite::{SqliteOptions, SqliteStorage};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pushes = std::env::args().nth(1).unwrap_or_else(|| "2000".to_owned());
    let pushes: u32 = pushes.parse()?;
    let folder = tempfile::tempdir()?;
    let options = SqliteOptions::new(folder.path().join("kanso.db"), Epoch::new(1));
    let storage = SqliteStorage::open(&options)?;
    kanso_testkit::contract::devices::race(&storage, &|pushed| pushed < pushes).await;
    println!("8 devices with {pushes} pushes each: nothing was skipped, all digests agreed");
    Ok(())
}
