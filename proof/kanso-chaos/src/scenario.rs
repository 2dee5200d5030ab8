//! The scenarios: what is done to a running system, and what must be true afterwards.

mod database;
mod disk;
mod kill;
mod restore;
mod scarce;
mod shared;
mod stop;

use std::path::PathBuf;

use clap::ValueEnum;
use tokio::time::Instant;

use crate::fleet::{Fleet, Plan};
use crate::judge::judge;
use crate::load::{Load, LoadSize};
use crate::row::Row;
use crate::wire::Wire;

/// What can be done to a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Scenario {
    /// A server on SQLite is killed while devices write, and started again
    KillServer,
    /// One of three servers on PostgreSQL is killed, and started again
    KillNode,
    /// All processes of PostgreSQL are killed, and it is started again
    KillPostgres,
    /// A server is asked to stop that has half-sent requests and open streams
    Drain,
    /// Three servers behind nginx are replaced in turn
    RollingRestart,
    /// Redis is killed, and comes back
    RedisKilled,
    /// Redis does not answer for a while
    RedisStopped,
    /// PostgreSQL is stopped, and started again
    PostgresStopped,
    /// The way to PostgreSQL is slow
    LinkSlow,
    /// The way to PostgreSQL is cut
    LinkCut,
    /// Nothing comes back from PostgreSQL, and nobody says so
    LinkHalfOpen,
    /// Others hold all that a server's connections wait for
    PoolExhausted,
    /// The disk of a server on SQLite is full
    DiskFull,
    /// The disk of PostgreSQL is full, until it ends
    PostgresDiskFull,
    /// A server can open no more files
    FdsExhausted,
    /// The clock of a server jumps
    ClockJump,
    /// An older copy of the database is put back
    BackupRestore,
    /// Nothing: a push on one server pokes a stream on another
    PokeAcrossNodes,
    /// Nothing: three servers count one limit
    LimiterExact,
}

/// What every round is given.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The server's program.
    pub program: PathBuf,
    /// Where data go.
    pub folder: PathBuf,
    /// Where the data of the servers go, or of their PostgreSQL, if elsewhere.
    pub disk: Option<PathBuf>,
    /// How much is written.
    pub size: LoadSize,
    /// How often a fault is brought about in one round.
    pub faults: u64,
    /// How many operations are acknowledged between two faults, at least.
    pub between: u64,
}

/// A scenario under way: the system, the devices that write, and what is found.
pub(crate) struct Round {
    pub(crate) fleet: Fleet,
    pub(crate) wire: Wire,
    pub(crate) load: Load,
    pub(crate) row: Row,
    /// Which failures of requests this scenario excuses; none is any.
    excused: Option<&'static [&'static str]>,
    began: Instant,
}

impl Scenario {
    /// Its name, as on the command line.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    /// Runs one round of it.
    ///
    /// # Errors
    /// The round could not be brought to its end.
    pub async fn run(self, setup: &Setup) -> anyhow::Result<Row> {
        match self {
            Self::KillServer => kill::server(setup, 0).await,
            Self::KillNode => kill::server(setup, 3).await,
            Self::KillPostgres => kill::postgres_killed(setup).await,
            Self::Drain => stop::drain(setup).await,
            Self::RollingRestart => stop::rolling_restart(setup).await,
            Self::RedisKilled | Self::RedisStopped => shared::redis_away(setup, self).await,
            Self::PostgresStopped => database::stopped(setup).await,
            Self::LinkSlow | Self::LinkCut | Self::LinkHalfOpen => {
                database::link(setup, self).await
            }
            Self::PoolExhausted => database::pool_exhausted(setup).await,
            Self::DiskFull => disk::of_sqlite(setup).await,
            Self::PostgresDiskFull => disk::of_postgres(setup).await,
            Self::FdsExhausted => scarce::fds_exhausted(setup).await,
            Self::ClockJump => scarce::clock_jump(setup).await,
            Self::BackupRestore => restore::backup(setup).await,
            Self::PokeAcrossNodes => shared::poke_across_nodes(setup).await,
            Self::LimiterExact => shared::limiter_exact(setup).await,
        }
    }
}

impl Round {
    /// Starts the system and lets devices write.
    pub(crate) async fn begin(setup: &Setup, plan: Plan, fault: &str) -> anyhow::Result<Self> {
        let began = Instant::now();
        let fleet = Fleet::start(setup, plan).await?;
        let wire = fleet.wire()?;
        let load = Load::start(&wire, setup.size, fleet.ledger()?).await?;
        load.goes_on_for(setup.between).await?;
        Ok(Self {
            fleet,
            wire,
            load,
            row: Row {
                fault: fault.to_owned(),
                ..Row::default()
            },
            excused: None,
            began,
        })
    }

    /// From the point of view of a device nothing happens at all.
    pub(crate) const fn must_not_fail(&mut self) {
        self.excused = Some(&[]);
    }

    /// Requests may only fail in these ways, such as `503 unavailable`.
    pub(crate) const fn may_only_fail_with(&mut self, excused: &'static [&'static str]) {
        self.excused = Some(excused);
    }

    /// Waits for the first push that was sent after now and is taken.
    pub(crate) async fn recovers(&mut self) -> anyhow::Result<()> {
        let since = Instant::now();
        self.load.gauge.writes_again(since).await?;
        self.row.recovered_in(since.elapsed());
        Ok(())
    }

    /// Ends the writing, judges, and stops the system.
    pub(crate) async fn end(mut self) -> anyhow::Result<Row> {
        let gauge = std::sync::Arc::clone(&self.load.gauge);
        let (devices, ledger, stuck) = self.load.finish().await?;
        for one in stuck {
            self.row.wrong(one);
        }
        self.row.acknowledged = gauge.total();
        self.row.unknown = gauge.once_unknown();
        self.row.failed_requests = self.wire.tally().failed();
        self.row.failures = self.wire.tally().kinds();
        note_failures(&mut self.row, self.excused);
        self.row.take(judge(&self.wire, devices, ledger).await?);
        self.fleet.stop().await?;
        self.row.seconds = self.began.elapsed().as_secs_f64();
        Ok(self.row)
    }
}

fn note_failures(row: &mut Row, excused: Option<&[&str]>) {
    let Some(excused) = excused else {
        return;
    };
    for (failure, count) in row.failures.clone() {
        if !excused.contains(&failure.as_str()) {
            row.wrong(format!("{count} requests failed: {failure}"));
        }
    }
}
