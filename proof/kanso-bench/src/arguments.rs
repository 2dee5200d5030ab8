//! Command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};

/// Measure a kanso-server that this program starts
#[derive(Clone, Debug, Parser)]
#[command(name = "kanso-bench", bin_name = "cargo xtask bench --")]
pub(crate) struct Arguments {
    /// Seconds for which each workload is measured, after a second of warm-up
    // At most 120, because all workloads of a run together must not outlive an access token.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=120))]
    pub(crate) seconds: u64,
    /// Open connections, each with one request in flight
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) connections: u32,
    /// Runs, each on a new server; the report has the medians
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) runs: u32,
    /// Measure one part only; `postgres` is measured only if it is named here
    #[arg(long, value_name = "PART", value_enum)]
    only: Option<Part>,
    /// Entries of other users in the large PostgreSQL database; 10 million take minutes and gigabytes
    /// to create
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..=100_000_000))]
    pub(crate) entries: u32,
    /// Idle event streams; each takes a file descriptor on both sides
    #[arg(long, value_name = "NUMBER", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(100..=15_000))]
    pub(crate) streams: u32,
    /// Print JSON instead of a table, with the figures of every run
    #[arg(long)]
    pub(crate) json: bool,
    /// Program of the server [default: kanso-server beside this program]
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Folder for the databases [default: beside this program, because the system's temporary folder
    /// may be in memory, where a sync costs nothing]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// Part of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Requests to a server over HTTP.
    Server,
    /// Event streams and snapshots of a server.
    Live,
    /// Measurements inside this process.
    Inside,
    /// A server on PostgreSQL compared with pgbench; needs the programs of PostgreSQL.
    Postgres,
}

impl Arguments {
    /// Returns true if this part is measured.
    pub(crate) fn measures(&self, part: Part) -> bool {
        self.only
            .map_or(part != Part::Postgres, |only| only == part)
    }

    /// Time for which each workload is measured.
    pub(crate) fn length(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Returns the path of the server's program, which exists.
    pub(crate) fn server(&self) -> anyhow::Result<PathBuf> {
        // The default is the build of the same profile: the folder of this program.
        let program = match &self.server {
            Some(program) => program.clone(),
            None => own_folder()?.join("kanso-server"),
        };
        // Absolute, because the server is started in a folder of its own.
        program.canonicalize().with_context(|| {
            format!(
                "no server at {}; `cargo xtask bench` builds it",
                program.display()
            )
        })
    }

    /// Returns the folder for the databases, which exists.
    pub(crate) fn data_dir(&self) -> anyhow::Result<PathBuf> {
        let folder = match &self.data_dir {
            Some(folder) => folder.clone(),
            None => own_folder()?,
        };
        folder
            .canonicalize()
            .with_context(|| format!("no folder at {}", folder.display()))
    }
}

fn own_folder() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("cannot find the path of this program")?;
    let folder = program
        .parent()
        .context("the path of this program has no folder")?;
    Ok(folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn argument_definitions_are_valid() {
        Arguments::command().debug_assert();
    }
}
