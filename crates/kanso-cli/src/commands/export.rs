//! `kanso export`

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use kanso_client::CallError;
use kanso_client::transport::HttpTransport;
use serde_json::json;

use crate::context::Context;
use crate::environment::password;
use crate::exit::{Exit, Usage};

pub(crate) async fn run(
    context: &Context,
    file: &Path,
    password_from_stdin: bool,
) -> anyhow::Result<Exit> {
    let shown = file.display();
    // Checked before the request, which may take long. `persist_noclobber` below is the check that
    // holds if the file appears in the meantime.
    if file.exists() {
        return Err(Usage(format!("{shown} exists already; name a new file")).into());
    }
    let server = context.server()?;
    let lines = lines(context, &server, password_from_stdin).await?;
    save(file, &lines).with_context(|| format!("cannot write {shown}"))?;
    let count = lines.split(|byte| *byte == b'\n').count() - 1;
    let value = json!({"file": file.to_string_lossy(), "lines": count});
    let text = format!("Saved {count} lines to {shown}.");
    context.output.done(&value, &text)?;
    Ok(Exit::Ok)
}

/// Returns the export. The password is needed only if the log-in of this device is some minutes old, and
/// the first servers never ask for it.
async fn lines(
    context: &Context,
    server: &HttpTransport,
    password_from_stdin: bool,
) -> anyhow::Result<Vec<u8>> {
    let client = &context.client;
    if !password_from_stdin {
        match client.export(server, None).await {
            Err(CallError::Refused(problem)) if problem.code == "reauthentication_required" => {}
            exported => return Ok(exported?),
        }
    }
    let password = password(password_from_stdin, false)?;
    Ok(client.export(server, Some(&password)).await?)
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
