//! Parts of a migration that SQL cannot express.

use kanso_domain::UserId;
use kanso_domain::accounts::Email;
use kanso_domain::sync::Digest;
use rusqlite::Connection;

use crate::columns::{Bound, Columns, only};
use crate::compare;
use crate::error::DatabaseError;

/// Computes the missing digests. They hash with a function of the domain, so a migration in SQL cannot
/// compute them; it leaves NULL for the users that are left to do.
pub(crate) fn digests(connection: &mut Connection) -> Result<(), DatabaseError> {
    let transaction = connection.transaction()?;
    let users: Vec<UserId> = {
        let sql = "SELECT user_id FROM users WHERE digest IS NULL";
        let mut statement = transaction.prepare(sql)?;
        let rows = statement.query_map([], only)?;
        rows.collect::<Result<_, _>>()?
    };
    for user in users {
        let live = compare::live(&transaction, user)?.into_iter();
        let digest: Digest = live
            .map(|(entity, id, version)| Digest::of(entity, id.as_u128(), version))
            .sum();
        let sql = "UPDATE users SET digest = ?2 WHERE user_id = ?1";
        transaction.execute(
            sql,
            [&Bound(&user) as &dyn rusqlite::ToSql, &Bound(&digest)],
        )?;
    }
    Ok(transaction.commit()?)
}

/// Brings the e-mail addresses of release 0.1.0 to their present spelling.
///
/// An address whose present spelling is that of another account stays as it is. Its user is still
/// found under the text that was typed at the registration ([`Email::older_spelling`]).
pub(crate) fn emails(connection: &mut Connection) -> Result<(), DatabaseError> {
    let transaction = connection.transaction()?;
    let stored: Vec<(String, UserId)> = {
        // Any other address has one spelling.
        let sql = "SELECT email, user_id FROM emails
                   WHERE email GLOB '*[^ -~]*' OR email GLOB '*xn--*'";
        let mut statement = transaction.prepare(sql)?;
        let rows = statement.query_map([], |row| {
            let mut columns = Columns::of(row);
            Ok((columns.take()?, columns.take()?))
        })?;
        rows.collect::<Result<_, _>>()?
    };
    for (stored, user) in stored {
        let Ok(email) = stored.parse::<Email>() else {
            continue;
        };
        if email.as_str() == stored {
            continue;
        }
        let sql = "UPDATE OR IGNORE emails SET email = ?2 WHERE email = ?1";
        if transaction.execute(sql, [&stored, email.as_str()])? == 0 {
            tracing::warn!(
                user_id = %user,
                "the e-mail address of this account is another spelling of the address of a second \
                 account; each is found under its own spelling"
            );
            continue;
        }
        let sql = "UPDATE users SET email = ?2 WHERE user_id = ?1";
        transaction.execute(sql, [&Bound(&user) as &dyn rusqlite::ToSql, &Bound(&email)])?;
    }
    Ok(transaction.commit()?)
}
