//! `kanso adopt`

use kanso_client::Adoption;
use kanso_client::transport::Transport as _;
use serde_json::json;

use crate::arguments::Adopt;
use crate::context::Context;
use crate::environment::{check_password, confirm, password};
use crate::exit::Exit;
use crate::words::count;

pub(crate) async fn run(context: &Context, asked: &Adopt) -> anyhow::Result<Exit> {
    let server = context.server()?;
    let given = &asked.credentials;
    let before = context.client.status()?.account;
    if let Some(account) = before {
        let what = amount(&context.client.adoptable()?);
        let (from, to) = (&account.email, &given.email);
        let question = format!(
            "{what} of {from} on {} will be sent to the account {to} on {}. Go on?",
            account.server,
            server.server(),
        );
        confirm(&question, asked.yes)?;
    }
    let password = password(given.password_stdin, asked.register)?;
    if asked.register {
        check_password(&given.email, &password)?;
        let client = &context.client;
        client
            .create_account(&server, &given.email, &password, asked.invite.as_deref())
            .await?;
    }
    let adoption = context
        .client
        .adopt(&server, &given.email, &password)
        .await?;
    let Adoption {
        habits,
        entries,
        failures,
        ..
    } = adoption.unwrap_or_default();
    let value = json!({
        "email": given.email,
        "server": server.server(),
        "adopted": adoption.is_some(),
        "habits": habits,
        "entries": entries,
        "conflicts": failures,
    });
    let text = match &adoption {
        Some(adoption) => format!(
            "Logged in to {} as {}. {} wait for the next `kanso sync`.",
            server.server(),
            given.email,
            amount(adoption)
        ),
        None => format!(
            "Logged in to {} as {}. This device belongs to that account already: nothing to adopt.",
            server.server(),
            given.email
        ),
    };
    context.output.done(&value, &text)?;
    Ok(Exit::Ok)
}

/// Describes what goes to the other account.
fn amount(adoption: &Adoption) -> String {
    let (habits, entries) = (
        count(adoption.habits, "habit"),
        count(adoption.entries, "entry"),
    );
    let mut text = format!("{habits} and {entries}");
    if adoption.waiting > 0 {
        text.push_str(", with ");
        text.push_str(&count(adoption.waiting, "change"));
        text.push_str(" never sent,");
    }
    text
}
