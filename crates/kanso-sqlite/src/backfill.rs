//! Part of a migration that SQL cannot express.

use kanso_domain::UserId;
use kanso_domain::sync::Digest;
use rusqlite::Connection;

use crate::columns::{Bound, only};
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
