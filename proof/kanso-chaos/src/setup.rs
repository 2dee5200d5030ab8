//! Settings of a round.

use std::path::PathBuf;
use std::time::Duration;

/// Settings that every round gets.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Program of the server.
    pub program: PathBuf,
    /// Folder for all data.
    pub folder: PathBuf,
    /// Folder for the data of the servers, or of their PostgreSQL, if it differs from `folder`.
    pub disk: Option<PathBuf>,
    /// Amount of writing.
    pub size: LoadSize,
    /// Number of faults in a round.
    pub faults: u64,
    /// Minimum number of acknowledged operations between two faults.
    pub between: u64,
}

/// Amount of writing in a round.
#[derive(Clone, Copy, Debug)]
pub struct LoadSize {
    /// Number of accounts.
    pub people: u32,
    /// Number of devices of each account.
    pub devices: u32,
    /// Number of operations in a push.
    pub batch: usize,
    /// Pause of a device between two pushes.
    pub rest: Duration,
}
