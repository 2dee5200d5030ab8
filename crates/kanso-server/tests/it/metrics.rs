//! `/metrics` on its separate listener. The recorder is global, so each test starts a process.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use kanso_testkit::PostgresServer;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::support::{TestUser, new_id, operation};

/// A server with the address of its metrics.
struct Server {
    process: Child,
    _out: BufReader<ChildStdout>,
    _folder: tempfile::TempDir,
    url: String,
    metrics: String,
    client: Client,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start(variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut process = Command::new(env!("CARGO_BIN_EXE_kanso-server"))
            .args(["--listen", "127.0.0.1:0", "--log", "off"])
            .args(["--metrics-listen", "127.0.0.1:0"])
            .env_clear()
            .envs(variables.iter().copied())
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let mut out = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut line_after = |before: &str| {
            let mut line = String::new();
            out.read_line(&mut line).expect("UTF-8");
            let (_, rest) = line.trim_end().split_once(before).expect("an address");
            rest.to_owned()
        };
        let url = line_after("listens on ");
        line_after("API documentation: ");
        let metrics = line_after("Metrics: ");
        let client = Client::builder().no_proxy().build().expect("a client");
        Self {
            process,
            _out: out,
            _folder: folder,
            url,
            metrics,
            client,
        }
    }

    async fn user(&self, email: &str) -> TestUser {
        let body = json!({"email": email, "password": "correct horse battery"});
        let mut answer = Value::Null;
        for verb in ["register", "login"] {
            let url = format!("{}/api/v1/auth/{verb}", self.url);
            let post = self.client.post(url).json(&body).send().await;
            answer = post.expect("an answer").json().await.expect("JSON");
        }
        let text = |member: &str| answer[member].as_str().expect("a text").to_owned();
        TestUser {
            client: self.client.clone(),
            base: format!("{}/api/v1", self.url),
            email: email.to_owned(),
            token: text("token"),
            refresh_token: text("refresh_token"),
        }
    }

    /// Waits until a series is reported and returns its value.
    async fn reported(&self, series: &str) -> f64 {
        let reported = async {
            loop {
                if let Some(value) = self.counted().await.get(series) {
                    return value;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(30), reported)
            .await
            .unwrap_or_else(|_| panic!("{series} is never reported"))
    }

    /// Reads all metrics.
    async fn counted(&self) -> Counted {
        let answer = self.client.get(&self.metrics).send().await.expect("it");
        assert_eq!(answer.status(), 200);
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        assert_eq!(answer.headers()["content-type"], kind);
        Counted(answer.text().await.expect("UTF-8"))
    }
}

/// Response of `/metrics`.
struct Counted(String);

impl Counted {
    /// Returns the value of a series with its labels; `None` if it is missing.
    fn get(&self, series: &str) -> Option<f64> {
        let mut lines = self.0.lines();
        let value = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map(|value| value.parse().expect("a number"))
    }

    #[track_caller]
    fn expect(&self, series: &str, value: f64) {
        assert_eq!(self.get(series), Some(value), "{series}\n{}", self.0);
    }
}

/// Sends a minute of a user's requests, some of them invalid.
async fn a_minute(user: &TestUser) -> Value {
    let habit = json!(new_id());
    let create = json!({"fields": {"title": "canary-title"}});
    let create = operation("habit", "create", &habit, &create);
    let stale = json!({"base_version": 7, "fields": {"title": "canary-title"}});
    let stale = operation("habit", "update", &habit, &stale);
    let results = user.push(json!([create, create, stale])).await;
    assert_eq!(results.len(), 3, "{results:?}");
    user.get("/sync").await.expect(200);
    let path = format!("/habits/{}", habit.as_str().expect("an id"));
    user.get(&path).await.expect(200);
    user.get(&path).await.expect(200);
    let empty = kanso_domain::sync::Buckets::empty();
    let buckets: Value = empty.digests().iter().map(ToString::to_string).collect();
    let verify = json!({ "buckets": buckets });
    user.post("/sync/verify", &verify).await.expect(200);
    habit
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streak_queue_is_reported_from_the_start() {
    let server = Server::start(&[]);
    for name in [
        "kanso_streak_jobs_waiting",
        "kanso_streak_jobs_parked",
        "kanso_streak_oldest_job_age_seconds",
    ] {
        let reported = Some(server.reported(name).await);
        assert_eq!(reported, Some(0.0), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_counted_without_personal_data() {
    let server = Server::start(&[]);
    let user = server.user("canary@example.org").await;
    let (mut listener, _) = user.listen().await;
    let habit = a_minute(&user).await;
    listener.expect("poke").await;
    let strange = server.client.get(format!("{}/metrics", server.url));
    let strange = strange.send().await.expect("an answer");
    assert_eq!(strange.status(), 404, "not on the public listener");
    let verb = reqwest::Method::from_bytes(b"CANARY").expect("a method");
    let strange = server
        .client
        .request(verb, format!("{}/canary", server.url));
    strange.send().await.expect("an answer");

    let counted = server.counted().await;
    let version = env!("CARGO_PKG_VERSION");
    let build = counted
        .0
        .lines()
        .find(|line| line.starts_with("kanso_build_info{"));
    let build = build.expect("what runs");
    for label in [
        &format!("version=\"{version}\""),
        "storage=\"sqlite\"",
        "tzdb=\"20",
    ] {
        assert!(build.contains(label), "{build}");
    }
    let route = r#"method="GET",route="/api/v1/habits/{id}""#;
    for (series, value) in [
        (
            &*format!("kanso_http_requests_total{{{route},status=\"2xx\"}}"),
            2.0,
        ),
        (
            &*format!("kanso_http_request_duration_seconds_count{{{route}}}"),
            2.0,
        ),
        (
            r#"kanso_http_requests_total{method="other",route="none",status="4xx"}"#,
            1.0,
        ),
        (r#"kanso_http_problems_total{code="route_not_found"}"#, 2.0),
        (r#"kanso_http_problems_total{code="cursor_ahead"}"#, 0.0),
        (r#"kanso_sync_operations_total{result="applied"}"#, 1.0),
        (r#"kanso_sync_operations_total{result="duplicate"}"#, 1.0),
        (r#"kanso_storage_errors_total{kind="corrupt"}"#, 0.0),
        (
            r#"kanso_rate_limit_decisions_total{decision="allowed"}"#,
            8.0,
        ),
        ("kanso_sync_page_records_count", 2.0),
        ("kanso_sync_page_records_sum", 2.0),
        ("kanso_replica_drifts_total", 1.0),
        ("kanso_streams_open", 1.0),
        ("kanso_stream_pokes_total", 1.0),
        ("kanso_storage_connections_waiting", 0.0),
    ] {
        counted.expect(series, value);
    }
    let commits = counted.get("kanso_storage_commit_writes_count");
    assert!(commits.is_some_and(|commits| commits >= 3.0), "{commits:?}");
    let id = habit.as_str().expect("an id").to_owned();
    for secret in ["canary", "CANARY", "example.org", &id] {
        assert!(!counted.0.contains(secret), "{secret}\n{}", counted.0);
    }
    for line in counted.0.lines().filter(|line| line.starts_with("# TYPE ")) {
        let name = line.split(' ').nth(2).expect("a name");
        let help = format!("# HELP {name} ");
        assert!(counted.0.contains(&help), "{name} is not explained");
    }
    let beside = server.metrics.replace("/metrics", "/health");
    let beside = server.client.get(beside).send().await.expect("an answer");
    assert_eq!(beside.status(), 404, "nothing else is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_and_missing_redis_are_reported() {
    let kept = PostgresServer::shared().database();
    // Port 9 (discard) has no server on a machine that runs tests.
    let variables = [
        ("KANSO_DATABASE_URL", &*kept.url()),
        ("KANSO_REDIS_URL", "redis://127.0.0.1:9"),
    ];
    let server = Server::start(&variables);
    let user = server.user("somebody@example.org").await;
    a_minute(&user).await;
    let counted = server.counted().await;
    assert!(counted.0.contains("storage=\"postgres\""), "{}", counted.0);
    counted.expect("kanso_redis_up", 0.0);
    let alone = counted.get(r#"kanso_redis_fallbacks_total{use="limiter"}"#);
    assert!(alone.is_some_and(|alone| alone >= 7.0), "{alone:?}");
    counted.expect("kanso_storage_connections_waiting", 0.0);
    let in_use = counted.get("kanso_storage_connections_in_use");
    assert!(in_use.is_some_and(|in_use| in_use <= 16.0), "{in_use:?}");
}

#[test]
fn an_address_that_is_taken_is_one_line_and_exit_code_2() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (value, says) in [
        (
            &*address,
            "for metrics; set KANSO_METRICS_LISTEN to a free address",
        ),
        (
            "9464",
            "KANSO_METRICS_LISTEN: \"9464\" is neither `off` nor an address and port",
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_kanso-server"))
            .args(["--listen", "127.0.0.1:0", "--log", "off"])
            .env_clear()
            .env("KANSO_METRICS_LISTEN", value)
            .current_dir(folder.path())
            .output()
            .expect("the program runs");
        let line = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(line.contains(says) && line.lines().count() == 1, "{line}");
    }
}
