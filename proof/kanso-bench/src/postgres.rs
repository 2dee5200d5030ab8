//! The server on PostgreSQL: its share of the rate that PostgreSQL itself reaches, and the latency on
//! a large database compared with a small one.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kanso_testkit::{Database, PostgresServer};

use crate::arguments::Arguments;
use crate::figures::{WorkloadFigures, WorkloadLabel};
use crate::load::apply;
use crate::measurement::Measurement;
use crate::progress;
use crate::server::MeasuredServer;
use crate::users::register_all;
use crate::workloads::Push;

const PUSH: WorkloadLabel = WorkloadLabel {
    workload: "push of one entry",
    goal: "",
};

/// Statements that the server sends for one push. They are a copy, kept by hand: a change of the
/// server's queries must be repeated there, or the comparison is with another work.
const SCRIPT: &str = include_str!("postgres/push.sql");

/// Number of other users, to whom the entries of the large database belong.
const OTHER_USERS: u32 = 1_000;
/// Entries of other users in the small database.
const FEW: u32 = 10_000;

/// Table of the users for the script: each client of pgbench is one of them, with a session, a habit
/// and the head of the history.
const CLIENTS: &str = "CREATE TABLE bench_clients AS
    SELECT row_number() OVER (ORDER BY user_id) - 1 AS number, user_id, head_seq,
           (SELECT id FROM sessions WHERE sessions.user_id = users.user_id LIMIT 1) AS session,
           (SELECT id FROM habits WHERE habits.user_id = users.user_id LIMIT 1) AS habit
    FROM users";

/// Measures both once, on a PostgreSQL of its own that flushes every commit to the disk. The tests'
/// PostgreSQL does not flush, and its rates would mean nothing.
pub(crate) async fn measure(
    program: &Path,
    folder: &Path,
    arguments: &Arguments,
) -> anyhow::Result<Vec<Measurement>> {
    // Its watchdog stops it when this process ends.
    let postgres = PostgresServer::start_durable();
    let mut measurements = against_pgbench(&postgres, program, folder, arguments).await?;
    measurements.extend(large_against_small(&postgres, program, folder, arguments).await?);
    Ok(measurements)
}

async fn against_pgbench(
    postgres: &Arc<PostgresServer>,
    program: &Path,
    folder: &Path,
    arguments: &Arguments,
) -> anyhow::Result<Vec<Measurement>> {
    let (connections, length) = (arguments.connections, arguments.length());
    let database = postgres.database();
    progress(format_args!("  the server on postgresql"));
    // The server first, then pgbench on the same database: both insert into tables of the same size.
    let server = pushes(program, folder, &database, (connections, length)).await?;
    progress(format_args!("  pgbench with the statements of 0.1.0"));
    // After the server has stopped, so that no worker writes to the tables meanwhile.
    database.run(CLIENTS);
    let script = tempfile::NamedTempFile::new_in(folder).context("cannot write the script")?;
    std::fs::write(script.path(), SCRIPT)?;
    let bare = pgbench(postgres, &database, script.path(), (connections, length)).await?;
    Ok(vec![
        Measurement::new("pushes through the server", server.per_second, "/s", ""),
        Measurement::new("  p99", server.p99_ms, "ms", ""),
        Measurement::new("the statements of 0.1.0 by pgbench", bare, "/s", ""),
        Measurement::new(
            "  share that the server reaches",
            server.per_second / bare * 100.0,
            "%",
            "≥ 70 %",
        ),
    ])
}

async fn large_against_small(
    postgres: &Arc<PostgresServer>,
    program: &Path,
    folder: &Path,
    arguments: &Arguments,
) -> anyhow::Result<Vec<Measurement>> {
    let load = (arguments.connections, arguments.length());
    let mut p99 = Vec::new();
    // Only the number of entries of other users differs. An index makes a push touch a few pages of
    // each table, so the two latencies should be close.
    let large = arguments.entries;
    for entries in [FEW, large] {
        progress(format_args!("  pushes beside {entries} entries"));
        let database = postgres.database();
        // The first start creates the tables.
        MeasuredServer::start_on(program, folder, Some(&database.url()))
            .await?
            .stop()
            .await?;
        fill(&database, entries);
        p99.push(pushes(program, folder, &database, load).await?.p99_ms);
    }
    let [few, many] = p99[..] else {
        anyhow::bail!("expected two databases");
    };
    Ok(vec![
        Measurement::new(&beside(FEW), few, "ms", ""),
        Measurement::new(&beside(large), many, "ms", ""),
        Measurement::new("  the second against the first", many / few, "×", "≤ 1.5 ×"),
    ])
}

fn beside(entries: u32) -> String {
    format!("p99 of a push beside {entries} entries")
}

/// Measures pushes, with another user on each connection.
async fn pushes(
    program: &Path,
    folder: &Path,
    database: &Database,
    (connections, length): (u32, Duration),
) -> anyhow::Result<WorkloadFigures> {
    let server = MeasuredServer::start_on(program, folder, Some(&database.url())).await?;
    let users = register_all(server.address(), connections).await?;
    let workloads: Result<_, _> = users.into_iter().map(Push::new).collect();
    let (load, _) = apply(&server, workloads?, length).await?;
    server.stop().await?;
    Ok(WorkloadFigures::new(PUSH, &load, &load.turns, None))
}

/// Returns the transactions per second of pgbench. The statements are prepared, as those of the server
/// are, and one thread of pgbench is the counterpart of the single thread of this program.
async fn pgbench(
    postgres: &PostgresServer,
    database: &Database,
    script: &Path,
    (connections, length): (u32, Duration),
) -> anyhow::Result<f64> {
    let mut pgbench = Command::new(postgres.program("pgbench"));
    pgbench
        // `n=0` makes the script read its user in the first transaction. `--no-vacuum`: there are no
        // tables of pgbench to vacuum.
        .args(["--no-vacuum", "--protocol", "prepared", "--define", "n=0"])
        .args(["--client", &connections.to_string(), "--jobs", "1"])
        .args(["--time", &length.as_secs().to_string(), "--file"])
        .arg(script)
        .arg(database.url());
    let ran = tokio::task::spawn_blocking(move || pgbench.output()).await?;
    let ran = ran.context("cannot run pgbench, which comes with PostgreSQL")?;
    let log = String::from_utf8_lossy(&ran.stderr);
    anyhow::ensure!(ran.status.success(), "pgbench failed: {log}");
    let output = String::from_utf8_lossy(&ran.stdout);
    let rate = output.lines().find_map(|line| {
        let rate = line.strip_prefix("tps = ")?.split(' ').next()?;
        rate.parse().ok()
    });
    rate.with_context(|| format!("pgbench printed no rate: {output}"))
}

/// Adds the other users with `entries` entries in all. Their streaks are marked as computed, so that
/// the workers have nothing to do for them.
fn fill(database: &Database, entries: u32) {
    // Inserted by SQL and not through the API: ten million pushes would take hours.
    let each = entries / OTHER_USERS;
    database.run(&format!(
        "INSERT INTO users (user_id, email, password_hash, timezone, week_start, day_start,
                            created_at, head_seq, last_change_at, digest, day_begun)
         SELECT {user}, 'stranger-' || n, '', 'Europe/Rome', 'monday', '00:00',
                1700000000000000, {each} + 1, 1700000000000000, 0, 100000
         FROM generate_series(1, {OTHER_USERS}) AS n;
         INSERT INTO habits (user_id, id, title, description, color, icon, sort_order, type,
                             frequency_type, target_value, target_direction, schedule_history,
                             unit, archived_spans, seq, version, created_at, updated_at,
                             current_streak, longest_streak, streak_day)
         SELECT {user}, {user}, 'Read', '', '#4caf50', '', 0, 'boolean', 'daily', 1000, 'at_least',
                '[]', '', '[]', 1, 1, 1700000000000000, 1700000000000000, 0, 0, 20000
         FROM generate_series(1, {OTHER_USERS}) AS n;
         INSERT INTO entries (user_id, id, habit_id, completion_date, completion_is_a_date,
                              timezone, local_date, kind, value, notes, seq, version, created_at,
                              updated_at)
         SELECT {user}, gen_random_uuid(), {user}, 1700000000000000, false, 'Europe/Rome',
                15000 + m, 'value', 1000, '', m + 1, 1, 1700000000000000, 1700000000000000
         FROM generate_series(1, {OTHER_USERS}) AS n, generate_series(1, {each}) AS m",
        user = "('10000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid",
    ));
    // Autovacuum would run during the measurement otherwise.
    database.run("VACUUM (ANALYZE)");
    // The pages written so far would be flushed during the measurement otherwise.
    database.run("CHECKPOINT");
}
