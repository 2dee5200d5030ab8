//! `kanso account`

use clap::Subcommand;
use serde_json::json;

use crate::context::Context;
use crate::environment::password;
use crate::exit::Exit;

/// Commands of the account.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Delete your account with all data on the server; the records of this device stay here
    Delete {
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

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
