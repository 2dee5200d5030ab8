//! `kanso export`

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Exit, Usage};

pub(crate) async fn run(context: &Context, file: &Path) -> anyhow::Result<Exit> {
    let shown = file.display();
    if file.exists() {
        return Err(Usage(format!("{shown} is there already; name a new file")).into());
    }
    let server = context.server()?;
    let lines = context.client.export(&server).await?;
    save(file, &lines).with_context(|| format!("cannot write {shown}"))?;
    let count = lines.split(|byte| *byte == b'\n').count() - 1;
    let value = json!({"file": file.to_string_lossy(), "lines": count});
    let text = format!("Saved {count} lines to {shown}.");
    context.output.done(&value, &text);
    Ok(Exit::Ok)
}

/// All of it or nothing is under the name.
fn save(file: &Path, lines: &[u8]) -> anyhow::Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // For its owner's eyes only.
    let mut half = tempfile::NamedTempFile::new_in(folder)?;
    half.write_all(lines)?;
    half.as_file().sync_all()?;
    half.persist_noclobber(file)?;
    Ok(())
}
