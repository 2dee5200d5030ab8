//! Which cluster, timeline, database and table the stored epoch belongs to.
//!
//! A database that was restored has a history that clients may be ahead of, and will give out the
//! same positions again for other changes; only a new epoch keeps the two apart. A dump that was
//! restored into another cluster, another database, or in the place of the tables, shows in their
//! numbers; recovery to a point in time and the promotion of a standby, which may lack commits that
//! were answered, in the timeline. It is asked of every new connection, because the server at its
//! other end may have been replaced while this process ran.

use deadpool_postgres::ClientWrapper;
use kanso_domain::sync::Epoch;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

/// Hears the witness of the database, and gives its epoch: the stored one, or a `fresh` one that is
/// stored when there is none or it was another database's.
pub(crate) async fn hear(
    client: &ClientWrapper,
    fresh: &(dyn Fn() -> Epoch + Send + Sync),
) -> Result<Epoch, Error> {
    let witness = testimony(client).await?;
    let stored = stored(client, "").await?;
    if let Some((epoch, told)) = stored
        && told == witness
    {
        return Ok(epoch);
    }
    client.batch_execute("BEGIN").await?;
    let epoch = begin(client, &witness, fresh).await;
    let end = if epoch.is_ok() { "COMMIT" } else { "ROLLBACK" };
    client.batch_execute(end).await?;
    epoch
}

/// Stores a new epoch, unless another node has done so meanwhile.
async fn begin(
    client: &Client,
    witness: &str,
    fresh: &(dyn Fn() -> Epoch + Send + Sync),
) -> Result<Epoch, Error> {
    let made = fresh();
    let (number, witness) = (made.get().cast_signed(), witness.to_owned());
    let sql = "INSERT INTO server (id, epoch, witness) VALUES (1, $1, $2)
               ON CONFLICT (id) DO NOTHING";
    if client.execute(sql, &[&number, &witness]).await? > 0 {
        return Ok(made);
    }
    match stored(client, " FOR UPDATE").await? {
        Some((epoch, told)) if told == witness => Ok(epoch),
        found => {
            tracing::warn!(
                found = found.map(|(_, told)| told),
                expected = witness,
                "the database was restored, replaced or promoted: its history gets a new epoch, \
                 and every device will compare and resync"
            );
            let sql = "UPDATE server SET epoch = $1, witness = $2 WHERE id = 1";
            client.execute(sql, &[&number, &witness]).await?;
            Ok(made)
        }
    }
}

async fn stored(client: &Client, lock: &str) -> Result<Option<(Epoch, String)>, Error> {
    let sql = format!("SELECT epoch, witness FROM server WHERE id = 1{lock}");
    let row = client.query_opt(&sql, &[]).await?;
    let Some(row) = row else { return Ok(None) };
    let epoch: i64 = row.try_get(0)?;
    Ok(Some((Epoch::new(epoch.cast_unsigned()), row.try_get(1)?)))
}

/// The numbers, with `-` for one that this server does not tell or this user may not know.
async fn testimony(client: &Client) -> Result<String, Error> {
    let mut witness = String::new();
    for (name, sql) in [
        (
            "cluster",
            "SELECT system_identifier::text FROM pg_control_system()",
        ),
        // What pg_control_checkpoint() tells is of the last checkpoint, so for some time after a
        // promotion still the old one.
        (
            "timeline",
            "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)",
        ),
        (
            "database",
            "SELECT oid::text FROM pg_database WHERE datname = current_database()",
        ),
        ("table", "SELECT 'server'::regclass::oid::text"),
    ] {
        let told: String = match client.query_one(sql, &[]).await {
            Ok(row) => row.try_get(0)?,
            Err(error) if is_untold(&error) => "-".to_owned(),
            Err(error) => return Err(error),
        };
        if !witness.is_empty() {
            witness.push(' ');
        }
        witness.push_str(name);
        witness.push('=');
        witness.push_str(&told);
    }
    Ok(witness)
}

fn is_untold(error: &Error) -> bool {
    [
        SqlState::INSUFFICIENT_PRIVILEGE,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::FEATURE_NOT_SUPPORTED,
    ]
    .iter()
    .any(|code| error.code() == Some(code))
}
