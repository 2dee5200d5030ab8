//! Scenarios: a fault in a running system, and the checks afterwards.

mod database;
mod disk;
mod hostile;
mod kill;
mod resources;
mod restore;
mod shared;
mod stop;

use clap::ValueEnum;

use crate::fault_proxy::ProxyMode;
use crate::report::ReportRow;
use crate::setup::Setup;

/// A fault that can be injected.
// The variants are the values of `--scenario`, and their comments are its help text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Scenario {
    /// A server on SQLite is killed while devices write, and restarted
    KillServer,
    /// One of three servers on PostgreSQL is killed, and restarted
    KillNode,
    /// All processes of PostgreSQL are killed, and it is restarted
    KillPostgres,
    /// A server with half-sent requests and open streams gets SIGTERM
    Drain,
    /// Three servers behind nginx are restarted in turn
    RollingRestart,
    /// Redis is killed, and restarted
    RedisKilled,
    /// Redis does not answer for a while
    RedisStopped,
    /// PostgreSQL is stopped, and restarted
    PostgresStopped,
    /// The network to PostgreSQL is slow
    LinkSlow,
    /// Connections to PostgreSQL are cut
    LinkCut,
    /// Nothing arrives from PostgreSQL, and connections stay open
    LinkHalfOpen,
    /// A lock blocks all database connections of the servers
    PoolExhausted,
    /// The disk of a server on SQLite is full
    DiskFull,
    /// The disk of PostgreSQL is full, until PostgreSQL ends
    PostgresDiskFull,
    /// A server has no free file descriptor
    FdsExhausted,
    /// The clock of a server jumps
    ClockJump,
    /// The database is restored from an older copy
    BackupRestore,
    /// No fault: a push on one server notifies a stream on another
    PokeAcrossNodes,
    /// No fault: three servers count one rate limit
    LimiterExact,
    /// No fault: accounts and clients ask for all they can
    HostileTenants,
}

impl Scenario {
    /// Returns the name of the scenario on the command line.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    /// Runs one round of the scenario.
    ///
    /// # Errors
    /// The round did not reach its end, so its checks say nothing.
    pub async fn run(self, setup: &Setup) -> anyhow::Result<ReportRow> {
        match self {
            Self::KillServer => kill::server(setup, 0).await,
            Self::KillNode => kill::server(setup, 3).await,
            Self::KillPostgres => kill::postgres_killed(setup).await,
            Self::Drain => stop::drain(setup).await,
            Self::RollingRestart => stop::rolling_restart(setup).await,
            Self::RedisKilled => shared::redis_killed(setup).await,
            Self::RedisStopped => shared::redis_stopped(setup).await,
            Self::PostgresStopped => database::stopped(setup).await,
            Self::LinkSlow => database::link(setup, ProxyMode::Delay(database::SLOW)).await,
            Self::LinkCut => database::link(setup, ProxyMode::Cut).await,
            Self::LinkHalfOpen => database::link(setup, ProxyMode::Blackhole).await,
            Self::PoolExhausted => database::pool_exhausted(setup).await,
            Self::DiskFull => disk::of_sqlite(setup).await,
            Self::PostgresDiskFull => disk::of_postgres(setup).await,
            Self::FdsExhausted => resources::fds_exhausted(setup).await,
            Self::ClockJump => resources::clock_jump(setup).await,
            Self::BackupRestore => restore::backup(setup).await,
            Self::PokeAcrossNodes => shared::notice_across_servers(setup).await,
            Self::LimiterExact => shared::limiter_exact(setup).await,
            Self::HostileTenants => hostile::tenants(setup).await,
        }
    }
}
