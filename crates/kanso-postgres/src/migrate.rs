//! The schema, brought up to date by one node at a time.

use kanso_application::ports::schema::{SchemaStep, StepState};
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
/// PostgreSQL's protocol has row locks, which not all can say of advisory ones. Tells which steps
/// that took.
pub(crate) async fn up_to_date(
    client: &mut Client,
    guard: &Client,
    database: &str,
) -> Result<Vec<SchemaStep>, OpenError> {
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

/// The steps to the schema of this version, and which of them the database has taken. Only reads.
pub(crate) async fn schema(client: &Client, database: &str) -> Result<Vec<SchemaStep>, OpenError> {
    let newest = newest(client, database).await?;
    Ok(steps(|version| {
        if version <= newest {
            StepState::Applied
        } else {
            StepState::Pending
        }
    }))
}

fn steps(state: impl Fn(i64) -> StepState) -> Vec<SchemaStep> {
    let runner = embedded::migrations::runner();
    let mut steps: Vec<_> = runner
        .get_migrations()
        .iter()
        .map(|migration| SchemaStep {
            version: i64::from(migration.version()),
            name: migration.name().to_owned(),
            state: state(i64::from(migration.version())),
        })
        .collect();
    steps.sort_by_key(|step| step.version);
    steps
}

async fn migrate(client: &mut Client, database: &str) -> Result<Vec<SchemaStep>, OpenError> {
    newest(client, database).await?;
    // All or none: a server that is killed half-way leaves nothing to clean up.
    let runner = embedded::migrations::runner().set_grouped(true);
    let report = runner.run_async(client).await;
    let report = report.map_err(|error| OpenError::migration(database, error))?;
    let applied = report.applied_migrations();
    for applied in applied {
        tracing::info!(migration = %applied, "database schema changed");
    }
    Ok(steps(|version| {
        if applied
            .iter()
            .any(|step| i64::from(step.version()) == version)
        {
            StepState::AppliedNow
        } else {
            StepState::Applied
        }
    }))
}

/// Returns the oldest release whose servers may still be running on the database; `None` once
/// the mixed phase is over.
pub(crate) async fn oldest_server(client: &Client) -> Result<Option<String>, Error> {
    let sql = "SELECT oldest_server FROM mixed_phase WHERE id = 1";
    let row = client.query_opt(sql, &[]).await?;
    row.map(|row| row.try_get(0)).transpose()
}

/// Ends the mixed phase. Returns the release that it was kept for; `None` if there was no mixed
/// phase.
pub(crate) async fn finish(client: &Client) -> Result<Option<String>, Error> {
    let sql = "DELETE FROM mixed_phase WHERE id = 1 RETURNING oldest_server";
    let row = client.query_opt(sql, &[]).await?;
    row.map(|row| row.try_get(0)).transpose()
}

/// The newest step that the database has taken, 0 for none. A schema that we did not make, or that
/// a newer server did, is refused before anything in it is changed.
async fn newest(client: &Client, database: &str) -> Result<i64, OpenError> {
    let failed = |error: Error| OpenError::migration(database, error);
    let sql = "SELECT to_regclass($1)::text, to_regclass('users')::text";
    let row = client.query_one(sql, &[&HISTORY]).await.map_err(failed)?;
    let history: Option<String> = row.try_get(0).map_err(failed)?;
    let users: Option<String> = row.try_get(1).map_err(failed)?;
    if history.is_none() {
        let foreign = || OpenError::Foreign {
            database: database.to_owned(),
        };
        return users.map_or(Ok(0), |_| Err(foreign()));
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
    Ok(found)
}
