//! `kanso-server user`: lists, makes, disables and deletes accounts.

use std::io::{self, Write as _};

use kanso_application::operator::Operator;
use kanso_application::ports::admission::ListedAccount;
use kanso_domain::accounts::{Email, Password};
use kanso_domain::sessions::Session;
use serde_json::{Value, json};

use super::{OperatorError, QuotaChange, commands, found, hasher, quota, with_storage};
use crate::config::Config;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A command about accounts.
// No `Debug`: it may have a password.
#[derive(Clone)]
pub enum UserCommand {
    /// List all accounts.
    List {
        /// True for JSON Lines instead of a table.
        is_json: bool,
    },
    /// Make an account.
    Add {
        /// E-mail address.
        email: Email,
        /// Password.
        password: Password,
    },
    /// Make an invitation.
    Invite {
        /// Days for which it is valid.
        days: u16,
    },
    /// Disable an account, or enable it again.
    SetDisabled {
        /// E-mail address.
        email: Email,
        /// True to disable it.
        is_disabled: bool,
    },
    /// Delete an account.
    Delete {
        /// E-mail address.
        email: Email,
    },
    /// List the sessions of an account.
    Sessions {
        /// E-mail address.
        email: Email,
        /// True for JSON Lines instead of a table.
        is_json: bool,
    },
    /// End the sessions of an account.
    EndSessions {
        /// E-mail address.
        email: Email,
    },
    /// Show the quota of an account, after a change if there is one.
    Quota {
        /// E-mail address.
        email: Email,
        /// Bounds to change.
        change: QuotaChange,
        /// True for JSON instead of a table.
        is_json: bool,
    },
}

/// Runs a command about accounts and prints its result. Blocks.
///
/// # Errors
/// See [`OperatorError`].
pub fn user(config: &Config, command: UserCommand) -> Result<(), OperatorError> {
    with_storage(config, async |storage, options| {
        let operator = commands(storage, options);
        match command {
            UserCommand::List { is_json } => list(&operator, is_json).await,
            UserCommand::Add { email, password } => {
                let added = operator.add(&hasher(options)?, email, password).await?;
                let id = added.ok_or(OperatorError::EmailTaken)?;
                print(&format!("{id}\n"))
            }
            UserCommand::Invite { days } => {
                let invitation = operator.invite(i64::from(days) * DAY).await?;
                print(&format!("{}\n", invitation.code))?;
                say(&format!(
                    "It makes one account until {}: kanso register EMAIL --invite CODE",
                    invitation.expires_at
                ));
                Ok(())
            }
            UserCommand::SetDisabled { email, is_disabled } => {
                found(config, operator.set_disabled(&email, is_disabled).await?)?;
                say(if is_disabled {
                    "The account is disabled, and its sessions are ended. Its records are kept."
                } else {
                    "The account is enabled."
                });
                Ok(())
            }
            UserCommand::Delete { email } => {
                found(config, operator.delete(&email).await?)?;
                say("The account is deleted. A running server erases its records in short steps.");
                Ok(())
            }
            UserCommand::Sessions { email, is_json } => {
                let sessions = operator.sessions(&email).await?;
                found(config, sessions.is_some())?;
                sessions_table(&sessions.unwrap_or_default(), is_json)
            }
            UserCommand::EndSessions { email } => {
                let ended = operator.end_sessions(&email).await?;
                found(config, ended.is_some())?;
                say(&format!("Sessions ended: {}", ended.unwrap_or_default()));
                Ok(())
            }
            UserCommand::Quota {
                email,
                change,
                is_json,
            } => {
                if !change.is_empty() {
                    let changed = operator.change_quota(&email, |own| change.applied_to(own));
                    found(config, changed.await?)?;
                }
                match operator.quota(&email, config.quota).await? {
                    Some(report) => print(&quota::shown(&report, is_json)),
                    None => found(config, false),
                }
            }
        }
    })
}

async fn list(operator: &Operator, is_json: bool) -> Result<(), OperatorError> {
    if !is_json {
        print(&account_line("ID", "CREATED", "STATE", "E-MAIL ADDRESS"))?;
    }
    let mut after = None;
    // Printed page by page: a server may have more accounts than this process has memory.
    loop {
        let page = operator.accounts(after).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.id);
        let lines = page.iter().map(|account| {
            if is_json {
                json_line(&account_json(account))
            } else {
                let created = account.created_at.to_string();
                let email = shown(account.email.as_str());
                account_line(&account.id.to_string(), &created, state(account), &email)
            }
        });
        print(&lines.collect::<String>())?;
    }
}

fn account_line(id: &str, created: &str, state: &str, email: &str) -> String {
    // The address is last: it alone has no fixed width.
    format!("{id:<36}  {created:<27}  {state:<8}  {email}\n")
}

fn account_json(account: &ListedAccount) -> Value {
    json!({
        "id": account.id.to_string(),
        "email": account.email.as_str(),
        "created_at": account.created_at.to_string(),
        "state": state(account),
    })
}

const fn state(account: &ListedAccount) -> &'static str {
    if account.is_disabled {
        "disabled"
    } else {
        "active"
    }
}

fn sessions_table(sessions: &[Session], is_json: bool) -> Result<(), OperatorError> {
    let line =
        |id: &str, created: &str, expires: &str| format!("{id:<36}  {created:<27}  {expires}\n");
    let mut text = String::new();
    if !is_json {
        text.push_str(&line("ID", "CREATED", "EXPIRES"));
    }
    for session in sessions {
        let id = session.id.to_string();
        let (created, expires) = (
            session.created_at.to_string(),
            session.expires_at.to_string(),
        );
        text.push_str(&if is_json {
            json_line(&json!({"id": id, "created_at": created, "expires_at": expires}))
        } else {
            line(&id, &created, &expires)
        });
    }
    print(&text)
}

fn json_line(value: &Value) -> String {
    format!("{value}\n")
}

/// Returns a text that a terminal shows and does not carry out: release 0.1.0 took more addresses.
fn shown(text: &str) -> String {
    let escaped = |c: char| {
        if c.is_control() {
            c.escape_unicode().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(escaped).collect()
}

fn print(text: &str) -> Result<(), OperatorError> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(OperatorError::Unwritable)
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
