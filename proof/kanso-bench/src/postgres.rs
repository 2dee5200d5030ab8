//! The server on PostgreSQL: how much of what PostgreSQL can do is left, and whether a full database
//! is slower than an empty one.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kanso_testkit::{Database, PostgresServer};

use crate::arguments::Arguments;
use crate::figures::{Figures, Title};
use crate::live::{Finding, finding};
use crate::load::apply;
use crate::people::join_all;
use crate::say;
use crate::server::Server;
use crate::workloads::Push;

const PUSH: Title = Title {
    workload: "push of one entry",
    goal: "",
};

/// What the server sends for one push.
const SCRIPT: &str = include_str!("postgres/push.sql");

/// How many people have what is in the database besides.
const STRANGERS: u32 = 1_000;
/// Entries of strangers in the small database.
const FEW: u32 = 10_000;

/// Who there is for the script to be: each with a session, a habit and where the history stands.
const PEOPLE: &str = "CREATE TABLE bench_people AS
    SELECT row_number() OVER (ORDER BY user_id) - 1 AS number, user_id, head_seq,
           (SELECT id FROM sessions WHERE sessions.user_id = users.user_id LIMIT 1) AS session,
           (SELECT id FROM habits WHERE habits.user_id = users.user_id LIMIT 1) AS habit
    FROM users";

/// Measures all of it once, on a PostgreSQL of its own that flushes every commit to the disk.
pub(crate) async fn measure(
    program: &Path,
    folder: &Path,
    arguments: &Arguments,
) -> anyhow::Result<Vec<Finding>> {
    // It ends with this process.
    let postgres = PostgresServer::start_durable();
    let mut found = against_pgbench(&postgres, program, folder, arguments).await?;
    found.extend(full_against_empty(&postgres, program, folder, arguments).await?);
    Ok(found)
}

async fn against_pgbench(
    postgres: &Arc<PostgresServer>,
    program: &Path,
    folder: &Path,
    arguments: &Arguments,
) -> anyhow::Result<Vec<Finding>> {
    let (connections, length) = (arguments.connections, arguments.length());
    let database = postgres.database();
    say(format_args!("  the server on postgresql"));
    let server = pushes(program, folder, &database, (connections, length)).await?;
    say(format_args!("  pgbench with the same statements"));
    database.run(PEOPLE);
    let script = tempfile::NamedTempFile::new_in(folder).context("cannot write the script")?;
    std::fs::write(script.path(), SCRIPT)?;
    let bare = pgbench(postgres, &database, script.path(), (connections, length)).await?;
    Ok(vec![
        finding("pushes through the server", server.per_second, "/s", ""),
        finding("  p99", server.p99_ms, "ms", ""),
        finding("the same statements by pgbench", bare, "/s", ""),
        finding(
            "  share that the server reaches",
            server.per_second / bare * 100.0,
            "%",
            "≥ 70 %",
        ),
    ])
}

async fn full_against_empty(
    postgres: &Arc<PostgresServer>,
    program: &Path,
    folder: &Path,
    arguments: &Arguments,
) -> anyhow::Result<Vec<Finding>> {
    let load = (arguments.connections, arguments.length());
    let mut p99 = Vec::new();
    let large = arguments.entries;
    for entries in [FEW, large] {
        say(format_args!("  pushes beside {entries} entries"));
        let database = postgres.database();
        // The first start makes the tables.
        Server::start_on(program, folder, Some(&database.url()))
            .await?
            .stop()
            .await?;
        fill(&database, entries);
        p99.push(pushes(program, folder, &database, load).await?.p99_ms);
    }
    let [few, many] = p99[..] else {
        anyhow::bail!("there are two databases");
    };
    Ok(vec![
        finding(&beside(FEW), few, "ms", ""),
        finding(&beside(large), many, "ms", ""),
        finding("  the second against the first", many / few, "×", "≤ 1.5 ×"),
    ])
}

fn beside(entries: u32) -> String {
    format!("p99 of a push beside {entries} entries")
}

/// Each connection is another person's.
async fn pushes(
    program: &Path,
    folder: &Path,
    database: &Database,
    (connections, length): (u32, Duration),
) -> anyhow::Result<Figures> {
    let server = Server::start_on(program, folder, Some(&database.url())).await?;
    let people = join_all(server.address(), connections).await?;
    let workers: Result<_, _> = people.into_iter().map(Push::new).collect();
    let (load, _) = apply(&server, workers?, length).await?;
    server.stop().await?;
    Ok(Figures::new(PUSH, &load, &load.turns, None))
}

/// Transactions a second.
async fn pgbench(
    postgres: &PostgresServer,
    database: &Database,
    script: &Path,
    (connections, length): (u32, Duration),
) -> anyhow::Result<f64> {
    let mut pgbench = Command::new(postgres.program("pgbench"));
    pgbench
        .args(["--no-vacuum", "--protocol", "prepared", "--define", "n=0"])
        .args(["--client", &connections.to_string(), "--jobs", "1"])
        .args(["--time", &length.as_secs().to_string(), "--file"])
        .arg(script)
        .arg(database.url());
    let ran = tokio::task::spawn_blocking(move || pgbench.output()).await?;
    let ran = ran.context("cannot run pgbench, which comes with PostgreSQL")?;
    let said = String::from_utf8_lossy(&ran.stderr);
    anyhow::ensure!(ran.status.success(), "pgbench failed: {said}");
    let told = String::from_utf8_lossy(&ran.stdout);
    let rate = told.lines().find_map(|line| {
        let rate = line.strip_prefix("tps = ")?.split(' ').next()?;
        rate.parse().ok()
    });
    rate.with_context(|| format!("pgbench told no rate: {told}"))
}

/// Adds strangers with so many entries between them, each with a streak that is up to date.
fn fill(database: &Database, entries: u32) {
    let each = entries / STRANGERS;
    database.run(&format!(
        "INSERT INTO users (user_id, email, password_hash, timezone, week_start, day_start,
                            created_at, head_seq, last_change_at, digest, day_begun)
         SELECT {user}, 'stranger-' || n, '', 'Europe/Rome', 'monday', '00:00',
                1700000000000000, {each} + 1, 1700000000000000, 0, 100000
         FROM generate_series(1, {STRANGERS}) AS n;
         INSERT INTO habits (user_id, id, title, description, color, icon, sort_order, type,
                             frequency_type, target_value, target_direction, schedule_history,
                             unit, archived_spans, seq, version, created_at, updated_at,
                             current_streak, longest_streak, streak_day)
         SELECT {user}, {user}, 'Read', '', '#4caf50', '', 0, 'boolean', 'daily', 1000, 'at_least',
                '[]', '', '[]', 1, 1, 1700000000000000, 1700000000000000, 0, 0, 20000
         FROM generate_series(1, {STRANGERS}) AS n;
         INSERT INTO entries (user_id, id, habit_id, completion_date, completion_is_a_date,
                              timezone, local_date, kind, value, notes, seq, version, created_at,
                              updated_at)
         SELECT {user}, gen_random_uuid(), {user}, 1700000000000000, false, 'Europe/Rome',
                15000 + m, 'value', 1000, '', m + 1, 1, 1700000000000000, 1700000000000000
         FROM generate_series(1, {STRANGERS}) AS n, generate_series(1, {each}) AS m",
        user = "('10000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid",
    ));
    // Else PostgreSQL would do it by itself, beside what is measured.
    database.run("VACUUM (ANALYZE)");
    // What was written so far is not to be flushed beside what is measured.
    database.run("CHECKPOINT");
}
