//! `kanso-server migrate`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use kanso_testkit::PostgresServer;

use crate::support::App;

fn command(folder: &Path, arguments: &[&str], database: Option<&str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kanso-server"));
    command
        .arg("migrate")
        .args(arguments)
        .env_clear()
        .envs(database.map(|url| ("KANSO_DATABASE_URL", url)))
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the program and returns its output and exit code.
fn ended(output: Output) -> (String, i32) {
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    let shown = String::from_utf8(output.stdout).expect("UTF-8");
    (shown + &said, output.status.code().expect("an exit code"))
}

fn migrate(folder: &Path, arguments: &[&str], database: Option<&str>) -> (String, i32) {
    let output = command(folder, arguments, database).output();
    ended(output.expect("the program runs"))
}

/// Number of steps that the program reports in this state.
fn steps(shown: &str, state: &str) -> usize {
    let state = format!("{state:<11}  V");
    shown
        .lines()
        .filter(|line| line.starts_with(&state))
        .count()
}

/// Asserts that concurrent runs apply each step once in total, and that all of them succeed.
fn several_at_once(folder: &Path, database: Option<&str>) {
    let started: Vec<_> = (0..4)
        .map(|_| command(folder, &[], database).spawn().expect("it runs"))
        .collect();
    let mut took = 0;
    for child in started {
        let (shown, code) = ended(child.wait_with_output().expect("the task ends"));
        assert_eq!(code, 0, "{shown}");
        assert_eq!(steps(&shown, "pending"), 0, "{shown}");
        took += usize::from(steps(&shown, "applied now") > 0);
    }
    assert_eq!(took, 1, "one run applies the steps, the others wait");
}

/// Returns every file below `folder` with its content.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let name = entry.path().display().to_string();
        if entry.path().is_dir() {
            found.insert(name, Vec::new());
            found.extend(files(&entry.path()));
        } else {
            found.insert(name, fs::read(entry.path()).expect("a file"));
        }
    }
    found
}

#[test]
fn dry_run_reports_pending_steps_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (shown, code) = migrate(folder.path(), &["--dry-run"], None);
    assert_eq!(code, 3, "{shown}");
    assert!(
        shown.starts_with("sqlite ./kanso-data/kanso.db\n"),
        "{shown}"
    );
    let all = steps(&shown, "pending");
    assert!(all >= 3, "{shown}");
    assert!(files(folder.path()).is_empty());

    let (shown, code) = migrate(folder.path(), &[], None);
    assert_eq!((steps(&shown, "applied now"), code), (all, 0), "{shown}");

    let before = files(folder.path());
    for arguments in [&["--dry-run"][..], &[]] {
        let (shown, code) = migrate(folder.path(), arguments, None);
        assert_eq!((steps(&shown, "applied"), code), (all, 0), "{shown}");
        assert!(shown.ends_with("The schema is up to date.\n"), "{shown}");
        if !arguments.is_empty() {
            assert!(files(folder.path()) == before, "a dry run changed a file");
        }
    }
}

#[test]
fn concurrent_migrations_of_one_file_succeed() {
    let folder = tempfile::tempdir().expect("a folder");
    several_at_once(folder.path(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_of_a_running_server_is_up_to_date() {
    let kept = PostgresServer::shared().database();
    for database in [None, Some(kept.url())] {
        let app = match &database {
            None => App::start().await,
            Some(url) => App::with(|config| config.database = crate::postgres::database(url)).await,
        };
        let user = app.user().await;
        let file = format!("sqlite://{}/kanso.db", app.data_dir().display());
        let url = database.as_ref().unwrap_or(&file);
        for arguments in [&["--dry-run"][..], &[]] {
            let (shown, code) = migrate(app.data_dir(), arguments, Some(url));
            assert_eq!(code, 0, "{shown}");
            assert!(shown.ends_with("The schema is up to date.\n"), "{shown}");
        }
        user.habit("Read").await;
    }
}

#[test]
fn a_dry_run_leaves_an_empty_postgres_empty() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = PostgresServer::shared().database();
    let url = kept.url();
    let (shown, code) = migrate(folder.path(), &["--dry-run"], Some(&url));
    assert_eq!(code, 3, "{shown}");
    assert!(steps(&shown, "pending") > 0, "{shown}");
    assert!(!shown.contains("correct-horse"), "{shown}");
    // Fails if a table exists.
    kept.run("CREATE TABLE schema_lock (id int); DROP TABLE schema_lock");
    kept.run("SELECT 1 / (count(*) = 0)::int FROM pg_tables WHERE schemaname = 'public'");

    several_at_once(folder.path(), Some(&url));
    let (shown, code) = migrate(folder.path(), &["--dry-run"], Some(&url));
    assert_eq!((steps(&shown, "pending"), code), (0, 0), "{shown}");
    kept.run("SELECT 1 / count(*) FROM pg_tables WHERE tablename = 'habits'");
    assert!(
        files(folder.path()).is_empty(),
        "PostgreSQL needs no folder"
    );
}

#[test]
fn a_schema_that_is_not_known_is_exit_code_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = PostgresServer::shared().database();
    let url = kept.url();
    kept.run("CREATE TABLE users (id bigint)");
    for arguments in [&["--dry-run"][..], &[]] {
        let (said, code) = migrate(folder.path(), arguments, Some(&url));
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("tables that are not Kanso's"), "{said}");
    }
    fs::create_dir(folder.path().join("kanso-data")).expect("a folder");
    fs::write(folder.path().join("kanso-data/kanso.db"), "a diary").expect("a file");
    for arguments in [&["--dry-run"][..], &[]] {
        let (said, code) = migrate(folder.path(), arguments, None);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("is not a Kanso database"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
