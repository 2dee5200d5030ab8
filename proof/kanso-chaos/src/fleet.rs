//! Servers and what stands around them, put together for one round.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use kanso_testkit::{Database, PostgresServer, RedisServer};
use tempfile::TempDir;

use crate::ledger::Ledger;
use crate::link::Link;
use crate::nginx::Nginx;
use crate::node::{Node, NodeSettings, Stopped};
use crate::scenario::Setup;
use crate::wire::Wire;

/// A server that was asked to stop has ended by then, whatever its clients do.
pub const STOP: Duration = Duration::from_secs(30);

/// What a round is put together from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// Servers on one PostgreSQL database; none is one server on SQLite.
    pub shared_by: usize,
    /// Whether they share a Redis.
    pub has_redis: bool,
    /// Whether nginx stands in front of them.
    pub has_nginx: bool,
    /// Whether the way to the database can be disturbed.
    pub has_link: bool,
    /// The rate limit; none is off.
    pub rate_limit: Option<&'static str>,
    /// More settings of each server, as flags.
    pub flags: &'static [&'static str],
}

/// What a round runs on. It goes as a whole.
#[derive(Debug)]
pub struct Fleet {
    /// The servers.
    pub nodes: Vec<Node>,
    /// In front of them.
    pub nginx: Option<Nginx>,
    /// What they share.
    pub redis: Option<RedisServer>,
    /// Their way to the database.
    pub link: Option<Link>,
    /// What they store in, if it is shared.
    pub database: Option<Database>,
    folder: TempDir,
}

/// The PostgreSQL server of this process, which may be killed.
pub fn postgres() -> &'static Arc<PostgresServer> {
    static SERVER: OnceLock<Arc<PostgresServer>> = OnceLock::new();
    SERVER.get_or_init(PostgresServer::start)
}

impl Fleet {
    /// Starts everything that `plan` names, with data below new folders.
    ///
    /// # Errors
    /// Something of it does not start.
    pub async fn start(setup: &Setup, plan: Plan) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("kanso-chaos-")
            .tempdir_in(&setup.folder)
            .context("cannot make a folder")?;
        let mut fleet = Self {
            nodes: Vec::new(),
            nginx: None,
            redis: plan.has_redis.then(RedisServer::start),
            link: None,
            database: None,
            folder,
        };
        if plan.shared_by > 0 {
            fleet.database = Some(tokio::task::block_in_place(|| match &setup.disk {
                Some(disk) => PostgresServer::start_in(disk).database(),
                None => postgres().database(),
            }));
        }
        if plan.has_link {
            fleet.link = Some(Link::open(fleet.database_address()?).await?);
        }
        for number in 0..plan.shared_by.max(1) {
            let settings = fleet.settings(setup, number, plan)?;
            fleet.nodes.push(Node::start(settings).await?);
        }
        if plan.has_nginx {
            let places = fleet.nodes.iter().map(Node::address).collect::<Vec<_>>();
            fleet.nginx = Some(Nginx::start(fleet.folder.path(), &places).await?);
        }
        Ok(fleet)
    }

    /// To nginx if it is there, else to each server in turn.
    ///
    /// # Errors
    /// There is no client to be had.
    pub fn wire(&self) -> anyhow::Result<Wire> {
        match &self.nginx {
            Some(nginx) => Wire::new(vec![nginx.url()]),
            None => Wire::new(self.nodes.iter().map(Node::url).collect()),
        }
    }

    /// A new ledger.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn ledger(&self) -> anyhow::Result<Ledger> {
        Ledger::create(&self.folder.path().join("ledger.jsonl"))
    }

    /// A folder that goes with the fleet.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops every server that runs. Each has to end by itself and well.
    ///
    /// # Errors
    /// One does not.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        for node in &mut self.nodes {
            if node.pid().is_some() {
                let stopped = node.stop(STOP).await?;
                ensure_stopped_well(stopped, node)?;
            }
        }
        Ok(())
    }

    fn database_url(&self) -> Option<String> {
        let url = self.database.as_ref()?.url();
        Some(match &self.link {
            Some(link) => link.in_url(&url),
            None => url,
        })
    }

    fn database_address(&self) -> anyhow::Result<std::net::SocketAddr> {
        let database = self.database.as_ref().context("there is a database")?;
        let url = database.url();
        let (_, place) = url.rsplit_once('@').context("a URL with an account")?;
        let (address, _) = place.split_once('/').context("a URL with a database")?;
        Ok(address.parse()?)
    }

    fn settings(&self, setup: &Setup, number: usize, plan: Plan) -> anyhow::Result<NodeSettings> {
        let disk = setup.disk.as_deref().filter(|_| plan.shared_by == 0);
        let parent = disk.unwrap_or(self.folder.path());
        let folder = parent.join(format!("node-{number}"));
        std::fs::create_dir(&folder).context("cannot make a server's folder")?;
        let mut flags = vec![
            "--rate-limit".to_owned(),
            plan.rate_limit.unwrap_or("off").to_owned(),
        ];
        if plan.has_nginx {
            flags.extend(["--trusted-proxies".to_owned(), "127.0.0.1".to_owned()]);
        }
        flags.extend(plan.flags.iter().map(|flag| (*flag).to_owned()));
        let secret = "a secret that all of the servers sign with";
        let mut variables = vec![("KANSO_JWT_SECRET".to_owned(), secret.to_owned())];
        if let Some(url) = self.database_url() {
            variables.push(("KANSO_DATABASE_URL".to_owned(), url));
        }
        if let Some(redis) = &self.redis {
            variables.push(("KANSO_REDIS_URL".to_owned(), redis.url()));
        }
        Ok(NodeSettings {
            program: setup.program.clone(),
            folder,
            flags,
            variables,
            before: Vec::new(),
        })
    }
}

/// A server that was asked to stop has to end with exit code 0.
///
/// # Errors
/// It did not.
pub fn ensure_stopped_well(stopped: Stopped, node: &Node) -> anyhow::Result<()> {
    anyhow::ensure!(
        stopped.code == Some(0),
        "a server ended with {:?} after {:?}; it said: {}",
        stopped.code,
        stopped.took,
        node.log()
    );
    Ok(())
}
