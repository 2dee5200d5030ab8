//! Short rounds of the most important scenarios. `cargo xtask chaos` runs all of them, and for longer.
#![expect(
    clippy::unwrap_used,
    reason = "these are tests; clippy only knows functions with the attribute"
)]

#[cfg(test)]
mod contract;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use kanso_chaos::report::{ReportRow, table};
use kanso_chaos::scenario::Scenario;
use kanso_chaos::setup::{LoadSize, Setup};

/// Returns the path of the server. Cargo builds only the program of this crate by itself.
fn program() -> PathBuf {
    let name = format!("kanso-server{}", std::env::consts::EXE_SUFFIX);
    let program = PathBuf::from(env!("CARGO_BIN_EXE_kanso-chaos")).with_file_name(name);
    assert!(
        program.is_file(),
        "{} is not there: run `cargo xtask test`, which builds it first",
        program.display()
    );
    program
}

/// Returns the setup of a round with few accounts.
fn setup(faults: u64) -> Setup {
    Setup {
        program: program(),
        folder: std::env::temp_dir(),
        disk: None,
        size: LoadSize {
            people: 3,
            devices: 2,
            batch: 5,
            // Other tests run on the machine at the same time.
            rest: Duration::from_millis(10),
        },
        faults,
        between: 100,
    }
}

/// Runs one round with few accounts and requires a clean result.
async fn round(scenario: Scenario, faults: u64) -> ReportRow {
    let setup = setup(faults);
    let mut row = scenario.run(&setup).await.unwrap();
    row.scenario = scenario.name();
    let shown = table(std::slice::from_ref(&row));
    // The test harness hides the output of passing tests, and only captures the print macros.
    let mut terminal = std::io::stderr().lock();
    writeln!(terminal, "{shown}").unwrap();
    assert!(row.is_clean(), "{row:#?}");
    assert!(row.acknowledged > 0, "{row:#?}");
    row
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_on_sqlite_loses_nothing() {
    let row = round(Scenario::KillServer, 3).await;
    assert!(
        row.failed_requests > 0,
        "no request met the fault: {row:#?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_of_three_on_postgresql_loses_nothing() {
    let row = round(Scenario::KillNode, 3).await;
    assert!(
        row.failed_requests > 0,
        "no request met the fault: {row:#?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_behind_nginx_fails_no_request() {
    let row = round(Scenario::RollingRestart, 1).await;
    assert_eq!(row.failed_requests, 0, "{row:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_on_one_server_notifies_a_stream_on_another() {
    round(Scenario::PokeAcrossNodes, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_count_one_limit_exactly() {
    round(Scenario::LimiterExact, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_does_not_answer_fails_no_request() {
    let row = round(Scenario::RedisStopped, 1).await;
    assert_eq!(row.failed_requests, 0, "{row:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_that_ask_for_all_they_can_stop_no_other() {
    let row = round(Scenario::HostileTenants, 1).await;
    assert_eq!(row.failed_requests, 0, "{row:#?}");
}
