//! `kanso password`

use serde_json::json;

use crate::context::Context;
use crate::environment::{check_password, new_password};
use crate::exit::Exit;

pub(crate) async fn run(context: &Context, from_stdin: bool) -> anyhow::Result<Exit> {
    let server = context.server()?;
    // No environment variable here: it would have to hold two passwords.
    let (current, new) = new_password(from_stdin)?;
    // Without an account there is no session either, which the client says better.
    if let Some(account) = context.client.status()?.account {
        check_password(&account.email, &new)?;
    }
    context
        .client
        .change_password(&server, &current, &new)
        .await?;
    let text = "Password changed. Other devices have to log in again.";
    context.output.done(&json!({"changed": true}), text)?;
    Ok(Exit::Ok)
}
