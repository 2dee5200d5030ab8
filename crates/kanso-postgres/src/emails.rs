//! The directory of e-mail addresses: a new address for an account.

use kanso_application::ports::storage::{EmailReplacement, NewEmail};
use kanso_domain::UserId;
use kanso_domain::accounts::Email;

use crate::columns::{bind, only};
use crate::connection::Connection;
use crate::error::DatabaseError;

/// Replaces the address of an account whose password hash is still the checked one.
//
// The user is locked before the directory, as in `erasure::mark`. A registration holds a row of the
// directory and locks no other user, so the two cannot deadlock.
pub(crate) async fn replace(
    connection: &Connection,
    user: UserId,
    new: &NewEmail,
) -> Result<EmailReplacement, DatabaseError> {
    let sql = "SELECT email FROM users
               WHERE user_id = $1 AND password_hash = $2 AND NOT is_deleted FOR UPDATE";
    let former = connection.first(sql, bind![user, new.checked], only::<Email>);
    let Some(former) = former.await? else {
        return Ok(EmailReplacement::Superseded);
    };
    if former == new.email {
        return Ok(EmailReplacement::Replaced);
    }
    let older = new.email.older_spelling().unwrap_or(new.email.as_str());
    // The directory decides: of two accounts that want one address, the second waits for the first here.
    let sql = "INSERT INTO emails (email, user_id) SELECT $1, $2
               WHERE NOT EXISTS (SELECT 1 FROM emails WHERE email = $3 AND user_id <> $2)
               ON CONFLICT (email) DO NOTHING";
    let values = bind![new.email, user, older.to_owned()];
    if connection.execute(sql, values).await? == 0 {
        return Ok(EmailReplacement::Taken);
    }
    let sql = "DELETE FROM emails WHERE email = $1 AND user_id = $2";
    connection.execute(sql, bind![former, user]).await?;
    let sql = "UPDATE users SET email = $2 WHERE user_id = $1";
    connection.execute(sql, bind![user, new.email]).await?;
    Ok(EmailReplacement::Replaced)
}
