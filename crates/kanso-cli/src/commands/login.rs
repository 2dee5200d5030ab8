//! `kanso login`

use kanso_client::transport::{HttpTransport, Transport as _};
use serde_json::json;

use crate::arguments::Credentials;
use crate::context::Context;
use crate::environment::password;
use crate::exit::Exit;

pub(crate) async fn run(context: &Context, given: &Credentials) -> anyhow::Result<Exit> {
    let server = context.server()?;
    let password = password(given.password_stdin, false)?;
    with(context, &server, &given.email, &password).await
}

pub(super) async fn with(
    context: &Context,
    server: &HttpTransport,
    email: &str,
    password: &str,
) -> anyhow::Result<Exit> {
    // A log-in at another address moves the replica there, so it uses the requested server.
    let account = context.client.login(server, email, password).await?;
    let value = json!({"email": account.email, "id": account.id, "server": server.server()});
    let text = format!(
        "Logged in to {} as {}. Run `kanso sync` to exchange changes.",
        server.server(),
        account.email
    );
    context.output.done(&value, &text)?;
    context.remark_on_zone()?;
    Ok(Exit::Ok)
}
