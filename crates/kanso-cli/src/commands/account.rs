//! `kanso account`

use serde_json::json;

use crate::context::Context;
use crate::environment::password;
use crate::exit::Exit;

/// Deletes the account. The password is the question: it cannot be typed by mistake.
pub(crate) async fn delete(context: &Context, from_stdin: bool) -> anyhow::Result<Exit> {
    let server = context.server()?;
    let password = password(from_stdin, false)?;
    let client = &context.client;
    client.delete_account(&server, &password).await?;
    let text =
        "Account deleted, with all data on the server. The records of this device stay here.";
    context.output.done(&json!({"deleted": true}), text)?;
    Ok(Exit::Ok)
}
