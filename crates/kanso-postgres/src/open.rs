//! Opening a database: connecting, checking its version and migrating its schema.

use std::iter;
use std::sync::Arc;

use kanso_application::ports::schema::{SchemaStep, StepState};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{self, DatabaseError, io_source, one_line};
use crate::pool::Connections;
use crate::primary::Primary;
use crate::{DatabaseUrl, PostgresOptions, fitness, tls};

/// Oldest supported server, in the form of `server_version_num`. Older ones are not tested.
const OLDEST_SERVER: i32 = 150_000;

/// Error of opening a database. Each message is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The server does not answer or refuses the login.
    #[error("cannot connect to the database {database}: {problem}")]
    Unreachable {
        /// The database, without the password.
        database: String,
        /// Error of the driver or the server.
        problem: String,
        /// True if a later attempt may succeed.
        is_passing: bool,
    },
    /// The trusted certificates cannot be loaded.
    #[error("cannot check the certificate of the database {database}")]
    Certificates {
        /// The database.
        database: String,
        /// Error of reading the certificates.
        source: std::io::Error,
    },
    /// The URL leaves the encryption to this server, which cannot verify the other side.
    #[error(
        "cannot verify the server of the database {database}: {problem}; beyond this machine the \
         default is sslmode=verify-full: name its authority with sslrootcert=FILE, or another sslmode"
    )]
    Unverified {
        /// The database, without the password.
        database: String,
        /// Error of the certificate check.
        problem: String,
    },
    /// The server is too old.
    #[error("the database {database} is PostgreSQL {found}, but 15 or newer is needed")]
    OldServer {
        /// The database.
        database: String,
        /// Version of the server.
        found: String,
    },
    /// The encoding of the database is not UTF-8.
    #[error(
        "the database {database} has the encoding {found}, which cannot store every title and note; \
         create it with ENCODING 'UTF8'"
    )]
    Encoding {
        /// The database.
        database: String,
        /// Encoding of the database.
        found: String,
    },
    /// A pooler gives each transaction another connection to the database.
    #[error(
        "the database {database} is behind a pooler that pools by transaction; Kanso keeps prepared \
         statements and settings on a connection, so let the pooler pool by session"
    )]
    TransactionPooler {
        /// The database.
        database: String,
    },
    /// The tables belong to another program.
    #[error(
        "the database {database} has tables that are not Kanso's; give Kanso a database of its own"
    )]
    Foreign {
        /// The database.
        database: String,
    },
    /// A newer version of Kanso wrote the schema.
    #[error(
        "the database {database} has schema {found}, but this server knows only up to {known}; \
         run the newer server that wrote it"
    )]
    Newer {
        /// The database.
        database: String,
        /// Schema version of the database.
        found: i64,
        /// Newest schema version that this server knows.
        known: i64,
    },
    /// The role of the server lacks rights on the tables.
    #[error(
        "the role of {database} lacks rights: {missing}; grant them, as docs/deployment.md shows"
    )]
    MissingRights {
        /// The database, with the role.
        database: String,
        /// The rights, such as `INSERT on habits`.
        missing: String,
    },
    /// The schema is not up to date, and the role may not change it.
    #[error(
        "the role of {database} may not migrate the schema ({problem}); run `kanso-server migrate` \
         with the role that owns it"
    )]
    MayNotMigrate {
        /// The database, with the role.
        database: String,
        /// Error of the server.
        problem: String,
    },
    /// A migration failed.
    #[error("cannot migrate the schema of the database {database}: {problem}")]
    Migration {
        /// The database.
        database: String,
        /// Error of the driver or the server.
        problem: String,
        /// True if a later attempt may succeed.
        is_passing: bool,
    },
}

impl OpenError {
    pub(crate) fn migration(database: &str, error: impl std::error::Error + 'static) -> Self {
        if driver_error(&error)
            .is_some_and(|error| error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE))
        {
            return Self::MayNotMigrate {
                database: database.to_owned(),
                problem: one_line(&error),
            };
        }
        Self::Migration {
            database: database.to_owned(),
            problem: one_line(&error),
            is_passing: is_passing(&error),
        }
    }

    pub(crate) fn unreachable(url: &DatabaseUrl, error: impl std::error::Error + 'static) -> Self {
        Self::Unreachable {
            database: url.to_string(),
            problem: one_line(&error),
            is_passing: is_passing(&error),
        }
    }

    /// Classifies the error of a connection whose encryption the URL leaves open.
    fn unverified(url: &DatabaseUrl, error: Error) -> Self {
        if !error::is_of_tls(&error) {
            return Self::unreachable(url, error);
        }
        Self::Unverified {
            database: url.to_string(),
            problem: one_line(&error),
        }
    }

    /// Returns true if a later attempt may succeed without a change of the configuration: the server
    /// is unreachable, starts, or has no connection left.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable {
                is_passing: true,
                ..
            } | Self::Migration {
                is_passing: true,
                ..
            }
        )
    }
}

/// Returns true if a later attempt may succeed.
//
// A host name that does not resolve is transient: DNS may not be up yet when a machine boots. A
// refused certificate is not: rustls reports it as an I/O error of kind `InvalidData`.
fn is_passing(error: &(dyn std::error::Error + 'static)) -> bool {
    use std::io::ErrorKind;
    let replaced = iter::successors(Some(error), |error| error.source())
        .any(|error| matches!(error.downcast_ref(), Some(DatabaseError::Replaced)));
    replaced
        || driver_error(error).is_some_and(|error| {
            let refused = io_source(error).is_some_and(|io| io.kind() == ErrorKind::InvalidData);
            let is_full = error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS);
            is_full || (error::is_transient(error) && !refused)
        })
}

/// Returns the driver's error in a chain of errors.
fn driver_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Error> {
    iter::successors(Some(error), |error| error.source()).find_map(|error| {
        match error.downcast_ref() {
            Some(DatabaseError::Driver(driver) | DatabaseError::UnknownOutcome(driver)) => {
                Some(driver)
            }
            _ => error.downcast_ref::<Error>(),
        }
    })
}

/// Brings the schema up to date. Returns a pool with one open connection, and the oldest release
/// whose servers may still be running on the database.
pub(crate) async fn open(
    options: &PostgresOptions,
) -> Result<(Connections, Option<String>), OpenError> {
    let Target { url, primary } = target(&options.url).await?;
    let options = &PostgresOptions {
        url,
        ..options.clone()
    };
    let url = &options.url;
    up_to_date(url, &primary).await?;
    let connections = Connections::new(options, Arc::new(primary));
    let connections = connections.map_err(|failure| OpenError::unreachable(url, failure))?;
    // The first connection checks the witness, so a server that cannot is not started.
    let first = connections.get().await;
    let first = first.map_err(|failure| OpenError::unreachable(url, failure))?;
    let oldest_server = crate::migrate::oldest_server(&first).await;
    let oldest_server = oldest_server.map_err(|error| OpenError::unreachable(url, error))?;
    // Servers of 0.1.0 look an account up under the spelling that they stored.
    if oldest_server.is_none() {
        let spelled = crate::backfill::emails(&first).await;
        spelled.map_err(|error| OpenError::migration(&url.to_string(), error))?;
    }
    drop(first);
    Ok((connections, oldest_server))
}

/// A database with the hosts at which it may be.
struct Target {
    url: DatabaseUrl,
    primary: Primary,
}

/// Decides the encryption where the URL leaves it open.
//
// Release 0.1.0 checked no certificate unless the URL said so. A database that it made keeps that for
// one release, if nothing else connects: an upgrade must not end in a server that does not start.
async fn target(url: &DatabaseUrl) -> Result<Target, OpenError> {
    let checked = async {
        let tls = connector(url)?;
        if url.as_in_0_1_0().is_some() {
            let connected = url.config().connect(tls.clone()).await;
            drop(connected.map_err(|error| OpenError::unverified(url, error))?);
        }
        Ok(tls)
    };
    let refused = match checked.await {
        Ok(tls) => {
            let (url, primary) = (url.clone(), Primary::new(url.config(), tls));
            return Ok(Target { url, primary });
        }
        Err(error @ (OpenError::Unverified { .. } | OpenError::Certificates { .. })) => error,
        Err(error) => return Err(error),
    };
    let Some(url) = url.as_in_0_1_0() else {
        return Err(refused);
    };
    let primary = Primary::new(url.config(), connector(&url)?);
    let Ok(client) = connect(&url, &primary).await else {
        return Err(refused);
    };
    if !is_of_0_1_0(&client).await.unwrap_or_default() {
        return Err(refused);
    }
    tracing::warn!(
        problem = one_line(&refused),
        "release 0.1.0 made this database and did not check the server's certificate, so this start \
         does not either; name an sslmode in KANSO_DATABASE_URL, as the next release will not start"
    );
    Ok(Target { url, primary })
}

/// Returns true if release 0.1.0 made the database, and `migrate --finish` did not end the upgrade.
async fn is_of_0_1_0(client: &Client) -> Result<bool, Error> {
    let sql = "SELECT to_regclass('mixed_phase') IS NOT NULL,
                      to_regclass('refinery_schema_history') IS NOT NULL";
    let row = client.query_one(sql, &[]).await?;
    if row.try_get(0)? {
        return Ok(crate::migrate::oldest_server(client).await?.is_some());
    }
    // A history without the second migration, which makes that table.
    row.try_get(1)
}

/// Returns the migrations of this version in order, each with its state in the database. Changes
/// nothing, and does not wait for a node that migrates.
///
/// # Errors
/// See [`OpenError`].
pub async fn schema(url: &DatabaseUrl) -> Result<Vec<SchemaStep>, OpenError> {
    let Target { url, primary } = &target(url).await?;
    let client = connect(url, primary).await?;
    refuse_old(&client, url).await?;
    crate::migrate::schema(&client, &url.to_string()).await
}

/// Runs the pending migrations, as a starting server does, and returns every step. Either all of
/// them are applied or none. If several processes do this at once, one migrates and the others wait.
///
/// # Errors
/// See [`OpenError`].
pub async fn migrate(url: &DatabaseUrl) -> Result<Vec<SchemaStep>, OpenError> {
    let Target { url, primary } = &target(url).await?;
    up_to_date(url, primary).await
}

/// Returns the oldest release whose servers may still be running on the database; `None` if the
/// mixed phase is over, or if the database has no schema of this release yet.
///
/// # Errors
/// See [`OpenError`].
pub async fn oldest_server(url: &DatabaseUrl) -> Result<Option<String>, OpenError> {
    let Target { url, primary } = &target(url).await?;
    let client = connect(url, primary).await?;
    let known = "SELECT 1 WHERE to_regclass('mixed_phase') IS NOT NULL";
    let asked = async {
        match client.query_opt(known, &[]).await? {
            Some(_) => crate::migrate::oldest_server(&client).await,
            None => Ok(None),
        }
    };
    asked
        .await
        .map_err(|error| OpenError::unreachable(url, error))
}

/// Ends the mixed phase of a database whose schema is up to date, because no server of an older
/// release runs on it any more. Returns the release that it was kept for; `None` if there was no
/// mixed phase. Servers that run learn of it when they are restarted.
///
/// # Errors
/// See [`OpenError`].
pub async fn finish_mixed_phase(url: &DatabaseUrl) -> Result<Option<String>, OpenError> {
    let Target { url, primary } = &target(url).await?;
    let client = connect(url, primary).await?;
    let finished = crate::migrate::finish(&client).await;
    finished.map_err(|error| OpenError::migration(&url.to_string(), error))
}

/// Migrates the schema if a step is pending.
async fn up_to_date(url: &DatabaseUrl, primary: &Primary) -> Result<Vec<SchemaStep>, OpenError> {
    let mut client = connect(url, primary).await?;
    refuse_old(&client, url).await?;
    let guard = connect(url, primary).await?;
    fitness::check(&client, &guard, url).await?;
    let database = url.to_string();
    // The lock of the migrations is a table, which only the owner of the schema may create.
    let steps = crate::migrate::schema(&client, &database).await?;
    let steps = if steps.iter().any(|step| step.state == StepState::Pending) {
        crate::migrate::up_to_date(&mut client, &guard, &database).await?
    } else {
        steps
    };
    let missing = crate::rights::missing(&client).await;
    let missing = missing.map_err(|error| OpenError::unreachable(url, error))?;
    if missing.is_empty() {
        return Ok(steps);
    }
    let missing = missing.join(", ");
    Err(OpenError::MissingRights { database, missing })
}

fn connector(url: &DatabaseUrl) -> Result<MakeRustlsConnect, OpenError> {
    tls::connector(url.encryption()).map_err(|source| OpenError::Certificates {
        database: url.to_string(),
        source,
    })
}

/// Opens a connection outside the pool. It closes when it is dropped.
async fn connect(url: &DatabaseUrl, primary: &Primary) -> Result<Client, OpenError> {
    let opened = primary.connect().await;
    let opened = opened.map_err(|error| OpenError::unreachable(url, error))?;
    // Every start runs CREATE TABLE IF NOT EXISTS for the lock, which raises a notice.
    let quiet = opened
        .client
        .batch_execute("SET client_min_messages = 'warning'");
    quiet
        .await
        .map_err(|error| OpenError::unreachable(url, error))?;
    Ok(opened.client)
}

async fn refuse_old(client: &Client, url: &DatabaseUrl) -> Result<(), OpenError> {
    let asked = async {
        let sql = "SELECT current_setting('server_version_num')::int4,
                          current_setting('server_version')";
        let row = client.query_one(sql, &[]).await?;
        Ok::<(i32, String), Error>((row.try_get(0)?, row.try_get(1)?))
    };
    let (number, found) = asked
        .await
        .map_err(|error| OpenError::unreachable(url, error))?;
    if number < OLDEST_SERVER {
        let database = url.to_string();
        return Err(OpenError::OldServer { database, found });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio_postgres::NoTls;

    use super::*;

    /// The first connection of the pool may be refused after those of the migrations were accepted.
    #[tokio::test]
    async fn an_error_of_the_pool_is_classified_by_its_cause() {
        let refused = tokio_postgres::connect("host=127.0.0.1 port=9 user=kanso", NoTls).await;
        let refused = refused.err().expect("nothing listens on port 9");
        assert!(is_passing(&DatabaseError::Driver(refused)));
        assert!(!is_passing(&DatabaseError::Closed));
    }
}
