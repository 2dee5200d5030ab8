//! The schema, brought up to date by one node at a time.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

use crate::open::OpenError;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The table that says which migrations were applied.
const HISTORY: &str = "refinery_schema_history";

/// Brings the schema up to date with `client`. `guard`, another connection, holds the lock on the
/// one row of a table of its own meanwhile; it is a row because every engine that speaks
/// PostgreSQL's protocol has row locks, which not all can say of advisory ones.
pub(crate) async fn up_to_date(
    client: &mut Client,
    guard: &Client,
    database: &str,
) -> Result<(), OpenError> {
    let failed = |error: Error| OpenError::migration(database, error);
    make_lock(guard).await.map_err(failed)?;
    guard.batch_execute("BEGIN").await.map_err(failed)?;
    let lock = "SELECT id FROM schema_lock WHERE id = 1 FOR UPDATE";
    guard.query_one(lock, &[]).await.map_err(failed)?;
    let migrated = migrate(client, database).await;
    guard.batch_execute("COMMIT").await.map_err(failed)?;
    migrated
}

/// Nodes that start at the same time all make the table, and what one of them is refused another
/// has done.
async fn make_lock(client: &Client) -> Result<(), Error> {
    for sql in [
        "CREATE TABLE IF NOT EXISTS schema_lock (
             id BIGINT NOT NULL, CONSTRAINT schema_lock_pk PRIMARY KEY (id))",
        "INSERT INTO schema_lock (id) VALUES (1) ON CONFLICT (id) DO NOTHING",
    ] {
        match client.batch_execute(sql).await {
            Err(error) if !is_taken(&error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn is_taken(error: &Error) -> bool {
    [
        SqlState::UNIQUE_VIOLATION,
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_OBJECT,
    ]
    .iter()
    .any(|code| error.code() == Some(code))
}

async fn migrate(client: &mut Client, database: &str) -> Result<(), OpenError> {
    refuse_foreign_or_newer(client, database).await?;
    // All or none: a server that is killed half-way leaves nothing to clean up.
    let runner = embedded::migrations::runner().set_grouped(true);
    let report = runner.run_async(client).await;
    let report = report.map_err(|error| OpenError::migration(database, error))?;
    for applied in report.applied_migrations() {
        tracing::info!(migration = %applied, "database schema changed");
    }
    Ok(())
}

/// A schema that we did not make, or that a newer server did, is refused before anything in it is
/// changed.
async fn refuse_foreign_or_newer(client: &Client, database: &str) -> Result<(), OpenError> {
    let failed = |error: Error| OpenError::migration(database, error);
    let sql = "SELECT to_regclass($1)::text, to_regclass('users')::text";
    let row = client.query_one(sql, &[&HISTORY]).await.map_err(failed)?;
    let history: Option<String> = row.try_get(0).map_err(failed)?;
    let users: Option<String> = row.try_get(1).map_err(failed)?;
    if history.is_none() {
        let foreign = || OpenError::Foreign {
            database: database.to_owned(),
        };
        return users.map_or(Ok(()), |_| Err(foreign()));
    }
    let sql = "SELECT coalesce(max(version), 0)::bigint FROM refinery_schema_history";
    let row = client.query_one(sql, &[]).await.map_err(failed)?;
    let found: i64 = row.try_get(0).map_err(failed)?;
    let runner = embedded::migrations::runner();
    let versions = runner
        .get_migrations()
        .iter()
        .map(refinery::Migration::version);
    let known = i64::from(versions.max().unwrap_or_default());
    if found > known {
        return Err(OpenError::Newer {
            database: database.to_owned(),
            found,
            known,
        });
    }
    Ok(())
}
