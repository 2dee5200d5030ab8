//! One run: a new server, every workload once.

use std::path::Path;
use std::time::Duration;

use kanso_domain::calendar::days_before;

use crate::arguments::Arguments;
use crate::connection::Connection;
use crate::figures::{Figures, Run, Title};
use crate::load::{Load, Worker, apply};
use crate::people::{Person, join_all, settle_all};
use crate::resources::resident_mib;
use crate::say;
use crate::server::Server;
use crate::workloads::{EmptyPull, FirstPull, Get, Live, Pages, Push};

/// The history of the first pull: ten years of one habit, or a year of ten.
const HISTORY: usize = 3_650;
const HISTORY_HABITS: usize = 10;
/// How long the server may tidy up after its start.
const REST: Duration = Duration::from_secs(1);

const LIVE: Title = title("GET /health/live", "");
const LIVE_ALONE: Title = title("GET /health/live, alone", "");
const PUSH: Title = title("push of one entry", "≥ 5,000/s");
const EMPTY_PULL: Title = title("empty pull", "");
const FIRST_PULL: Title = title("first pull of 3,650 entries", "p50 ≤ 50 ms");
const PAGE: Title = title("  a page of it", "");
const FIRST_PULL_ZSTD: Title = title("first pull, zstd", "");

const ACCOUNT: Title = title("GET /auth/user", "");
const WEEKLY: Title = title("GET /stats/weekly, 20 habits × 366 days", "p50 ≤ 5 ms");
const WEEKLY_HABITS: usize = 20;
const WEEKLY_DAYS: i32 = 366;

const fn title(workload: &'static str, goal: &'static str) -> Title {
    Title { workload, goal }
}

/// Starts `program` with its data below `folder`, measures everything and stops it.
pub(crate) async fn run(
    program: &Path,
    folder: &Path,
    arguments: &Arguments,
) -> anyhow::Result<Run> {
    let server = Server::start(program, folder).await?;
    tokio::time::sleep(REST).await;
    let idle_mib = resident_mib(server.pid())?;
    let mut bench = Bench {
        server,
        length: arguments.length(),
        found: Vec::new(),
    };
    let (live, live_alone) = bench.baselines(arguments.connections).await?;
    bench.pushes_and_pulls(arguments.connections, &live).await?;
    bench
        .first_pulls(arguments.connections, &live_alone)
        .await?;
    bench.stats(arguments.connections + 1, &live_alone).await?;
    bench.server.stop().await?;
    Ok(Run {
        idle_mib,
        workloads: bench.found,
    })
}

struct Bench {
    server: Server,
    length: Duration,
    found: Vec<Figures>,
}

impl Bench {
    /// With every connection, and with one.
    async fn baselines(&mut self, connections: u32) -> anyhow::Result<(Figures, Figures)> {
        let mut found = Vec::new();
        for (title, connections) in [(LIVE, connections), (LIVE_ALONE, 1)] {
            let workers: Result<_, _> = (0..connections).map(|_| Live::new()).collect();
            let (load, _) = self.apply(title, workers?).await?;
            found.push(Figures::new(title, &load, &load.turns, None));
        }
        self.found.clone_from(&found);
        let [live, alone] = found
            .try_into()
            .map_err(|_| anyhow::anyhow!("there are two baselines"))?;
        Ok((live, alone))
    }

    /// Each connection is another person's: group commit has to bring them together.
    async fn pushes_and_pulls(&mut self, people: u32, live: &Figures) -> anyhow::Result<()> {
        let people = join_all(self.server.address(), people).await?;
        let workers: Result<_, _> = people.into_iter().map(Push::new).collect();
        let (load, workers) = self.apply(PUSH, workers?).await?;
        self.note(PUSH, &load, &load.turns, live);

        let people = workers.into_iter().map(Push::into_person).collect();
        let people = settle_all(self.server.address(), people).await?;
        let workers: Result<_, _> = people.iter().map(EmptyPull::new).collect();
        let (load, _) = self.apply(EMPTY_PULL, workers?).await?;
        self.note(EMPTY_PULL, &load, &load.turns, live);
        Ok(())
    }

    /// One device alone, so that the time is the server's and not that of a queue.
    async fn first_pulls(&mut self, number: u32, live: &Figures) -> anyhow::Result<()> {
        let mut connection = Connection::open(self.server.address()).await?;
        let mut person = Person::join(&mut connection, number, HISTORY_HABITS).await?;
        person.add_entries(&mut connection, HISTORY).await?;
        person.settle(&mut connection).await?;
        let pages = Pages::of(&person, &mut connection).await?;
        anyhow::ensure!(
            pages.entries() == HISTORY,
            "a first pull has {} entries",
            pages.entries()
        );
        let workers = vec![FirstPull::new(&pages, None)?];
        let (load, _) = self.apply(FIRST_PULL, workers).await?;
        self.note(FIRST_PULL, &load, &load.turns, live);
        self.note(PAGE, &load, &load.requests, live);

        let compressed = pages.encoded("zstd", &mut connection).await?;
        anyhow::ensure!(
            compressed.bytes() < pages.bytes() / 2,
            "the server does not compress: {} bytes of {}",
            compressed.bytes(),
            pages.bytes()
        );
        let workers = vec![FirstPull::new(&compressed, Some("zstd"))?];
        let (load, _) = self.apply(FIRST_PULL_ZSTD, workers).await?;
        self.note(FIRST_PULL_ZSTD, &load, &load.turns, live);
        Ok(())
    }

    /// One person looks at a year of all habits; beside it, a request that only says who asks.
    async fn stats(&mut self, number: u32, live: &Figures) -> anyhow::Result<()> {
        let mut connection = Connection::open(self.server.address()).await?;
        let mut person = Person::join(&mut connection, number, WEEKLY_HABITS).await?;
        let today = person.today(&mut connection).await?;
        let first = days_before(today, WEEKLY_DAYS - 1);
        person.add_days(&mut connection, today, WEEKLY_DAYS).await?;
        person.settle(&mut connection).await?;
        let weekly =
            format!("/api/v1/stats/weekly?start_date={first}&end_date={today}&tz=Europe/Rome");
        for (title, path, least) in [
            (ACCOUNT, "/api/v1/auth/user", 1),
            // A cell of each day.
            (WEEKLY, &*weekly, WEEKLY_HABITS * 366 * 20),
        ] {
            let worker = Get::new(path, &person, &mut connection).await?;
            let bytes = worker.bytes();
            anyhow::ensure!(bytes > least, "{path} answers {bytes} bytes");
            let (load, _) = self.apply(title, vec![worker]).await?;
            self.note(title, &load, &load.turns, live);
        }
        Ok(())
    }

    async fn apply<W: Worker>(
        &self,
        title: Title,
        workers: Vec<W>,
    ) -> anyhow::Result<(Load, Vec<W>)> {
        say(format_args!("  {}", title.workload.trim_start()));
        apply(&self.server, workers, self.length).await
    }

    fn note(&mut self, title: Title, load: &Load, times: &[u32], live: &Figures) {
        self.found
            .push(Figures::new(title, load, times, Some(live)));
    }
}
