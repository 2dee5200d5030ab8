//! Checks at the start whether Kanso can work with a database at all.

use tokio_postgres::{Client, Error, SimpleQueryMessage};

use crate::DatabaseUrl;
use crate::open::OpenError;

/// Refuses a database that is not UTF-8, and a pooler that pools by transaction. `first` and `second`
/// are connections to the same address, both outside a transaction.
pub(crate) async fn check(
    first: &Client,
    second: &Client,
    url: &DatabaseUrl,
) -> Result<(), OpenError> {
    let database = url.to_string();
    let failed = |error: Error| OpenError::unreachable(url, error);
    let found = value(first, "SHOW server_encoding").await.map_err(failed)?;
    if found != "UTF8" {
        return Err(OpenError::Encoding { database, found });
    }
    if pools_by_transaction(first, second).await.map_err(failed)? {
        return Err(OpenError::TransactionPooler { database });
    }
    Ok(())
}

/// Returns true if the two connections share the connections of a pooler.
//
// Outside a transaction `first` holds no connection to the database, so the pooler gives the one that
// it used last to the transaction of `second`. A pooler that takes turns instead gives `first` another
// one at its next statement.
async fn pools_by_transaction(first: &Client, second: &Client) -> Result<bool, Error> {
    const PROCESS: &str = "SELECT pg_backend_pid()";
    let before = value(first, PROCESS).await?;
    second.batch_execute("BEGIN").await?;
    let shared = async {
        // In this order: if the pooler has a single connection, `first` would wait for `second`.
        Ok(value(second, PROCESS).await? == before || value(first, PROCESS).await? != before)
    };
    let shared = shared.await;
    second.batch_execute("ROLLBACK").await?;
    shared
}

/// Returns the only value of a query. Not prepared: a pooler may lose prepared statements.
async fn value(client: &Client, sql: &str) -> Result<String, Error> {
    let messages = client.simple_query(sql).await?;
    let value = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(value.unwrap_or_default().to_owned())
}
