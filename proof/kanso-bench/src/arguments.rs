//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};

/// Measures a kanso-server that it starts itself
#[derive(Clone, Debug, Parser)]
#[command(name = "kanso-bench", bin_name = "cargo xtask bench --")]
pub(crate) struct Arguments {
    /// How long each workload is measured; a second of warm-up comes before it
    // All workloads of a run together must not outlive an access token.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=120))]
    pub(crate) seconds: u64,
    /// Connections kept open at once, each with a request under way
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) connections: u32,
    /// Repetitions of everything, each with a new server; the medians are reported
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) runs: u32,
    /// Only requests over HTTP, only live sync, only what is measured inside this program, or what
    /// is only measured when it is asked for: a server on a PostgreSQL of its own
    #[arg(long, value_name = "PART", value_enum)]
    only: Option<Part>,
    /// On PostgreSQL: how many entries of others the large database has; 10 million take some
    /// minutes and gigabytes to make
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..=100_000_000))]
    pub(crate) entries: u32,
    /// How many idle event streams are open at once; each takes a file descriptor on both sides
    #[arg(long, value_name = "NUMBER", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(100..=15_000))]
    pub(crate) streams: u32,
    /// Print JSON instead of a table, with the figures of every run
    #[arg(long)]
    pub(crate) json: bool,
    /// The server's program [default: kanso-server beside this one]
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Where the servers' temporary data go [default: beside this program, since the system's
    /// temporary folder may be memory, where a sync costs nothing]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// A server, over HTTP.
    Server,
    /// Event streams and snapshots of a server.
    Live,
    /// The rest, in this process.
    Inside,
    /// A server on PostgreSQL, against pgbench; it needs the machine's PostgreSQL.
    Postgres,
}

impl Arguments {
    /// Whether this is to be measured.
    pub(crate) fn measures(&self, part: Part) -> bool {
        self.only
            .map_or(part != Part::Postgres, |only| only == part)
    }

    /// How long each workload is measured.
    pub(crate) fn length(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// The server's program, which exists.
    pub(crate) fn server(&self) -> anyhow::Result<PathBuf> {
        let program = match &self.server {
            Some(program) => program.clone(),
            None => own_folder()?.join("kanso-server"),
        };
        // The server is started in a folder of its own.
        program.canonicalize().with_context(|| {
            format!(
                "no server at {}; `cargo xtask bench` builds it",
                program.display()
            )
        })
    }

    /// Where the servers' data go; it exists.
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
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    let folder = program.parent().context("a program is in a folder")?;
    Ok(folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn arguments_hold_together() {
        Arguments::command().debug_assert();
    }
}
