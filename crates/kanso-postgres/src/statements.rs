//! Statements, prepared once for each connection.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Statement;

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
