//! The directory of e-mail addresses: a new address for an account.

use kanso_application::ports::storage::{EmailReplacement, NewEmail};
use kanso_domain::UserId;
use kanso_domain::accounts::Email;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::columns::{Bound, only};
use crate::error::DatabaseError;
use crate::statements::prepare;

/// Replaces the address of an account whose password hash is still the checked one.
pub(crate) fn replace(
    connection: &Connection,
    user: UserId,
    new: &NewEmail,
) -> Result<EmailReplacement, DatabaseError> {
    let sql = "SELECT email FROM users
               WHERE user_id = ?1 AND password_hash = ?2 AND is_deleted = 0";
    let former = prepare(connection, sql)?
        .query_row(params![Bound(&user), Bound(&new.checked)], only::<Email>)
        .optional()?;
    let Some(former) = former else {
        return Ok(EmailReplacement::Superseded);
    };
    if former == new.email {
        return Ok(EmailReplacement::Replaced);
    }
    let older = new.email.older_spelling().unwrap_or(new.email.as_str());
    let sql = "SELECT 1 FROM emails WHERE email IN (?1, ?2) AND user_id <> ?3";
    let spellings = params![Bound(&new.email), older, Bound(&user)];
    if prepare(connection, sql)?.exists(spellings)? {
        return Ok(EmailReplacement::Taken);
    }
    for (sql, email) in [
        (
            "DELETE FROM emails WHERE email = ?2 AND user_id = ?1",
            &former,
        ),
        (
            "INSERT INTO emails (user_id, email) VALUES (?1, ?2)",
            &new.email,
        ),
        ("UPDATE users SET email = ?2 WHERE user_id = ?1", &new.email),
    ] {
        prepare(connection, sql)?.execute(params![Bound(&user), Bound(email)])?;
    }
    Ok(EmailReplacement::Replaced)
}
