//! Live sync: how soon a push pokes, what a snapshot takes, and what an idle stream costs.

mod pokes;
mod snapshots;
mod streams;

use std::path::Path;

use serde::Serialize;

use crate::arguments::Arguments;
use crate::figures::median;
use crate::say;
use crate::server::Server;

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    /// What was measured.
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// What it should reach, in words.
    pub(crate) goal: &'static str,
}

/// What each run found.
pub(crate) type Findings = Vec<Vec<Finding>>;

pub(crate) fn finding(what: &str, value: f64, unit: &'static str, goal: &'static str) -> Finding {
    Finding {
        what: what.to_owned(),
        value,
        unit,
        goal,
    }
}

impl Finding {
    /// The median of each by itself.
    pub(crate) fn medians(runs: &[Vec<Self>]) -> Vec<Self> {
        let rows = runs.iter().map(Vec::len).min().unwrap_or_default();
        let row = |number: usize| Self {
            value: median(runs.iter().map(|run| run[number].value)),
            ..runs[0][number].clone()
        };
        (0..rows).map(row).collect()
    }
}

/// Measures all of it, each on a server of its own.
pub(crate) async fn measure(
    program: &Path,
    folder: &Path,
    arguments: &Arguments,
) -> anyhow::Result<Vec<Finding>> {
    let mut found = Vec::new();
    say(format_args!("  pokes"));
    let server = Server::start(program, folder).await?;
    found.extend(pokes::measure(&server, arguments.length()).await?);
    server.stop().await?;

    say(format_args!("  snapshots"));
    let server = Server::start(program, folder).await?;
    found.extend(snapshots::measure(&server).await?);
    server.stop().await?;

    say(format_args!("  idle streams"));
    let server = Server::start(program, folder).await?;
    found.extend(streams::measure(&server, arguments.streams).await?);
    // The streams are still open: this also measures that they do not hold the shutdown.
    server.stop().await?;
    Ok(found)
}
