//! The server of this workspace keeps the contract on every storage.

use std::num::NonZeroUsize;
use std::process::Output;

use kanso_conformance::catalogue;
use kanso_server::config::{Config, DatabaseConfig, Secret};
use kanso_server::lifecycle::Running;
use kanso_testkit::{PostgresServer, RedisServer};
use serde_json::Value;

/// Starts a server in this process, on SQLite unless `change` selects another storage. Returns it with its
/// data folder.
pub(crate) async fn server(change: impl FnOnce(&mut Config)) -> (Running, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = Config::for_testing(folder.path());
    change(&mut config);
    let running = kanso_server::start(config).await.expect("a server");
    (running, folder)
}

pub(crate) fn url(running: &Running) -> String {
    format!("http://{}", running.address())
}

/// Runs the kit's program with these arguments.
pub(crate) async fn kit(arguments: &[&str]) -> Output {
    let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_kanso-conformance"));
    program.args(arguments).kill_on_drop(true);
    program.output().await.expect("the program runs")
}

/// Runs every case against the server; all must pass.
async fn conforms(running: &Running) {
    let output = kit(&[&url(running), "--json"]).await;
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let cases = report["cases"].as_array().expect("cases");
    let failed = cases.iter().filter(|case| case["passed"] != true);
    let failed: Vec<_> = failed.map(|case| format!("{case:#}")).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(report["passed"], catalogue().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_on_sqlite_keeps_the_contract() {
    let (running, _folder) = server(|_| {}).await;
    conforms(&running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_on_postgresql_with_redis_keeps_the_contract() {
    let database = PostgresServer::shared().database();
    let redis = RedisServer::start();
    let (running, _folder) = server(|config| {
        config.database = Database::Postgres {
            url: database.url().parse().expect("a URL"),
            connections: NonZeroUsize::new(16).expect("not zero"),
        };
        config.redis_url = Some(Secret::new(redis.url()));
    })
    .await;
    conforms(&running).await;
}
