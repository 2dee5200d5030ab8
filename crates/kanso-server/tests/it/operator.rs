//! `kanso-server user …`, beside a running server.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use kanso_http::RegistrationMode;
use kanso_testkit::{Database, PostgresServer};
use serde_json::{Value, json};

use crate::postgres::database;
use crate::support::{Answer, App, PASSWORD};

/// A server for invited users, with the database of its operator's commands.
struct Installation {
    app: App,
    postgres: Option<Database>,
}

impl Installation {
    async fn on_sqlite() -> Self {
        let app = App::with(|config| config.registration = Some(RegistrationMode::Invite)).await;
        let postgres = None;
        Self { app, postgres }
    }

    async fn on_postgresql() -> Self {
        let kept = PostgresServer::shared().database();
        let app = App::with(|config| {
            config.database = database(&kept.url());
            config.registration = Some(RegistrationMode::Invite);
        });
        Self {
            app: app.await,
            postgres: Some(kept),
        }
    }

    /// Runs `kanso-server user` with a line on standard input.
    fn user(&self, arguments: &[&str], line: &str) -> Output {
        let folder = self.app.data_dir();
        let url = self.postgres.as_ref().map(Database::url);
        let mut program = Command::new(env!("CARGO_BIN_EXE_kanso-server"))
            .arg("user")
            .args(arguments)
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

    /// Runs it successfully, and returns what it prints.
    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.user(arguments, PASSWORD);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Runs it without success, and returns the error.
    #[track_caller]
    fn fails(&self, arguments: &[&str], line: &str) -> String {
        let output = self.user(arguments, line);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    }

    async fn register(&self, email: &str, code: &str) -> Answer {
        let body = json!({"email": email, "password": PASSWORD, "invite": code});
        self.app.post("/api/v1/auth/register", &body).await
    }

    async fn log_in(&self, email: &str) -> Answer {
        let body = json!({"email": email, "password": PASSWORD});
        self.app.post("/api/v1/auth/login", &body).await
    }

    async fn refresh(&self, tokens: &Value) -> Answer {
        let body = json!({"refresh_token": tokens["refresh_token"]});
        self.app.post("/api/v1/auth/refresh", &body).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invitation_makes_one_account_on_sqlite() {
    invitation_makes_one_account(Installation::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invitation_makes_one_account_on_postgresql() {
    invitation_makes_one_account(Installation::on_postgresql().await).await;
}

async fn invitation_makes_one_account(kanso: Installation) {
    let code = kanso.done(&["invite"]);
    let code = code.trim_end();
    // A weak password and a taken address do not use it up.
    let weak = json!({"email": "ada@example.org", "password": "short", "invite": code});
    let weak = kanso.app.post("/api/v1/auth/register", &weak).await;
    weak.refused(400, "invalid_registration");
    kanso.done(&["add", "taken@example.org"]);
    let taken = kanso.register("taken@example.org", code).await;
    taken.refused(409, "email_taken");
    kanso.register("ada@example.org", code).await.expect(201);
    let again = kanso.register("bob@example.org", code).await;
    again.refused(403, "invitation_refused");
    // The clock of the server stands in November 2026, and the program has the one of the machine. So an
    // invitation of the program is compared with the clock of the server.
    let short = kanso.done(&["invite", "--days", "1"]);
    kanso.app.clock.set("2126-11-22T12:00:00Z");
    let late = kanso.register("bob@example.org", short.trim_end()).await;
    late.refused(403, "invitation_refused");
    let said = kanso.fails(&["invite", "--days", "0"], "");
    assert!(said.contains("--days"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disabled_account_is_signed_out_and_keeps_its_data_on_sqlite() {
    disabled_account_is_signed_out(Installation::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disabled_account_is_signed_out_and_keeps_its_data_on_postgresql() {
    disabled_account_is_signed_out(Installation::on_postgresql().await).await;
}

async fn disabled_account_is_signed_out(kanso: Installation) {
    let email = "ada@example.org";
    kanso.done(&["add", email]);
    let tokens = kanso.log_in(email).await.expect(200);
    let user = kanso.app.user_with(&tokens);
    let habit = user.habit("Read").await;
    kanso.done(&["disable", &email.to_uppercase()]);
    user.get("/habits").await.refused(401, "unauthorized");
    let answer = kanso.refresh(&tokens).await;
    answer.refused(403, "account_disabled");
    let answer = kanso.log_in(email).await;
    answer.refused(403, "account_disabled");
    // Only the right password learns that it is disabled.
    let guess = json!({"email": email, "password": "another password"});
    let guess = kanso.app.post("/api/v1/auth/login", &guess).await;
    guess.refused(401, "invalid_credentials");
    let listed = kanso.done(&["list"]);
    assert!(listed.contains("disabled"), "{listed}");

    kanso.done(&["enable", email]);
    let answer = kanso.refresh(&tokens).await;
    answer.refused(401, "invalid_refresh_token");
    let tokens = kanso.log_in(email).await.expect(200);
    let habits = kanso
        .app
        .user_with(&tokens)
        .get("/habits")
        .await
        .expect(200);
    assert_eq!(habits[0]["id"], habit["id"], "{habits}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_and_sessions_are_listed_ended_and_deleted_on_sqlite() {
    accounts_and_sessions(Installation::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_and_sessions_are_listed_ended_and_deleted_on_postgresql() {
    accounts_and_sessions(Installation::on_postgresql().await).await;
}

async fn accounts_and_sessions(kanso: Installation) {
    let (ada, bob) = ("ada@example.org", "bob@example.org");
    let id = kanso.done(&["add", ada]);
    kanso.done(&["add", bob]);
    assert_eq!(kanso.done(&["list"]).lines().count(), 3);
    let listed = kanso.done(&["list", "--json"]);
    let first: Value = serde_json::from_str(listed.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["id"], id.trim_end(), "{listed}");
    assert_eq!(
        (&first["email"], &first["state"]),
        (&json!(ada), &json!("active"))
    );
    assert!(first["created_at"].is_string(), "{first}");

    let tokens = kanso.log_in(ada).await.expect(200);
    let user = kanso.app.user_with(&tokens);
    kanso.log_in(bob).await.expect(200);
    kanso.done(&["delete", bob, "--yes"]);
    kanso.log_in(bob).await.refused(401, "invalid_credentials");
    assert!(!kanso.done(&["list"]).contains(bob));
    user.get("/habits").await.expect(200);
    kanso.done(&["sessions", ada, "--end"]);
    user.get("/habits").await.refused(401, "unauthorized");
    kanso.log_in(ada).await.expect(200);

    for arguments in [
        &["disable", bob] as &[_],
        &["enable", bob],
        &["delete", bob, "--yes"],
        &["sessions", bob],
        &["sessions", bob, "--end"],
    ] {
        let said = kanso.fails(arguments, "");
        assert!(said.contains("no account in "), "{said}");
    }
    for (arguments, line, says) in [
        (&["add", ada] as &[_], PASSWORD, "already exists"),
        (&["add", bob], "short", "must have at least 8 characters"),
        (&["add", bob], "bob@example.org", "the password "),
        (&["delete", ada], "", "not deleted"),
        (&["add", "no-address"], PASSWORD, "malformed e-mail address"),
        (&["unknown"], "", "unrecognized subcommand"),
    ] {
        let said = kanso.fails(arguments, line);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
}

/// The commands write while the server does, in both directions.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn server_goes_on_writing_beside_the_commands() {
    let kanso = Installation::on_sqlite().await;
    kanso.done(&["add", "ada@example.org"]);
    let tokens = kanso.log_in("ada@example.org").await.expect(200);
    let user = kanso.app.user_with(&tokens);
    let commands = tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let commands = scope.spawn(|| {
                for number in 0..5 {
                    kanso.done(&["invite"]);
                    kanso.done(&["add", &format!("user{number}@example.org")]);
                }
            });
            let write = async {
                // Settings, because they may change as often as the commands take.
                for day in ["monday", "sunday"].into_iter().cycle() {
                    let settings = json!({"week_start": day});
                    user.patch("/auth/user", &settings).await.expect(200);
                    if commands.is_finished() {
                        break;
                    }
                }
            };
            tokio::runtime::Handle::current().block_on(write);
            commands.join()
        })
    });
    commands.expect("every command succeeds");
    let app = kanso.app.restarted_with(|_| {}).await;
    let log_in = json!({"email": "user4@example.org", "password": PASSWORD});
    app.post("/api/v1/auth/login", &log_in).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quota_of_one_account_changes_beside_the_server_on_sqlite() {
    quota_of_one_account_changes(Installation::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quota_of_one_account_changes_beside_the_server_on_postgresql() {
    quota_of_one_account_changes(Installation::on_postgresql().await).await;
}

async fn quota_of_one_account_changes(kanso: Installation) {
    kanso.done(&["add", "ada@example.org"]);
    let ada = kanso.app.log_in("ada@example.org").await;
    ada.habit("Read").await;
    let shown = kanso.done(&[
        "quota",
        "ada@example.org",
        "--habits",
        "1",
        "--records",
        "off",
    ]);
    let lines: Vec<Vec<_>> = shown
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[1], ["live_habits", "1", "1"], "{shown}");
    assert_eq!(lines[2], ["records", "1", "off"], "{shown}");
    let refused = ada.post("/habits", &json!({"title": "Run"})).await;
    refused.refused(403, "quota_exceeded");

    let shown = kanso.done(&["quota", "ada@example.org", "--habits", "default", "--json"]);
    let quota: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(quota["live_habits"], json!({"used": 1, "limit": 500}));
    assert_eq!(
        quota["records"]["limit"],
        Value::Null,
        "stays as it was set"
    );
    ada.habit("Run").await;

    let said = kanso.fails(&["quota", "ada@example.org", "--space", "1GiB"], "");
    assert!(said.contains("--space"), "{said}");
    let said = kanso.fails(&["quota", "bob@example.org"], "");
    assert!(said.contains("no account"), "{said}");
}
