//! Connecting to the primary among the hosts of the URL.

use std::time::Duration;

use futures::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::config::{Config, Host};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{DatabaseError, one_line};
use crate::newest::NewestHistory;
use crate::witness::Witness;

/// Maximum wait for one of several hosts. The pool waits 10 seconds for all of them.
const HOST_TIMEOUT: Duration = Duration::from_secs(4);

/// The hosts of a URL, and the newest history that was seen behind them.
pub(crate) struct Primary {
    /// A configuration for each host, in the order of the URL.
    hosts: Vec<Config>,
    tls: MakeRustlsConnect,
    pub(crate) newest: NewestHistory,
}

/// An open connection to a primary.
pub(crate) struct Opened {
    pub(crate) client: Client,
    /// Runs the connection until it closes.
    pub(crate) task: JoinHandle<()>,
    pub(crate) witness: Witness,
}

impl Primary {
    pub(crate) fn new(config: &Config, tls: MakeRustlsConnect) -> Self {
        Self {
            hosts: one_for_each_host(config),
            tls,
            newest: NewestHistory::default(),
        }
    }

    /// Opens a connection to a host that is a primary and has not been replaced.
    //
    // The driver would take the first host that accepts writes, which after a failover may be the old
    // primary.
    pub(crate) async fn connect(&self) -> Result<Opened, DatabaseError> {
        let opened = if self.newest.is_unknown() {
            self.newest_of_all().await?
        } else {
            self.first().await?
        };
        self.newest.note(&opened.witness);
        Ok(opened)
    }

    /// Asks the hosts in their order.
    async fn first(&self) -> Result<Opened, DatabaseError> {
        let mut failure = no_host();
        for host in &self.hosts {
            match self.open(host).await {
                Ok(opened) => return Ok(opened),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Asks all hosts and takes the highest timeline. A new process has seen no history yet that an old
    /// primary could be compared with.
    async fn newest_of_all(&self) -> Result<Opened, DatabaseError> {
        let mut found: Option<Opened> = None;
        let mut failure = no_host();
        for opened in join_all(self.hosts.iter().map(|host| self.open(host))).await {
            match opened {
                Ok(opened)
                    if found
                        .as_ref()
                        .is_none_or(|found| found.is_older_than(&opened)) =>
                {
                    found = Some(opened);
                }
                Ok(_) => {}
                Err(error) => failure = error,
            }
        }
        found.ok_or(failure)
    }

    /// Opens a connection to one host. A host that hangs must not keep the others from being asked.
    async fn open(&self, host: &Config) -> Result<Opened, DatabaseError> {
        if self.hosts.len() == 1 {
            return self.open_unbounded(host).await;
        }
        let opened = timeout(HOST_TIMEOUT, self.open_unbounded(host)).await;
        opened.unwrap_or_else(|_| {
            let problem = format!("{} does not answer", shown(host));
            Err(DatabaseError::NoConnection(problem))
        })
    }

    async fn open_unbounded(&self, host: &Config) -> Result<Opened, DatabaseError> {
        let (client, connection) = host.connect(self.tls.clone()).await?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                // The caller gets this error too, from its pending request.
                tracing::debug!(error = one_line(&error), "connection lost");
            }
        });
        let witness = Witness::read(&client).await?;
        if let Some(newest) = self.newest.replaces(&witness) {
            let refused = DatabaseError::OldPrimary {
                host: shown(host),
                timeline: witness.timeline.unwrap_or_default(),
                newest,
            };
            if self.newest.is_first_report(&witness) {
                tracing::error!("{refused}");
            }
            return Err(refused);
        }
        Ok(Opened {
            client,
            task,
            witness,
        })
    }
}

impl Opened {
    fn is_older_than(&self, other: &Self) -> bool {
        self.witness.cluster == other.witness.cluster
            && self.witness.timeline < other.witness.timeline
    }
}

/// The error if there is no host to ask. A URL has one at least.
fn no_host() -> DatabaseError {
    DatabaseError::NoConnection("the URL names no host".to_owned())
}

/// Returns the address of a host, for the log.
fn shown(host: &Config) -> String {
    let name = match host.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        #[cfg(unix)]
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => String::new(),
    };
    match host.get_ports().first() {
        Some(port) => format!("{name}:{port}"),
        None => name,
    }
}

/// Splits a configuration into one for each host.
fn one_for_each_host(config: &Config) -> Vec<Config> {
    (0..config.get_hosts().len())
        .map(|index| only_host(config, index))
        .collect()
}

/// Copies a configuration with a single one of its hosts. The driver has no way to remove a host.
fn only_host(config: &Config, index: usize) -> Config {
    let mut one = Config::new();
    match config.get_hosts().get(index) {
        Some(Host::Tcp(name)) => one.host(name),
        #[cfg(unix)]
        Some(Host::Unix(folder)) => one.host_path(folder),
        None => &mut one,
    };
    if let Some(address) = config.get_hostaddrs().get(index) {
        one.hostaddr(*address);
    }
    // A single port applies to every host.
    let ports = config.get_ports();
    if let Some(port) = ports.get(index).or_else(|| ports.first()) {
        one.port(*port);
    }
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(database) = config.get_dbname() {
        one.dbname(database);
    }
    if let Some(options) = config.get_options() {
        one.options(options);
    }
    if let Some(name) = config.get_application_name() {
        one.application_name(name);
    }
    if let Some(timeout) = config.get_connect_timeout() {
        one.connect_timeout(*timeout);
    }
    if let Some(timeout) = config.get_tcp_user_timeout() {
        one.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one.keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding());
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_for_one_host_keeps_everything_else() {
        let text = "postgres://me:secret@a:1,b:2,c:3/kanso?application_name=x&connect_timeout=7\
                    &options=-c%20work_mem%3D4MB&keepalives_idle=9&keepalives_retries=2\
                    &keepalives_interval=3&tcp_user_timeout=8&target_session_attrs=read-write\
                    &sslmode=require&channel_binding=require";
        let hosts = one_for_each_host(&text.parse().unwrap());
        let only_b = text.replace("a:1,b:2,c:3", "b:2").parse::<Config>();
        assert_eq!(hosts.len(), 3);
        assert_eq!(hosts[1], only_b.unwrap());
        assert_eq!(shown(&hosts[2]), "c:3");
    }

    #[test]
    fn one_port_applies_to_every_host() {
        let config = "host=a,b port=5433 user=me".parse().unwrap();
        let shown: Vec<String> = one_for_each_host(&config).iter().map(shown).collect();
        assert_eq!(shown, ["a:5433", "b:5433"]);
    }
}
