//! `kanso-server reset-password`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use kanso_testkit::PostgresServer;
use serde_json::json;

use crate::postgres::database;
use crate::support::{Answer, App};

const OLD: &str = "correct horse battery";
const NEW: &str = "two slow kettles";

/// Runs the program with a line on standard input.
fn reset(folder: &Path, url: Option<&str>, email: &str, line: &str) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_kanso-server"))
        .args(["reset-password", email])
        .env_clear()
        .env("KANSO_DATA_DIR", folder)
        .envs(url.map(|url| ("KANSO_DATABASE_URL", url)))
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut input = program.stdin.take().expect("a pipe");
    // The program may have rejected its arguments and exited.
    let _ = writeln!(input, "{line}");
    drop(input);
    program.wait_with_output().expect("the task ends")
}

/// Returns the exit code and the single line of the error.
fn refusal(output: &Output) -> (i32, String) {
    let said = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(!said.contains(NEW), "{said}");
    (output.status.code().expect("an exit code"), said)
}

async fn log_in(app: &App, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    app.post("/api/v1/auth/login", &body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_password_is_replaced_beside_a_server_on_sqlite() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let folder = app.data_dir().to_owned();
    for (email, password, says) in [
        ("nobody@example.org", NEW, "no account in sqlite "),
        (
            &*user.email,
            "short",
            "kanso-server: the password must have at least 8 characters\n",
        ),
        ("not-an-address", NEW, "malformed e-mail address"),
    ] {
        let (code, said) = refusal(&reset(&folder, None, email, password));
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(says), "{said}");
    }
    let done = reset(&folder, None, &user.email.to_uppercase(), NEW);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    user.get("/habits").await.refused(401, "unauthorized");
    assert_eq!(log_in(&app, &user.email, OLD).await.status, 401);
    let tokens = log_in(&app, &user.email, NEW).await.expect(200);
    let user = app.user_with(&tokens);
    let habits = user.get("/habits").await.expect(200);
    assert_eq!(habits[0]["id"], habit["id"], "{habits}");
    // The server goes on writing, and finds its own database at the next start.
    user.habit("Write").await;
    let app = app.restarted_with(|_| {}).await;
    log_in(&app, &user.email, NEW).await.expect(200);
}

#[test]
fn no_database_is_created_in_an_empty_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (code, said) = refusal(&reset(folder.path(), None, "ada@example.org", NEW));
    assert!(code == 2 && said.contains("no database at"), "{said}");
    let left = std::fs::read_dir(folder.path()).expect("it is there");
    assert_eq!(left.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_password_is_replaced_beside_a_server_on_postgresql() {
    let kept = PostgresServer::shared().database();
    let app = App::with(|config| config.database = database(&kept.url())).await;
    let user = app.user().await;
    let done = reset(app.data_dir(), Some(&kept.url()), &user.email, NEW);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let shown = String::from_utf8(done.stdout).expect("UTF-8");
    assert!(shown.contains("must log in again"), "{shown}");
    user.get("/habits").await.refused(401, "unauthorized");
    assert_eq!(log_in(&app, &user.email, OLD).await.status, 401);
    log_in(&app, &user.email, NEW).await.expect(200);
}
