//! Statements, prepared once for each connection.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Statement;

/// The condition that a row has the key `$key` of the user $1, in the index on `user_id` and `$column`.
//
// The comparison of both columns is redundant, and only that index can answer it without looking at the row. To a
// planner without statistics every index on `user_id` seems to lead to one row, so all cost the same, and it
// might take one that leads to all rows of the user. The comparison makes the others dearer.
macro_rules! has_key {
    ($column:literal, $key:literal) => {
        concat!(
            "user_id = $1 AND ",
            $column,
            " = ",
            $key,
            " AND (user_id, ",
            $column,
            ") >= ($1, ",
            $key,
            ")"
        )
    };
}
pub(crate) use has_key;

/// Looks up rows of the user $1 by each of the keys $2, under the name of their table.
//
// `OFFSET 0` keeps the planner from turning the look-ups into a join or into `= ANY`. Both may become a scan of
// all rows of the user where the table has no statistics, or had none when the plan was made.
macro_rules! by_key {
    ($table:literal, $column:literal) => {
        by_key!($table, $column, "")
    };
    ($table:literal, $column:literal, $condition:literal) => {
        concat!(
            "unnest($2::uuid[]) AS asked (key) CROSS JOIN LATERAL (SELECT * FROM ",
            $table,
            " WHERE ",
            crate::statements::has_key!($column, "asked.key"),
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
