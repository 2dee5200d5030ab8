//! The race of the contract suite, for as long as somebody wants: eight devices write, two pull,
//! and whoever has read everything must hold what the digest says.
//!
//! `cargo run --release -p kanso-sqlite --example race -- 20000` for so many pushes a device.

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
