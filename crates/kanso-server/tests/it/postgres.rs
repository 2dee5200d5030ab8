//! The server on PostgreSQL.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use kanso_postgres::PostgresOptions;
use kanso_server::config::Database;
use kanso_testkit::PostgresServer;
use serde_json::json;

use crate::program::take_credentials;
use crate::support::{App, operation};

pub(crate) fn database(url: &str) -> Database {
    Database::Postgres {
        url: url.parse().expect("a URL"),
        connections: PostgresOptions::CONNECTIONS,
    }
}

/// What a device does on its first days, against two servers with one database.
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

    let person = one.person().await;
    let habit = json!(crate::support::new_id());
    let create = json!({"fields": {"title": "Read"}});
    let results = person
        .push(json!([operation("habit", "create", &habit, &create)]))
        .await;
    assert_eq!(results[0]["status"], "applied", "{results:?}");
    let habit = json!({"id": habit});
    person.done(&habit, &["2026-11-21", "2026-11-22"]).await;

    let elsewhere = other.log_in(&person.email).await;
    let pulled = elsewhere.get("/sync").await.expect(200);
    let changes = pulled["changes"].to_string();
    assert!(changes.contains("\"Read\""), "{pulled}");
    let stats = elsewhere.stats(&habit).await;
    assert_eq!(stats["streak"]["current"], 2, "{stats}");
    let edit = json!({"version": 1, "title": "Read a page"});
    let path = format!("/habits/{}", habit["id"].as_str().expect("an id"));
    elsewhere.put(&path, &edit).await.expect(200);
    let read = person.get(&path).await.expect(200);
    assert_eq!(read["title"], "Read a page");
    person.delete("/auth/user").await.expect(200);
    elsewhere.get("/habits").await.expect(401);
}

/// Whatever is to be logged, the driver's own lines, which have the values of every statement, are
/// not.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_a_person_sends_is_logged_at_any_level() {
    let kept = PostgresServer::shared().database();
    let body = json!({"email": "canary@example.org", "password": "canary-canary-canary"});
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

/// The database remarks on each start that what the start would make is there already.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_with_a_schema_that_is_up_to_date_logs_no_remarks_of_the_database() {
    let kept = PostgresServer::shared().database();
    for _ in 0..2 {
        let log = log_of_a_life(&kept.url(), "info", async |_| {}).await;
        assert!(log.contains("starting"), "{log}");
        assert!(!log.contains("NOTICE"), "{log}");
    }
}

/// What a server writes from its start to its end, between which `visit` calls at its address.
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
    assert_eq!(server.wait().expect("it ends").code(), Some(0));
    fs::read_to_string(folder.path().join("log")).expect("UTF-8")
}

#[test]
fn a_backup_is_left_to_the_tools_of_the_database() {
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
fn a_database_that_cannot_be_opened_is_one_line_and_its_exit_code_says_who_mends_it() {
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
            PostgresServer::shared().url("nobody-made-it"),
            2,
            "\"nobody-made-it\" does not exist",
        ),
        // As after a power cut, when the machine of the database is the slower one.
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
