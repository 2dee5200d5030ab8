//! Statements, prepared once a connection.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Statement;

/// A prepared statement; prepared before, it is taken from the connection's cache without waiting.
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
