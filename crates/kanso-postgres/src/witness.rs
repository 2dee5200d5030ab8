//! The cluster, timeline, database and table that the stored epoch belongs to.
//!
//! Clients may be ahead of the history of a restored database, which will then assign the same
//! positions to other changes. A new epoch keeps the two histories apart.
//!
//! A dump that is restored into another cluster, another database or a new table changes their
//! identifiers. Point-in-time recovery and the promotion of a standby, which may lack acknowledged
//! commits, change the timeline. Every new connection is checked, because the server at its address
//! may have been replaced while this process ran.

use std::fmt;

use kanso_domain::sync::Epoch;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

/// Number of epochs that are kept. A device of an older one compares everything.
const KEPT_EPOCHS: i64 = 100;

/// The identifiers of the history behind a connection. Each is missing if the server does not have it
/// or the role may not read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Witness {
    /// Identifier that `initdb` gave the cluster and that its copies keep.
    pub(crate) cluster: Option<String>,
    /// Number that grows with each promotion and each recovery of the cluster.
    pub(crate) timeline: Option<u32>,
    pub(crate) database: Option<String>,
    pub(crate) table: Option<String>,
}

impl Witness {
    /// Reads the identifiers, as far as the server tells them.
    pub(crate) async fn read(client: &Client) -> Result<Self, Error> {
        let cluster = "SELECT system_identifier::text FROM pg_control_system()";
        // Not pg_control_checkpoint(): it reports the timeline of the last checkpoint, which for some
        // time after a promotion is still the old one.
        let timeline = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)";
        let database = "SELECT oid::text FROM pg_database WHERE datname = current_database()";
        let table = "SELECT to_regclass('server')::oid::text";
        let timeline = identifier(client, timeline).await?;
        Ok(Self {
            cluster: identifier(client, cluster).await?,
            timeline: timeline.and_then(|text| u32::from_str_radix(&text, 16).ok()),
            database: identifier(client, database).await?,
            table: identifier(client, table).await?,
        })
    }
}

/// The form in which the witness is stored.
impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timeline = self.timeline.map(|number| format!("{number:08X}"));
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        write!(f, "cluster={} ", text(&self.cluster))?;
        write!(f, "timeline={} ", text(&timeline))?;
        write!(f, "database={} ", text(&self.database))?;
        write!(f, "table={}", text(&self.table))
    }
}

/// Compares the stored witness with the actual one and returns the epoch: the stored one if they
/// agree, a `fresh` one otherwise.
pub(crate) async fn check(
    client: &Client,
    witness: &Witness,
    fresh: &(dyn Fn() -> Epoch + Send + Sync),
) -> Result<Epoch, Error> {
    let witness = witness.to_string();
    let stored = stored(client, "").await?;
    if let Some((epoch, expected)) = stored
        && expected == witness
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
//
// Several nodes notice a restored database at once. The row lock lets one of them store its epoch,
// and the others find a witness that agrees and use the same epoch.
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
        list(client, number).await?;
        return Ok(made);
    }
    match stored(client, " FOR UPDATE").await? {
        Some((epoch, found)) if found == witness => Ok(epoch),
        found => {
            tracing::warn!(
                found = found.map(|(_, witness)| witness),
                expected = witness,
                "the database was restored, replaced or promoted: its history gets a new epoch, \
                 and every device will compare and resync"
            );
            let sql = "UPDATE server SET epoch = $1, witness = $2 WHERE id = 1";
            client.execute(sql, &[&number, &witness]).await?;
            list(client, number).await?;
            Ok(made)
        }
    }
}

/// Puts an epoch at the end of the list of epochs. The caller holds the lock on the row of the server.
async fn list(client: &Client, epoch: i64) -> Result<(), Error> {
    let sql = "INSERT INTO epochs (ordinal, epoch)
               SELECT coalesce(max(ordinal), 0) + 1, $1 FROM epochs
               ON CONFLICT (epoch) DO NOTHING";
    client.execute(sql, &[&epoch]).await?;
    let sql = "DELETE FROM epochs WHERE ordinal <= (SELECT max(ordinal) FROM epochs) - $1";
    if client.execute(sql, &[&KEPT_EPOCHS]).await? > 0 {
        let sql = "DELETE FROM history_starts WHERE epoch NOT IN (SELECT epoch FROM epochs)";
        client.execute(sql, &[]).await?;
    }
    Ok(())
}

/// Returns the stored epoch and witness.
async fn stored(client: &Client, lock: &str) -> Result<Option<(Epoch, String)>, Error> {
    let sql = format!("SELECT epoch, witness FROM server WHERE id = 1{lock}");
    let row = client.query_opt(&sql, &[]).await?;
    let Some(row) = row else { return Ok(None) };
    let epoch: i64 = row.try_get(0)?;
    Ok(Some((Epoch::new(epoch.cast_unsigned()), row.try_get(1)?)))
}

/// Returns an identifier; none if the role may not read it. A missing privilege must not stop the
/// server: managed databases often refuse the first one.
async fn identifier(client: &Client, sql: &str) -> Result<Option<String>, Error> {
    match client.query_one(sql, &[]).await {
        Ok(row) => row.try_get(0),
        Err(error) if is_unreadable(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_unreadable(error: &Error) -> bool {
    [
        SqlState::INSUFFICIENT_PRIVILEGE,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::FEATURE_NOT_SUPPORTED,
    ]
    .iter()
    .any(|code| error.code() == Some(code))
}
