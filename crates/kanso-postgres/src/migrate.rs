//! Schema migrations, run by one node at a time.

use kanso_application::ports::schema::{SchemaStep, StepState};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};
use uuid::Uuid;

use crate::open::OpenError;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Refinery's table of applied migrations.
const HISTORY: &str = "refinery_schema_history";

/// Runs the pending migrations on `client` and returns every step. Meanwhile `guard`, another
/// connection, holds the lock on the only row of `schema_lock`.
//
// A row lock and not an advisory lock: poolers in transaction mode lose advisory locks, and some
// engines that speak PostgreSQL's protocol do not have them. A second connection, because refinery
// runs the transaction of the migrations itself on the first.
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

/// Creates the table of the lock and its row.
//
// `IF NOT EXISTS` is not atomic in PostgreSQL: of several nodes that start at once all but one may
// get a duplicate error, from the table or from the catalog's own unique index. It means that
// another node has created the table.
async fn make_lock(client: &Client) -> Result<(), Error> {
    for sql in [
        "CREATE TABLE IF NOT EXISTS schema_lock (
             id BIGINT NOT NULL, CONSTRAINT schema_lock_pk PRIMARY KEY (id))",
        "INSERT INTO schema_lock (id) VALUES (1) ON CONFLICT (id) DO NOTHING",
    ] {
        match client.batch_execute(sql).await {
            Err(error) if !is_duplicate(&error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn is_duplicate(error: &Error) -> bool {
    [
        SqlState::UNIQUE_VIOLATION,
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_OBJECT,
    ]
    .iter()
    .any(|code| error.code() == Some(code))
}

/// Returns every migration of this version and its state in the database. Only reads.
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
    // Grouped: all pending migrations are one transaction. A server that is killed in the middle
    // leaves the old schema, on which the old version still runs.
    let runner = embedded::migrations::runner().set_grouped(true);
    let report = runner.run_async(client).await;
    let report = report.map_err(|error| OpenError::migration(database, error))?;
    let applied = report.applied_migrations();
    for applied in applied {
        tracing::info!(migration = %applied, "database migration applied");
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

/// Removes the counters of at most 500 users after $1 whose rows are free. Returns these users, each with
/// true if it was done.
const UNCOUNT_SOME: &str = "WITH batch AS (
         SELECT user_id FROM users WHERE user_id > $1 ORDER BY user_id LIMIT 500),
     free AS (
         SELECT user_id FROM users WHERE user_id IN (SELECT user_id FROM batch)
         FOR UPDATE SKIP LOCKED),
     uncounted AS (
         UPDATE users SET stored_records = NULL, stored_bytes = NULL
         FROM free WHERE users.user_id = free.user_id RETURNING users.user_id)
     SELECT batch.user_id, uncounted.user_id IS NOT NULL
     FROM batch LEFT JOIN uncounted ON uncounted.user_id = batch.user_id ORDER BY batch.user_id";

/// Ends the mixed phase. Returns the release that it was kept for; `None` if there was no mixed
/// phase. If this is interrupted, the next call begins again.
pub(crate) async fn finish(client: &Client) -> Result<Option<String>, Error> {
    let Some(oldest_server) = oldest_server(client).await? else {
        return Ok(None);
    };
    // The old servers did not count what they wrote, so each user is counted anew. In short transactions:
    // the writes of users go on meanwhile.
    let mut after = Uuid::nil();
    loop {
        let batch = client.query(UNCOUNT_SOME, &[&after]).await?;
        let Some(last) = batch.last() else {
            break;
        };
        after = last.try_get(0)?;
        for row in &batch {
            if !row.try_get::<_, bool>(1)? {
                let user: Uuid = row.try_get(0)?;
                // Waits for the writer of this user, and holds no other lock (ADR 0018).
                let sql = "UPDATE users SET stored_records = NULL, stored_bytes = NULL
                           WHERE user_id = $1";
                client.execute(sql, &[&user]).await?;
            }
        }
    }
    client
        .execute("DELETE FROM mixed_phase WHERE id = 1", &[])
        .await?;
    Ok(Some(oldest_server))
}

/// Returns the version of the newest applied migration, 0 if there is none. Refuses a schema of
/// another program or of a newer server, before anything is changed.
async fn newest(client: &Client, database: &str) -> Result<i64, OpenError> {
    let failed = |error: Error| OpenError::migration(database, error);
    let sql = "SELECT to_regclass($1)::text, to_regclass('users')::text";
    let row = client.query_one(sql, &[&HISTORY]).await.map_err(failed)?;
    let history: Option<String> = row.try_get(0).map_err(failed)?;
    // A table `users` without our history belongs to another program. Migration V1 would fail on it
    // too, but with an error that does not say so.
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
