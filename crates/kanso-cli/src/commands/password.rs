//! `kanso password`

use serde_json::json;

use crate::context::Context;
use crate::environment::new_password;
use crate::exit::Exit;

pub(crate) async fn run(context: &Context, from_stdin: bool) -> anyhow::Result<Exit> {
    let server = context.server()?;
    // No environment variable here: it would have to hold two passwords.
    let (current, new) = new_password(from_stdin)?;
    context
        .client
        .change_password(&server, &current, &new)
        .await?;
    let text = "Password changed. Other devices have to log in again.";
    context.output.done(&json!({"changed": true}), text)?;
    Ok(Exit::Ok)
}
