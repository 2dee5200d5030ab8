//! The program: its exit codes and what it prints.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// Runs the program in an empty folder with only the given environment.
fn run(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kanso-server"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(folder)
        .output()
        .expect("the program runs")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Asserts one line on standard error and exit code 2.
#[track_caller]
fn refused(output: &Output, says: &str) {
    let line = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert!(
        line.starts_with("kanso-server: ") && line.contains(says),
        "{line}"
    );
    assert_eq!(line.lines().count(), 1, "{line}");
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn config_shows_values_with_their_sources_and_masks_secrets() {
    let folder = folder();
    fs::write(folder.path().join("kanso.toml"), "jwt_issuer = 'file'\n").expect("a file");
    let variables = [
        ("KANSO_JWT_SECRET", "canary-canary-canary-canary-canary"),
        ("KANSO_LOG", "debug"),
        ("KANSO_LGO", "x"),
    ];
    let output = run(folder.path(), &["config", "--log", "warn"], &variables);
    let (shown, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    for line in [
        "listen = \"127.0.0.1:8080\" # default",
        "jwt_issuer = \"file\" # jwt_issuer in ./kanso.toml",
        "jwt_secret = \"***\" # KANSO_JWT_SECRET",
        "log = \"warn\" # --log",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
    assert_eq!(
        said,
        "kanso-server: KANSO_LGO is not a setting and is ignored\n"
    );
    assert!(!shown.contains("canary"));
    assert_eq!(
        fs::read_dir(folder.path()).expect("the folder").count(),
        1,
        "nothing was made"
    );
}

#[test]
fn backup_works_beside_a_running_server_and_never_overwrites() {
    let folder = folder();
    let missing = run(folder.path(), &["backup", "copy.db"], &[]);
    refused(&missing, "kanso.db");
    let config = kanso_server::config::Config::for_testing(&folder.path().join("kanso-data"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let running = runtime
        .block_on(kanso_server::start(config))
        .expect("a server");
    let written = run(folder.path(), &["backup", "copy.db"], &[]);
    assert_eq!(written.status.code(), Some(0), "{}", text(&written.stderr));
    assert!(text(&written.stdout).contains("copy.db is a copy of ./kanso-data/kanso.db"));
    let copy = fs::read(folder.path().join("copy.db")).expect("a copy");
    assert!(copy.starts_with(b"SQLite format 3"));
    refused(&run(folder.path(), &["backup", "copy.db"], &[]), "copy.db");
    running.shut_down();
    runtime.block_on(running.stopped());
}

#[test]
fn a_wrong_setting_is_one_line_and_exit_code_2() {
    let folder = folder();
    let run = |variables| run(folder.path(), &[], variables);
    refused(
        &run(&[("KANSO_LISTEN", "8080")]),
        "KANSO_LISTEN: \"8080\" is not an address and port",
    );
    refused(
        &run(&[("KANSO_DATABASE_URL", "postgres://db")]),
        "KANSO_DATABASE_URL: names no user",
    );
    refused(
        &run(&[("KANSO_CONFIG", "absent.toml")]),
        "absent.toml: cannot be read",
    );
}

#[test]
fn a_busy_port_is_one_line_and_exit_code_2() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let output = run(
        folder.path(),
        &["--log", "off"],
        &[("KANSO_LISTEN", &address)],
    );
    refused(
        &output,
        "another program listens there; stop it, or set KANSO_LISTEN",
    );
}

#[test]
fn a_data_folder_that_cannot_be_made_is_one_line_and_exit_code_2() {
    let folder = folder();
    fs::write(folder.path().join("taken"), "").expect("a file");
    let flags = [
        "--data-dir",
        "taken/data",
        "--listen",
        "127.0.0.1:0",
        "--log",
        "off",
    ];
    refused(
        &run(folder.path(), &flags, &[]),
        "data folder taken/data: cannot be created: ",
    );
}

#[test]
fn a_key_that_cannot_sign_is_one_line_and_exit_code_2() {
    let folder = folder();
    let flags = ["--listen", "127.0.0.1:0", "--log", "off"];
    for (variable, value, says) in [
        (
            "KANSO_JWT_SECRET",
            "short",
            "KANSO_JWT_SECRET cannot be used: the secret has 5 bytes",
        ),
        (
            "KANSO_JWT_SECRET",
            "change-me-change-me-change-me-please",
            "the secret can be guessed",
        ),
        (
            "KANSO_JWT_PRIVATE_KEY_FILE",
            "absent.pem",
            "absent.pem: cannot be read: ",
        ),
        (
            "KANSO_JWT_PRIVATE_KEY_FILE",
            "junk.pem",
            "not an unencrypted private key in PEM",
        ),
    ] {
        fs::write(folder.path().join("junk.pem"), "junk").expect("a file");
        refused(&run(folder.path(), &flags, &[(variable, value)]), says);
    }
}

#[test]
fn an_unhealthy_server_is_exit_code_1() {
    let folder = folder();
    // Port 9 (discard) has no server on a machine that runs tests.
    let output = run(folder.path(), &["health", "http://127.0.0.1:9"], &[]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
}

/// A script must not take a part of the output for all of it.
#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written_is_exit_code_2() {
    let folder = folder();
    let migrated = run(folder.path(), &["migrate"], &[]);
    assert_eq!(migrated.status.code(), Some(0));
    for arguments in [
        &["config"][..],
        &["openapi"],
        &["migrate"],
        &["migrate", "--dry-run"],
        &["migrate", "--finish"],
        &["backup", "copy.db"],
    ] {
        let full = fs::File::options().write(true).open("/dev/full");
        let output = Command::new(env!("CARGO_BIN_EXE_kanso-server"))
            .args(arguments)
            .env_clear()
            .current_dir(folder.path())
            .stdout(Stdio::from(full.expect("a device that is always full")))
            .output()
            .expect("the program runs");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(
            said.contains("cannot write to standard output"),
            "{arguments:?}: {said}"
        );
    }
}

#[test]
fn an_unknown_flag_is_exit_code_2() {
    let folder = folder();
    assert_eq!(
        run(folder.path(), &["--lisen", "x"], &[]).status.code(),
        Some(2)
    );
}

/// Starts a server and returns it with its address.
#[cfg(unix)]
fn serving(folder: &Path) -> (Child, String) {
    serving_with(folder, "off", Stdio::inherit())
}

/// Starts a server with another log output.
#[cfg(unix)]
fn serving_with(folder: &Path, log: &str, stderr: Stdio) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kanso-server"))
        .args(["--listen", "127.0.0.1:0", "--log", log])
        .env_clear()
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .expect("the program runs");
    let out = BufReader::new(child.stdout.take().expect("a pipe"));
    let lines: Vec<String> = out
        .lines()
        .take(2)
        .map(|line| line.expect("UTF-8"))
        .collect();
    let (_, url) = lines[0].split_once("listens on ").expect("an address");
    assert_eq!(
        lines[1],
        format!("API documentation: {url}/swagger/index.html")
    );
    (child, url.to_owned())
}

#[test]
#[cfg(unix)]
fn a_server_serves_stops_on_sigterm_and_finds_its_key_again() {
    let folder = folder();
    let key = || fs::read(folder.path().join("kanso-data/jwt-secret")).expect("a key");
    let mut keys = Vec::new();
    for _ in 0..2 {
        let (mut server, url) = serving(folder.path());
        let health = run(folder.path(), &["health", &url], &[]);
        assert_eq!(health.status.code(), Some(0), "{}", text(&health.stderr));
        let kill = Command::new("kill").arg(server.id().to_string()).status();
        assert!(kill.expect("kill runs").success());
        assert_eq!(server.wait().expect("the task ends").code(), Some(0));
        keys.push(key());
    }
    assert_eq!(keys[0], keys[1]);
    assert!(folder.path().join("kanso-data/kanso.db").exists());
}

/// Sends a user's credentials to each of these routes. All must accept them.
pub(crate) async fn take_credentials(url: &str, body: &serde_json::Value, verbs: &[&str]) {
    let client = reqwest::Client::builder().no_proxy().build();
    let client = client.expect("a client");
    for verb in verbs {
        let post = client.post(format!("{url}/api/v1/auth/{verb}"));
        let post = post.header("content-type", "application/json");
        let answer = post.body(body.to_string()).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{verb}: {answer:?}");
    }
}

/// The reader of the log may have left, and its disk may be full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg(target_os = "linux")]
async fn unwritable_log_does_not_stop_the_server() {
    let folder = folder();
    let full = fs::File::options().write(true).open("/dev/full");
    let stderr = Stdio::from(full.expect("a device that is always full"));
    let (mut server, url) = serving_with(folder.path(), "trace", stderr);
    let body = serde_json::json!({"email": "a@b.example", "password": "two slow kettles"});
    take_credentials(&url, &body, &["register", "login", "login"]).await;
    let kill = Command::new("kill").arg(server.id().to_string()).status();
    assert!(kill.expect("kill runs").success());
    assert_eq!(server.wait().expect("the task ends").code(), Some(0));
}

/// A closed terminal sends this signal, and so does an operator who expects a reload.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg(unix)]
async fn sighup_does_not_stop_the_server() {
    let folder = folder();
    let log = folder.path().join("log");
    let stderr = Stdio::from(fs::File::create(&log).expect("a file"));
    let (mut server, url) = serving_with(folder.path(), "info", stderr);
    let kill = |signal: &str| {
        let kill = Command::new("kill")
            .args([signal, &server.id().to_string()])
            .status();
        assert!(kill.expect("kill runs").success());
    };
    for count in 1..=2 {
        kill("-HUP");
        // The line is written when the signal has been handled.
        while fs::read_to_string(&log)
            .expect("a log")
            .matches("SIGHUP")
            .count()
            < count
        {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
    let health = run(folder.path(), &["health", &url], &[]);
    assert_eq!(health.status.code(), Some(0), "{}", text(&health.stderr));
    kill("-TERM");
    assert_eq!(server.wait().expect("the task ends").code(), Some(0));
}

/// A server in a container has no local clients, so its log has the code of the first account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg(unix)]
async fn first_account_is_made_from_elsewhere_with_the_code_in_the_log() {
    let folder = folder();
    let log = folder.path().join("log");
    let stderr = Stdio::from(fs::File::create(&log).expect("a file"));
    let (mut server, url) = serving_with(folder.path(), "info", stderr);
    let logged = fs::read_to_string(&log).expect("a log");
    let (_, code) = logged.split_once("invite=\"").expect("a code");
    let (code, _) = code.split_once('"').expect("its end");
    let client = reqwest::Client::builder().no_proxy().build();
    let client = client.expect("a client");
    let register = async |email: &str, code: &str| {
        let body =
            serde_json::json!({"email": email, "password": "two slow kettles", "invite": code});
        let post = client.post(format!("{url}/api/v1/auth/register"));
        let post = post.header("content-type", "application/json");
        let post = post.header("x-forwarded-for", "192.0.2.7");
        let answer = post.body(body.to_string()).send().await;
        answer.expect("an answer").status().as_u16()
    };
    assert_eq!(register("ada@example.org", "ki1_").await, 403);
    assert_eq!(register("ada@example.org", code).await, 201);
    assert_eq!(register("bob@example.org", code).await, 403);
    let kill = Command::new("kill").arg(server.id().to_string()).status();
    assert!(kill.expect("kill runs").success());
    assert_eq!(server.wait().expect("the task ends").code(), Some(0));
    assert_eq!(
        fs::read_to_string(&log)
            .expect("a log")
            .matches(code)
            .count(),
        1
    );
}
