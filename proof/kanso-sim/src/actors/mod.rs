//! Simulated users, their programs, and the faults of servers and time.

mod browser;
mod device;
mod edits;
mod follower;
mod page_replica;
mod replica_backups;
mod server_faults;
mod snapshot_reader;
mod wire_client;

pub use browser::Browser;
pub use device::SimDevice;
pub use follower::Follower;
pub use replica_backups::ReplicaBackups;
pub use server_faults::ServerFaults;
pub use snapshot_reader::SnapshotReader;
pub use wire_client::WireClient;

use std::time::Duration;

use tokio::time::sleep;

use crate::chance::Chance;

/// Password of all accounts.
const PASSWORD: &str = "correct horse battery staple";

fn email(person: u32) -> String {
    format!("p{person}@example.org")
}

/// Waits for a random time of at most `longest` milliseconds.
async fn a_while(chance: &Chance, longest: u64) {
    sleep(Duration::from_millis(chance.between(0, longest))).await;
}
