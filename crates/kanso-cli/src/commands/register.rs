//! `kanso register`

use kanso_client::CallError;

use super::login;
use crate::arguments::Register;
use crate::context::Context;
use crate::environment::{check_password, password};
use crate::exit::Exit;

pub(crate) async fn run(context: &Context, asked: &Register) -> anyhow::Result<Exit> {
    let given = &asked.credentials;
    let server = context.server()?;
    // Before the password is asked for. The client checks it again.
    if let Some(account) = context.client.status()?.account {
        let email = account.email;
        return Err(CallError::HasAccount { email }.into());
    }
    let password = password(given.password_stdin, true)?;
    check_password(&given.email, &password)?;
    context
        .client
        .register(&server, &given.email, &password, asked.invite.as_deref())
        .await?;
    // The server creates the account without a session. Logging in with the password at hand saves the
    // user from typing it again.
    login::with(context, &server, &given.email, &password).await
}
