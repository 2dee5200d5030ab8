//! Opening a database: whether it can be reached and used, and bringing its schema up to date.

use std::iter;

use kanso_application::ports::schema::SchemaStep;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{self, Failure, io_source, told_of};
use crate::pool::Connections;
use crate::{DatabaseUrl, PostgresOptions, tls};

/// Older ones are not tested.
const OLDEST_SERVER: i32 = 150_000;

/// Why a database was not opened. Each is one line for an operator; what caused it is the source.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody answers there, or refuses the log-in.
    #[error("cannot connect to the database {database}: {problem}")]
    Unreachable {
        /// The database, without the password.
        database: String,
        /// What the driver or the server said.
        problem: String,
        /// Whether it may be otherwise a moment later.
        is_passing: bool,
    },
    /// The certificates that the URL asks for cannot be had.
    #[error("cannot check the certificate of the database {database}")]
    Certificates {
        /// The database.
        database: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The server is too old.
    #[error("the database {database} is PostgreSQL {found}, but 15 or newer is needed")]
    OldServer {
        /// The database.
        database: String,
        /// Its version.
        found: String,
    },
    /// Its tables are another program's.
    #[error("the database {database} has tables that are not Kanso's; give Kanso one of its own")]
    Foreign {
        /// The database.
        database: String,
    },
    /// A newer version of the server wrote it.
    #[error(
        "the database {database} has schema {found}, but this server knows only up to {known}; \
         run the newer server that wrote it"
    )]
    Newer {
        /// The database.
        database: String,
        /// The schema of the database.
        found: i64,
        /// The newest schema that this server knows.
        known: i64,
    },
    /// The schema could not be brought up to date.
    #[error("cannot bring the schema of the database {database} up to date: {problem}")]
    Migration {
        /// The database.
        database: String,
        /// What went wrong.
        problem: String,
        /// Whether it may be otherwise a moment later.
        is_passing: bool,
    },
}

impl OpenError {
    pub(crate) fn migration(database: &str, error: impl std::error::Error + 'static) -> Self {
        Self::Migration {
            database: database.to_owned(),
            problem: told_of(&error),
            is_passing: is_passing(&error),
        }
    }

    fn unreachable(url: &DatabaseUrl, error: impl std::error::Error + 'static) -> Self {
        Self::Unreachable {
            database: url.to_string(),
            problem: told_of(&error),
            is_passing: is_passing(&error),
        }
    }

    /// Whether another attempt may find it otherwise though nobody changed a setting: the server is
    /// away, starts, or has no connection left.
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

/// A name that is not found is one, because a machine that starts may have no names yet. A
/// certificate that is refused is none: the encryption reports it as data that is not valid.
fn is_passing(error: &(dyn std::error::Error + 'static)) -> bool {
    use std::io::ErrorKind;
    let driver =
        iter::successors(Some(error), |error| error.source()).find_map(|error| {
            match error.downcast_ref() {
                Some(Failure::Driver(driver) | Failure::Unsure(driver)) => Some(driver),
                _ => error.downcast_ref::<Error>(),
            }
        });
    driver.is_some_and(|error| {
        let refused = io_source(error).is_some_and(|io| io.kind() == ErrorKind::InvalidData);
        let is_full = error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS);
        is_full || (error::is_passing(error) && !refused)
    })
}

/// Brings the database up to date. Returns connections to it, one of them open, and the oldest
/// release whose servers may still be running on it.
pub(crate) async fn open(
    options: &PostgresOptions,
) -> Result<(Connections, Option<String>), OpenError> {
    let url = &options.url;
    let tls = connector(url)?;
    up_to_date(url, &tls).await?;
    let connections = Connections::new(options, tls);
    let connections = connections.map_err(|failure| OpenError::unreachable(url, failure))?;
    let first = connections.get().await;
    let (first, _) = first.map_err(|failure| OpenError::unreachable(url, failure))?;
    let oldest_server = crate::migrate::oldest_server(&first).await;
    let oldest_server = oldest_server.map_err(|error| OpenError::unreachable(url, error))?;
    drop(first);
    Ok((connections, oldest_server))
}

/// The steps to the schema of this version, in their order, and which of them the database has
/// taken. Changes nothing, and waits for nobody who migrates.
///
/// # Errors
/// What would keep a server from opening it.
pub async fn schema(url: &DatabaseUrl) -> Result<Vec<SchemaStep>, OpenError> {
    let client = connect(url, &connector(url)?).await?;
    refuse_old(&client, url).await?;
    crate::migrate::schema(&client, &url.to_string()).await
}

/// Brings the schema up to date, as a server does when it starts, and tells which steps that took.
/// All of them are taken, or none. Of several that do so at once one takes them, and the others
/// wait.
///
/// # Errors
/// See [`OpenError`].
pub async fn migrate(url: &DatabaseUrl) -> Result<Vec<SchemaStep>, OpenError> {
    up_to_date(url, &connector(url)?).await
}

/// Returns the oldest release whose servers may still be running on the database; `None` if the
/// mixed phase is over, or if the database has no schema of this release yet.
///
/// # Errors
/// See [`OpenError`].
pub async fn oldest_server(url: &DatabaseUrl) -> Result<Option<String>, OpenError> {
    let client = connect(url, &connector(url)?).await?;
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
    let client = connect(url, &connector(url)?).await?;
    let finished = crate::migrate::finish(&client).await;
    finished.map_err(|error| OpenError::migration(&url.to_string(), error))
}

async fn up_to_date(
    url: &DatabaseUrl,
    tls: &MakeRustlsConnect,
) -> Result<Vec<SchemaStep>, OpenError> {
    let mut client = connect(url, tls).await?;
    refuse_old(&client, url).await?;
    let guard = connect(url, tls).await?;
    crate::migrate::up_to_date(&mut client, &guard, &url.to_string()).await
}

fn connector(url: &DatabaseUrl) -> Result<MakeRustlsConnect, OpenError> {
    tls::connector(url.trust()).map_err(|source| OpenError::Certificates {
        database: url.to_string(),
        source,
    })
}

/// A connection that ends when it is dropped.
async fn connect(url: &DatabaseUrl, tls: &MakeRustlsConnect) -> Result<Client, OpenError> {
    let connected = url.config().connect(tls.clone()).await;
    let (client, connection) = connected.map_err(|error| OpenError::unreachable(url, error))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            // Whoever waits for an answer is told.
            tracing::debug!(error = told_of(&error), "connection lost");
        }
    });
    // That what a migration would make is there already is not worth a line of every start.
    let quiet = client.batch_execute("SET client_min_messages = 'warning'");
    quiet
        .await
        .map_err(|error| OpenError::unreachable(url, error))?;
    Ok(client)
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

    /// As when the first connection of the pool is refused after those of the migrations were not.
    #[tokio::test]
    async fn a_failure_of_the_pool_is_judged_by_its_cause() {
        let refused = tokio_postgres::connect("host=127.0.0.1 port=9 user=kanso", NoTls).await;
        let refused = refused.err().expect("nobody listens there");
        assert!(is_passing(&Failure::Driver(refused)));
        assert!(!is_passing(&Failure::Closed));
    }
}
