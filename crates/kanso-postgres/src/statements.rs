//! Statements, prepared once for each connection.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Statement;

/// Looks up rows of the user $1 by each of the keys $2, under the name of their table.
//
// `OFFSET 0` keeps the planner from turning the look-ups into a join or into `= ANY`. Both may become a scan of
// all rows of the user where the table has no statistics, or had none when the plan was made.
macro_rules! by_key {
    ($table:literal, $condition:literal) => {
        concat!(
            "unnest($2::uuid[]) AS asked (key) CROSS JOIN LATERAL (SELECT * FROM ",
            $table,
            " WHERE user_id = $1 AND ",
            $condition,
            " OFFSET 0) AS ",
            $table
        )
    };
}
pub(crate) use by_key;

/// Prepares a statement. One that was prepared before comes from the cache of the connection, without
/// waiting.
pub(crate) async fn prepare(
    client: &ClientWrapper,
    sql: &'static str,
) -> Result<Statement, tokio_postgres::Error> {
    #[cfg(test)]
    tests::note(sql);
    client.prepare_cached(sql).await
}

#[cfg(test)]
mod tests;
