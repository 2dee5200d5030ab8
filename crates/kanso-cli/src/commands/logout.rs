//! `kanso logout`

use serde_json::json;

use crate::context::Context;
use crate::exit::Exit;

pub(crate) async fn run(context: &Context) -> anyhow::Result<Exit> {
    let server = context.server()?;
    // Succeeds offline too: the local session is removed in any case.
    context.client.logout(&server).await?;
    let text = "Logged out. Your habits stay on this device.";
    context.output.done(&json!({"signed_in": false}), text)?;
    Ok(Exit::Ok)
}
