//! The server on PostgreSQL.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use kanso_postgres::PostgresOptions;
use kanso_server::config::DatabaseConfig;
use kanso_testkit::PostgresServer;
use serde_json::json;

use crate::program::take_credentials;
use crate::support::{App, operation};

pub(crate) fn database(url: &str) -> DatabaseConfig {
    DatabaseConfig::Postgres {
        url: url.parse().expect("a URL"),
        connections: PostgresOptions::CONNECTIONS,
    }
}

/// Runs the first days of a device against two servers with one database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_syncs_with_either_of_two_servers() {
    let kept = PostgresServer::shared().database();
    let secret = "a secret that both of the servers sign with";
    let start = || {
        App::with(|config| {
            config.database = database(&kept.url());
            config.signing = kanso_server::config::Signing::Secret(
                kanso_server::config::Secret::new(secret.into()),
            );
        })
    };
    let (one, other) = (start().await, start().await);
    let health = one.get("/health").await.expect(200);
    assert_eq!(health["database"], "connected");

    let user = one.user().await;
    let habit = json!(crate::support::new_id());
    let create = json!({"fields": {"title": "Read"}});
    let results = user
        .push(json!([operation("habit", "create", &habit, &create)]))
        .await;
    assert_eq!(results[0]["status"], "applied", "{results:?}");
    let habit = json!({"id": habit});
    user.done(&habit, &["2026-11-21", "2026-11-22"]).await;

    let elsewhere = other.log_in(&user.email).await;
    let pulled = elsewhere.get("/sync").await.expect(200);
    let changes = pulled["changes"].to_string();
    assert!(changes.contains("\"Read\""), "{pulled}");
    let stats = elsewhere.stats(&habit).await;
    assert_eq!(stats["streak"]["current"], 2, "{stats}");
    let edit = json!({"version": 1, "title": "Read a page"});
    let path = format!("/habits/{}", habit["id"].as_str().expect("an id"));
    elsewhere.put(&path, &edit).await.expect(200);
    let read = user.get(&path).await.expect(200);
    assert_eq!(read["title"], "Read a page");
    user.delete("/auth/user").await.expect(200);
    elsewhere.get("/habits").await.expect(401);
}

/// With every log filter: the driver's debug lines, which contain the values of statements, are
/// suppressed.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_user_data_is_logged_at_any_level() {
    let kept = PostgresServer::shared().database();
    let body = json!({"email": "canary@example.org", "password": "canary in a coal mine"});
    let visit = async |url: &str| take_credentials(url, &body, &["register", "login"]).await;
    let log = log_of_a_life(&kept.url(), "trace", visit).await;
    assert!(log.contains("request answered"), "{log}");
    let found = log.lines().find(|line| {
        ["canary", "argon2id$", "correct-horse"]
            .iter()
            .any(|secret| line.contains(secret))
    });
    assert_eq!(found, None);
}

/// PostgreSQL sends a notice at each start for objects that exist already.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_with_a_current_schema_logs_no_database_notices() {
    let kept = PostgresServer::shared().database();
    for _ in 0..2 {
        let log = log_of_a_life(&kept.url(), "info", async |_| {}).await;
        assert!(log.contains("starting"), "{log}");
        assert!(!log.contains("NOTICE"), "{log}");
    }
}

/// Returns the log of a server from its start to its end. `visit` calls it in between.
#[cfg(unix)]
async fn log_of_a_life(database: &str, level: &str, visit: impl AsyncFnOnce(&str)) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut server = Command::new(env!("CARGO_BIN_EXE_kanso-server"))
        .args(["--listen", "127.0.0.1:0", "--log", level])
        .env_clear()
        .env("KANSO_DATABASE_URL", database)
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(folder.path().join("log")).expect("a file"))
        .spawn()
        .expect("the program runs");
    let mut line = String::new();
    let mut out = BufReader::new(server.stdout.take().expect("a pipe"));
    out.read_line(&mut line).expect("UTF-8");
    let (_, url) = line
        .trim_end()
        .split_once("listens on ")
        .expect("an address");
    visit(url).await;
    let kill = Command::new("kill").arg(server.id().to_string()).status();
    assert!(kill.expect("kill runs").success());
    assert_eq!(server.wait().expect("the task ends").code(), Some(0));
    fs::read_to_string(folder.path().join("log")).expect("UTF-8")
}

#[test]
fn backup_of_postgresql_is_refused() {
    let url = "postgres://me:canary@127.0.0.1:9/kanso";
    let output = run_with(url, &["backup", "copy.db"]);
    let line = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert!(line.contains("with pg_dump"), "{line}");
}

fn run(url: &str) -> Output {
    run_with(url, &["--listen", "127.0.0.1:0", "--log", "off"])
}

fn run_with(url: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Command::new(env!("CARGO_BIN_EXE_kanso-server"))
        .args(arguments)
        .env_clear()
        .env("KANSO_DATABASE_URL", url)
        .current_dir(folder.path())
        .output()
        .expect("the program runs")
}

#[test]
fn unavailable_database_is_one_line_with_an_exit_code() {
    let right = PostgresServer::shared().url("postgres");
    let (account, place) = right.split_once('@').expect("an account");
    let (user, _) = account.rsplit_once(':').expect("a password");
    for (url, code, says) in [
        (
            format!("{user}:canary@{place}"),
            2,
            "password authentication failed",
        ),
        (
            PostgresServer::shared().url("no-such-database"),
            2,
            "\"no-such-database\" does not exist",
        ),
        // As after a power cut, when the database starts later than the server.
        (
            "postgres://me:canary@127.0.0.1:9/kanso".to_owned(),
            4,
            "cannot connect to the database postgres://me@127.0.0.1:9/kanso: ",
        ),
    ] {
        let output = run(&url);
        let line = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(code), "{line}");
        assert!(
            line.starts_with("kanso-server: ") && line.contains(says),
            "{line}"
        );
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(!line.contains("canary"), "{line}");
        assert!(output.stdout.is_empty());
    }
}
