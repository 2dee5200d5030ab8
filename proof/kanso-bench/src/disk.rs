//! Time that the disk takes to make a write durable. Every push waits for that.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

use crate::clock::now;

const WRITES: usize = 100;
/// Data of one write, as long as a database page.
const PAGE: [u8; 4096] = [0x5a; 4096];

/// Returns the median time of appending 4 KiB to a file in `folder` and syncing its data.
pub(crate) fn sync_milliseconds(folder: &Path) -> anyhow::Result<f64> {
    let mut file = tempfile::tempfile_in(folder)
        .with_context(|| format!("cannot write to {}", folder.display()))?;
    let mut times = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let began = now();
        file.write_all(&PAGE)?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times[WRITES / 2].as_secs_f64() * 1e3)
}
