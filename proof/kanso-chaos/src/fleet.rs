//! Servers with their database, Redis and nginx, started for one round.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use kanso_harness::process::{ServerProcess, ServerSettings};
use kanso_testkit::{Database, PostgresServer, RedisServer};
use tempfile::TempDir;

use crate::acknowledged::AcknowledgedLog;
use crate::api::ApiClient;
use crate::fault_proxy::FaultProxy;
use crate::nginx::Nginx;
use crate::setup::Setup;

/// Time limit for a server to exit after SIGTERM, even with open requests and streams.
pub const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Parts of a fleet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Topology {
    /// Number of servers on one PostgreSQL database; 0 is one server on SQLite.
    pub shared_by: usize,
    /// True if the servers share a Redis.
    pub has_redis: bool,
    /// True if nginx is in front of the servers.
    pub has_nginx: bool,
    /// True if a [`FaultProxy`] is between the servers and the database.
    pub has_proxy: bool,
    /// Rate limit of the servers; `None` turns it off.
    pub rate_limit: Option<&'static str>,
    /// Further flags of each server.
    pub flags: &'static [&'static str],
}

/// Running parts of a round. All of them end when this value is dropped.
#[derive(Debug)]
pub struct Fleet {
    // Fields are dropped in this order: servers first, and the folder with their data last.
    /// Servers.
    pub servers: Vec<ServerProcess>,
    /// nginx in front of them.
    pub nginx: Option<Nginx>,
    /// Redis that they share.
    pub redis: Option<RedisServer>,
    /// Proxy between them and the database.
    pub proxy: Option<FaultProxy>,
    /// Database that they share.
    pub database: Option<Database>,
    folder: TempDir,
}

/// Returns the PostgreSQL server of this process. A scenario may kill it, because scenarios run one
/// after the other.
pub fn postgres() -> &'static Arc<PostgresServer> {
    static SERVER: OnceLock<Arc<PostgresServer>> = OnceLock::new();
    SERVER.get_or_init(PostgresServer::start)
}

impl Fleet {
    /// Starts the parts of `topology` with their data below new folders.
    ///
    /// # Errors
    /// A part does not start.
    pub async fn start(setup: &Setup, topology: Topology) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("kanso-chaos-")
            .tempdir_in(&setup.folder)
            .context("cannot create a folder for the round")?;
        let mut fleet = Self {
            servers: Vec::new(),
            nginx: None,
            redis: topology.has_redis.then(RedisServer::start),
            proxy: None,
            database: None,
            folder,
        };
        if topology.shared_by > 0 {
            // A round that fills the disk gets a PostgreSQL of its own on that disk. Every other
            // round gets a new database on the shared one, which saves the start.
            fleet.database = Some(tokio::task::block_in_place(|| match &setup.disk {
                Some(disk) => PostgresServer::start_in(disk).database(),
                None => postgres().database(),
            }));
        }
        if topology.has_proxy {
            fleet.proxy = Some(FaultProxy::open(fleet.database_address()?).await?);
        }
        for number in 0..topology.shared_by.max(1) {
            let settings = fleet.settings(setup, number, topology)?;
            fleet.servers.push(ServerProcess::start(settings).await?);
        }
        if topology.has_nginx {
            // nginx comes last: its configuration names the ports that the servers chose.
            let upstreams: Vec<_> = fleet.servers.iter().map(ServerProcess::address).collect();
            fleet.nginx = Some(Nginx::start(fleet.folder.path(), &upstreams).await?);
        }
        Ok(fleet)
    }

    /// Returns a client of nginx, or of each server in turn if there is no nginx.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub fn api(&self) -> anyhow::Result<ApiClient> {
        match &self.nginx {
            Some(nginx) => ApiClient::new(vec![nginx.url()]),
            None => ApiClient::new(self.servers.iter().map(ServerProcess::url).collect()),
        }
    }

    /// Creates the log of acknowledged operations.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn acknowledged_log(&self) -> anyhow::Result<AcknowledgedLog> {
        AcknowledgedLog::create(&self.folder.path().join("acknowledged.jsonl"))
    }

    /// Folder that is deleted with the fleet.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops every server that runs.
    ///
    /// # Errors
    /// A server does not exit with code 0 within [`STOP_LIMIT`].
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        // A scenario may have left a server stopped.
        for server in &mut self.servers {
            if server.pid().is_some() {
                server.stop(STOP_LIMIT).await?;
            }
        }
        Ok(())
    }

    fn database_url(&self) -> Option<String> {
        let url = self.database.as_ref()?.url();
        Some(match &self.proxy {
            Some(proxy) => proxy.in_url(&url),
            None => url,
        })
    }

    fn database_address(&self) -> anyhow::Result<SocketAddr> {
        let database = self.database.as_ref();
        let url = database.context("a proxy needs a database")?.url();
        let (_, target) = url.rsplit_once('@').context("no account in the URL")?;
        let (address, _) = target.split_once('/').context("no database in the URL")?;
        Ok(address.parse()?)
    }

    fn settings(
        &self,
        setup: &Setup,
        number: usize,
        topology: Topology,
    ) -> anyhow::Result<ServerSettings> {
        // With PostgreSQL the small disk is PostgreSQL's, and the servers' folders stay here.
        let disk = setup.disk.as_deref().filter(|_| topology.shared_by == 0);
        let parent = disk.unwrap_or(self.folder.path());
        let folder = parent.join(format!("node-{number}"));
        std::fs::create_dir(&folder).context("cannot create the folder of a server")?;
        let mut flags = vec![
            "--rate-limit".to_owned(),
            topology.rate_limit.unwrap_or("off").to_owned(),
            "--user-rate-limit".to_owned(),
            "off".to_owned(),
            "--client-connections".to_owned(),
            "off".to_owned(),
        ];
        if topology.has_nginx {
            flags.extend(["--trusted-proxies".to_owned(), "127.0.0.1".to_owned()]);
        }
        flags.extend(topology.flags.iter().map(|flag| (*flag).to_owned()));
        // One secret, because a token that one server signs is sent to the others.
        let secret = "a secret that all of the servers sign with";
        let mut variables = vec![
            ("KANSO_JWT_SECRET".to_owned(), secret.to_owned()),
            // The small disks of these runs would count as full at once.
            ("KANSO_DISK_RESERVE".to_owned(), "off".to_owned()),
        ];
        if let Some(url) = self.database_url() {
            variables.push(("KANSO_DATABASE_URL".to_owned(), url));
        }
        if let Some(redis) = &self.redis {
            variables.push(("KANSO_REDIS_URL".to_owned(), redis.url()));
        }
        Ok(ServerSettings {
            program: setup.program.clone(),
            folder,
            flags,
            variables,
            wrapper: Vec::new(),
        })
    }
}
