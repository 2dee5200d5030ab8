//! Live sync: the delay of a notice, the time of a snapshot, and the memory of an idle stream.

mod notices;
mod snapshots;
mod streams;

use std::path::Path;

use crate::arguments::Arguments;
use crate::measurement::Measurement;
use crate::progress;
use crate::server::MeasuredServer;

/// Measures each part on a server of its own, so that none finds the memory of another in use.
pub(crate) async fn measure(
    program: &Path,
    folder: &Path,
    arguments: &Arguments,
) -> anyhow::Result<Vec<Measurement>> {
    let mut measurements = Vec::new();
    progress(format_args!("  notices"));
    let server = MeasuredServer::start(program, folder).await?;
    measurements.extend(notices::measure(&server, arguments.length()).await?);
    server.stop().await?;

    progress(format_args!("  snapshots"));
    let server = MeasuredServer::start(program, folder).await?;
    measurements.extend(snapshots::measure(&server).await?);
    server.stop().await?;

    progress(format_args!("  idle streams"));
    // Thousands of sockets follow, and this process needs as many file descriptors as the server.
    let server = MeasuredServer::start(program, folder).await?;
    measurements.extend(streams::measure(&server, arguments.streams).await?);
    // The streams are still open, so this also checks that they do not delay the shutdown.
    server.stop().await?;
    Ok(measurements)
}
