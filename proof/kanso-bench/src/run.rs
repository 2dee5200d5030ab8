//! One run: every workload once, on a new server.

use std::path::Path;
use std::time::Duration;

use kanso_domain::calendar::days_before;

use crate::arguments::Arguments;
use crate::connection::Connection;
use crate::figures::{RunFigures, WorkloadFigures, WorkloadLabel};
use crate::load::{LoadResult, Workload, apply};
use crate::progress;
use crate::resources::resident_mib;
use crate::server::MeasuredServer;
use crate::users::{BenchUser, register_all, wait_until_all_quiet};
use crate::workloads::{EmptyPull, FirstPull, Get, Live, Pages, Push};

/// Entries of the history that a first pull reads: ten habits, each done daily for a year.
const HISTORY: usize = 3_650;
const HISTORY_HABITS: usize = 10;
/// Pause after the start, in which the server finishes its start-up work before its idle memory is
/// read.
const REST: Duration = Duration::from_secs(1);

const LIVE: WorkloadLabel = label("GET /health/live", "");
const LIVE_ALONE: WorkloadLabel = label("GET /health/live, alone", "");
const PUSH: WorkloadLabel = label("push of one entry", "≥ 5,000/s");
const EMPTY_PULL: WorkloadLabel = label("empty pull", "");
const FIRST_PULL: WorkloadLabel = label("first pull of 3,650 entries", "p50 ≤ 50 ms");
const PAGE: WorkloadLabel = label("  a page of it", "");
const FIRST_PULL_ZSTD: WorkloadLabel = label("first pull, zstd", "");

const ACCOUNT: WorkloadLabel = label("GET /auth/user", "");
const WEEKLY: WorkloadLabel = label("GET /stats/weekly, 20 habits × 366 days", "p50 ≤ 5 ms");
const WEEKLY_HABITS: usize = 20;
const WEEKLY_DAYS: i32 = 366;

const fn label(workload: &'static str, goal: &'static str) -> WorkloadLabel {
    WorkloadLabel { workload, goal }
}

/// Starts `program` with its data below `folder`, measures every workload and stops it.
pub(crate) async fn run(
    program: &Path,
    folder: &Path,
    arguments: &Arguments,
) -> anyhow::Result<RunFigures> {
    let server = MeasuredServer::start(program, folder).await?;
    tokio::time::sleep(REST).await;
    // Before the first account: hashing a password allocates memory that the process keeps.
    let idle_mib = resident_mib(server.pid())?;
    let mut bench = Bench {
        server,
        length: arguments.length(),
        figures: Vec::new(),
    };
    // The baselines come first and in the same run: every later row is divided by one of them, so the
    // state of the machine at this time cancels out.
    let (live, live_alone) = bench.baselines(arguments.connections).await?;
    bench.pushes_and_pulls(arguments.connections, &live).await?;
    bench
        .first_pulls(arguments.connections, &live_alone)
        .await?;
    // The numbers of users continue after those of the pushes: each account must be new.
    bench.stats(arguments.connections + 1, &live_alone).await?;
    // A server that does not stop cleanly after the load makes the run fail.
    bench.server.stop().await?;
    Ok(RunFigures {
        idle_mib,
        workloads: bench.figures,
    })
}

struct Bench {
    server: MeasuredServer,
    length: Duration,
    figures: Vec<WorkloadFigures>,
}

impl Bench {
    /// Measures `/health/live` with every connection, and with one.
    async fn baselines(
        &mut self,
        connections: u32,
    ) -> anyhow::Result<(WorkloadFigures, WorkloadFigures)> {
        let mut figures = Vec::new();
        for (label, connections) in [(LIVE, connections), (LIVE_ALONE, 1)] {
            let workloads: Result<_, _> = (0..connections).map(|_| Live::new()).collect();
            let (load, _) = self.apply(label, workloads?).await?;
            figures.push(WorkloadFigures::new(label, &load, &load.turns, None));
        }
        self.figures.clone_from(&figures);
        let [live, alone] = figures
            .try_into()
            .map_err(|_| anyhow::anyhow!("expected two baselines"))?;
        Ok((live, alone))
    }

    /// Measures pushes and empty pulls. Each connection belongs to another user, so pushes share a
    /// commit only if group commit works.
    async fn pushes_and_pulls(&mut self, users: u32, live: &WorkloadFigures) -> anyhow::Result<()> {
        let users = register_all(self.server.address(), users).await?;
        let workloads: Result<_, _> = users.into_iter().map(Push::new).collect();
        let (load, pushes) = self.apply(PUSH, workloads?).await?;
        self.add(PUSH, &load, &load.turns, live);

        let users = pushes.into_iter().map(Push::into_user).collect();
        // The pushes left streaks to compute. An empty pull must find none of them as a new change.
        let users = wait_until_all_quiet(self.server.address(), users).await?;
        let workloads: Result<_, _> = users.iter().map(EmptyPull::new).collect();
        let (load, _) = self.apply(EMPTY_PULL, workloads?).await?;
        self.add(EMPTY_PULL, &load, &load.turns, live);
        Ok(())
    }

    /// Measures first pulls of one device alone, so that the latency contains no time in a queue.
    async fn first_pulls(&mut self, number: u32, live: &WorkloadFigures) -> anyhow::Result<()> {
        let mut connection = Connection::open(self.server.address()).await?;
        let mut user = BenchUser::register(&mut connection, number, HISTORY_HABITS).await?;
        user.add_entries(&mut connection, HISTORY).await?;
        user.wait_until_quiet(&mut connection).await?;
        let pages = Pages::of(&user, &mut connection).await?;
        anyhow::ensure!(
            pages.entries() == HISTORY,
            "a first pull has {} entries",
            pages.entries()
        );
        let workloads = vec![FirstPull::new(&pages, None)?];
        let (load, _) = self.apply(FIRST_PULL, workloads).await?;
        self.add(FIRST_PULL, &load, &load.turns, live);
        // The same load, counted by requests: four pages make one pull.
        self.add(PAGE, &load, &load.requests, live);

        // The lengths are measured once here. Each turn then compares lengths and decompresses nothing.
        let compressed = pages.encoded("zstd", &mut connection).await?;
        anyhow::ensure!(
            compressed.bytes() < pages.bytes() / 2,
            "the server does not compress: {} bytes of {}",
            compressed.bytes(),
            pages.bytes()
        );
        let workloads = vec![FirstPull::new(&compressed, Some("zstd"))?];
        let (load, _) = self.apply(FIRST_PULL_ZSTD, workloads).await?;
        self.add(FIRST_PULL_ZSTD, &load, &load.turns, live);
        Ok(())
    }

    /// Measures the statistics of a year of all habits, and as their baseline a request that only
    /// checks the session.
    async fn stats(&mut self, number: u32, live: &WorkloadFigures) -> anyhow::Result<()> {
        let mut connection = Connection::open(self.server.address()).await?;
        let mut user = BenchUser::register(&mut connection, number, WEEKLY_HABITS).await?;
        let today = user.today(&mut connection).await?;
        let first = days_before(today, WEEKLY_DAYS - 1);
        user.add_days(&mut connection, today, WEEKLY_DAYS).await?;
        user.wait_until_quiet(&mut connection).await?;
        let weekly =
            format!("/api/v1/stats/weekly?start_date={first}&end_date={today}&tz=Europe/Rome");
        for (label, path, least) in [
            (ACCOUNT, "/api/v1/auth/user", 1),
            // At least 20 bytes for each habit and day. A shorter answer would not contain the year.
            (WEEKLY, &*weekly, WEEKLY_HABITS * 366 * 20),
        ] {
            let workload = Get::new(path, &user, &mut connection).await?;
            let bytes = workload.bytes();
            anyhow::ensure!(bytes > least, "{path} answers {bytes} bytes");
            let (load, _) = self.apply(label, vec![workload]).await?;
            self.add(label, &load, &load.turns, live);
        }
        Ok(())
    }

    async fn apply<W: Workload>(
        &self,
        label: WorkloadLabel,
        workloads: Vec<W>,
    ) -> anyhow::Result<(LoadResult, Vec<W>)> {
        progress(format_args!("  {}", label.workload.trim_start()));
        apply(&self.server, workloads, self.length).await
    }

    fn add(
        &mut self,
        label: WorkloadLabel,
        load: &LoadResult,
        times: &[u32],
        live: &WorkloadFigures,
    ) {
        self.figures
            .push(WorkloadFigures::new(label, load, times, Some(live)));
    }
}
