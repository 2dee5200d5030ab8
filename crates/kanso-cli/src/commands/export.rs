//! `kanso export`

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Exit, Usage};

pub(crate) async fn run(context: &Context, file: &Path) -> anyhow::Result<Exit> {
    let shown = file.display();
    // Checked before the request, which may take long. `persist_noclobber` below is the check that
    // holds if the file appears in the meantime.
    if file.exists() {
        return Err(Usage(format!("{shown} exists already; name a new file")).into());
    }
    let server = context.server()?;
    let lines = context.client.export(&server).await?;
    save(file, &lines).with_context(|| format!("cannot write {shown}"))?;
    let count = lines.split(|byte| *byte == b'\n').count() - 1;
    let value = json!({"file": file.to_string_lossy(), "lines": count});
    let text = format!("Saved {count} lines to {shown}.");
    context.output.done(&value, &text)?;
    Ok(Exit::Ok)
}

/// Writes the file. It appears under its name only when it is complete.
fn save(file: &Path, lines: &[u8]) -> anyhow::Result<()> {
    // A bare file name has an empty parent, which is not a valid folder.
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // A temporary file has mode 0600 and is in the same folder, so that the rename is atomic.
    let mut half = tempfile::NamedTempFile::new_in(folder)?;
    half.write_all(lines)?;
    // Without the flush, a power cut after the rename could leave an empty file under the name.
    half.as_file().sync_all()?;
    half.persist_noclobber(file)?;
    Ok(())
}
