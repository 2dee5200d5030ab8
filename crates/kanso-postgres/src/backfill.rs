//! Part of a migration that SQL cannot express.

use kanso_domain::accounts::Email;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};
use uuid::Uuid;

/// Brings the e-mail addresses of release 0.1.0 to their present spelling.
///
/// An address whose present spelling is that of another account stays as it is. Its user is still
/// found under the text that was typed at the registration ([`Email::older_spelling`]).
pub(crate) async fn emails(client: &Client) -> Result<(), Error> {
    // Any other address has one spelling.
    let sql = "SELECT email, user_id FROM emails WHERE email ~ '[^ -~]' OR email LIKE '%xn--%'";
    for row in client.query(sql, &[]).await? {
        let (stored, user): (String, Uuid) = (row.try_get(0)?, row.try_get(1)?);
        let Ok(email) = stored.parse::<Email>() else {
            continue;
        };
        if email.as_str() == stored {
            continue;
        }
        // One statement, so that the two tables cannot differ. Another server may do the same now.
        let sql = "WITH spelled AS (
                       UPDATE emails SET email = $2 WHERE email = $1 RETURNING user_id
                   )
                   UPDATE users SET email = $2
                   WHERE user_id = $3 AND user_id IN (SELECT user_id FROM spelled)";
        match client
            .execute(sql, &[&stored, &email.as_str(), &user])
            .await
        {
            Ok(_) => {}
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => tracing::warn!(
                user_id = %user,
                "the e-mail address of this account is another spelling of the address of a second \
                 account; each is found under its own spelling"
            ),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
