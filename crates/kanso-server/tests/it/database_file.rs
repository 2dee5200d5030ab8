//! The database file of a running server: replaced, moved, deleted, opened twice, or read-only.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

/// Time within which a server notices a loss while nothing is written: a second, and room for a busy
/// machine.
const NOTICED: Duration = Duration::from_secs(20);

/// A server process with one account.
struct Service {
    process: Child,
    url: String,
    token: String,
    client: reqwest::Client,
    log: PathBuf,
}

fn program(folder: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_kanso-server"));
    program.env_clear().current_dir(folder);
    program
}

impl Service {
    /// Starts a server on the data folder `kanso-data` in `folder`.
    async fn start(folder: &Path) -> Self {
        let log = folder.join("log");
        let stderr = fs::File::options().create(true).append(true).open(&log);
        let mut process = program(folder)
            .args(["--listen", "127.0.0.1:0", "--rate-limit", "off"])
            .stdout(Stdio::piped())
            .stderr(stderr.expect("a log"))
            .spawn()
            .expect("the program runs");
        let mut out = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("UTF-8");
        let (_, url) = line
            .trim_end()
            .split_once("listens on ")
            .expect("an address");
        let client = reqwest::Client::builder().no_proxy().build();
        let mut service = Self {
            process,
            url: url.to_owned(),
            token: String::new(),
            client: client.expect("a client"),
            log,
        };
        service.log_in().await;
        service
    }

    async fn log_in(&mut self) {
        let body = json!({"email": "a@b.example", "password": "two slow kettles"});
        let mut answer = Value::Null;
        for verb in ["register", "login"] {
            let sent = self.client.post(format!("{}/api/v1/auth/{verb}", self.url));
            let sent = sent.header("content-type", "application/json");
            let answered = sent.body(body.to_string()).send().await.expect("an answer");
            answer = read_json(answered).await;
        }
        self.token = answer["token"].as_str().expect("a token").to_owned();
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let sent = self.client.get(format!("{}{path}", self.url));
        let sent = sent.bearer_auth(&self.token).send().await;
        sent.expect("an answer")
    }

    async fn add_habit(&self, title: &str) -> reqwest::Response {
        let sent = self.client.post(format!("{}/api/v1/habits", self.url));
        let sent = sent.bearer_auth(&self.token);
        let sent = sent.header("content-type", "application/json");
        let sent = sent.body(json!({"title": title}).to_string()).send().await;
        sent.expect("an answer")
    }

    async fn titles(&self) -> Vec<String> {
        let habits = read_json(self.get("/api/v1/habits").await).await;
        let title = |habit: &Value| habit["title"].as_str().expect("a title").to_owned();
        let mut titles: Vec<_> = habits
            .as_array()
            .expect("habits")
            .iter()
            .map(title)
            .collect();
        titles.sort();
        titles
    }

    /// Waits until the path has this status, without a write.
    async fn until(&self, path: &str, status: StatusCode) {
        let poll = async {
            while self.get(path).await.status() != status {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(NOTICED, poll).await;
        waited.unwrap_or_else(|_| panic!("{path} is not {status}"));
    }

    fn stop(&mut self) {
        let id = self.process.id().to_string();
        let kill = Command::new("kill").arg(id).status();
        assert!(kill.expect("kill runs").success());
        assert_eq!(self.process.wait().expect("the task ends").code(), Some(0));
    }

    /// Returns the lines of the log with this level.
    fn lines(&self, level: &str) -> Vec<String> {
        let log = fs::read_to_string(&self.log).expect("a log");
        let lines = log.lines().filter(|line| line.contains(level));
        lines.map(str::to_owned).collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A test that failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn read_json(answer: reqwest::Response) -> Value {
    let body = answer.bytes().await.expect("a body");
    serde_json::from_slice(&body).expect("JSON")
}

async fn refused(answer: reqwest::Response) {
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(read_json(answer).await["code"], "unavailable");
}

fn database(folder: &Path) -> PathBuf {
    folder.join("kanso-data/kanso.db")
}

fn copy_to(folder: &Path, name: &str) -> Output {
    let output = program(folder).args(["backup", name]).output();
    output.expect("the program runs")
}

/// Changes the files below a running server, then checks that it acknowledges nothing more. Returns
/// the server.
async fn losing(folder: &Path, lose: impl FnOnce(&Path), says: &str) -> Service {
    let service = Service::start(folder).await;
    assert_eq!(
        service.add_habit("before").await.status(),
        StatusCode::CREATED
    );
    assert_eq!(copy_to(folder, "copy.db").status.code(), Some(0));
    lose(&database(folder));
    refused(service.add_habit("after").await).await;
    refused(service.get("/api/v1/habits").await).await;
    refused(service.add_habit("after").await).await;
    assert_eq!(
        service.get("/health/ready").await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    let health = service.get("/health").await;
    assert_eq!(health.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(read_json(health).await["database"], "unreachable");
    let errors = service.lines("ERROR");
    assert!(
        errors.len() == 1
            && errors[0].contains("the database file is lost")
            && errors[0].contains(says),
        "{errors:?}"
    );
    service
}

#[tokio::test]
async fn nothing_is_acknowledged_into_a_database_that_was_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let replace = |database: &Path| {
        fs::rename(folder.path().join("copy.db"), database).expect("a rename");
    };
    let mut service = losing(folder.path(), replace, "kanso.db was replaced").await;
    service.stop();
    let service = Service::start(folder.path()).await;
    assert_eq!(service.titles().await, ["before"]);
}

#[tokio::test]
async fn nothing_is_acknowledged_into_a_database_that_was_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    let delete = |database: &Path| fs::remove_file(database).expect("deleted");
    losing(folder.path(), delete, "kanso.db was moved or deleted").await;
}

#[tokio::test]
async fn a_moved_database_is_complete_and_is_used_again_once_it_is_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let aside = folder.path().join("aside.db");
    let move_away = |database: &Path| fs::rename(database, &aside).expect("a rename");
    let mut service = losing(folder.path(), move_away, "moved or deleted").await;
    fs::rename(&aside, database(folder.path())).expect("a rename");
    service.until("/health/ready", StatusCode::OK).await;
    assert_eq!(
        service.add_habit("later").await.status(),
        StatusCode::CREATED
    );
    service.stop();
    let service = Service::start(folder.path()).await;
    let titles = service.titles().await;
    assert!(titles.contains(&"before".to_owned()) && titles.contains(&"later".to_owned()));
    assert_eq!(
        service.lines("restored or replaced"),
        [""; 0],
        "the same history"
    );
}

#[tokio::test]
async fn a_moved_folder_is_noticed_without_a_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path()).await;
    let data = folder.path().join("kanso-data");
    fs::rename(&data, folder.path().join("moved")).expect("a rename");
    service
        .until("/api/v1/habits", StatusCode::SERVICE_UNAVAILABLE)
        .await;
    assert_eq!(service.lines("the database file is lost").len(), 1);
    fs::rename(folder.path().join("moved"), &data).expect("a rename");
    service.until("/api/v1/habits", StatusCode::OK).await;
}

#[tokio::test]
async fn acknowledged_writes_survive_a_deleted_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let delete = |database: &Path| {
        fs::remove_file(database.with_extension("db-wal")).expect("deleted");
    };
    let mut service = losing(folder.path(), delete, "kanso.db-wal was moved or deleted").await;
    service.stop();
    let service = Service::start(folder.path()).await;
    assert!(service.titles().await.contains(&"before".to_owned()));
}

/// A killed server leaves its log behind. Beside another database it must have no effect.
#[tokio::test]
async fn the_log_of_a_lost_database_does_not_damage_the_one_in_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let replace = |database: &Path| {
        fs::rename(folder.path().join("copy.db"), database).expect("a rename");
    };
    let mut service = losing(folder.path(), replace, "kanso.db was replaced").await;
    service.process.kill().expect("killed");
    service.process.wait().expect("the task ends");
    let service = Service::start(folder.path()).await;
    assert_eq!(service.titles().await, ["before"]);
}

#[tokio::test]
async fn a_link_that_is_pointed_elsewhere_is_a_replacement() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("kanso-data");
    let elsewhere = folder.path().join("elsewhere");
    for path in [&data, &elsewhere] {
        fs::create_dir(path).expect("a folder");
    }
    std::os::unix::fs::symlink(elsewhere.join("real.db"), data.join("kanso.db")).expect("a link");
    let point_elsewhere = |database: &Path| {
        fs::remove_file(database).expect("deleted");
        std::os::unix::fs::symlink(folder.path().join("copy.db"), database).expect("a link");
    };
    losing(folder.path(), point_elsewhere, "kanso.db was replaced").await;
}

/// Makes a second name for a file.
type Link = fn(&Path, &Path) -> std::io::Result<()>;

#[tokio::test]
async fn a_second_server_on_the_same_file_is_refused_whatever_its_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path()).await;
    let links: [(&str, Link); 2] = [
        ("symbolic", |from, to| std::os::unix::fs::symlink(from, to)),
        ("hard", |from, to| fs::hard_link(from, to)),
    ];
    for (name, link) in links {
        // Only Linux can lock the file itself.
        if name == "hard" && !cfg!(target_os = "linux") {
            continue;
        }
        let data = folder.path().join(name);
        fs::create_dir(&data).expect("a folder");
        link(&database(folder.path()), &data.join("kanso.db")).expect("a link");
        let output = program(folder.path())
            .args(["--listen", "127.0.0.1:0", "--data-dir", name])
            .output()
            .expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        assert!(
            said.contains("is in use by another process"),
            "{name}: {said}"
        );
    }
    // The refusals have not taken the locks of SQLite away from the first server.
    assert_eq!(
        service.add_habit("Read").await.status(),
        StatusCode::CREATED
    );
    let folder_link = folder.path().join("linked");
    std::os::unix::fs::symlink(folder.path().join("kanso-data"), &folder_link).expect("a link");
    let output = program(folder.path())
        .args(["--listen", "127.0.0.1:0", "--data-dir", "linked"])
        .output();
    assert_eq!(output.expect("the program runs").status.code(), Some(2));
}

/// Runs the program as a user who cannot write to the data folder. Root can write to every folder.
fn without_rights(folder: &Path, arguments: &[&str]) -> Output {
    let mut program = program(folder);
    program.args(arguments);
    if fs::metadata(folder).is_ok_and(|found| std::os::unix::fs::MetadataExt::uid(&found) == 0) {
        program.uid(65_534).gid(65_534);
    }
    program.output().expect("the program runs")
}

fn set_mode(path: &Path, mode: u32) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
    fs::set_permissions(path, mode).expect("a mode");
}

#[tokio::test]
async fn a_backup_is_made_from_a_folder_that_cannot_be_written_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = Service::start(folder.path()).await;
    assert_eq!(
        service.add_habit("Read").await.status(),
        StatusCode::CREATED
    );
    let data = folder.path().join("kanso-data");
    // A snapshot of a running server has a log, and a folder copied after a stop has none.
    let snapshot = folder.path().join("snapshot");
    fs::create_dir(&snapshot).expect("a folder");
    for name in ["kanso.db", "kanso.db-wal", "kanso.db-shm"] {
        // By another process: closing the file here would release no lock of the server, but a habit
        // of reading open databases is a bad one.
        let copied = Command::new("cp")
            .arg(data.join(name))
            .arg(snapshot.join(name))
            .status();
        assert!(copied.expect("cp runs").success());
    }
    service.stop();
    let out = folder.path().join("out");
    fs::create_dir(&out).expect("a folder");
    set_mode(folder.path(), 0o755);
    set_mode(&out, 0o777);
    for source in [&snapshot, &data] {
        for file in fs::read_dir(source).expect("a folder") {
            set_mode(&file.expect("a file").path(), 0o444);
        }
        set_mode(source, 0o555);
        let name = source
            .file_name()
            .and_then(|name| name.to_str())
            .expect("UTF-8");
        let target = format!("out/{name}.db");
        let output = without_rights(folder.path(), &["backup", "--data-dir", name, &target]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{name}: {said}");
        set_mode(source, 0o755);
        let copy = fs::read(folder.path().join(target)).expect("a copy");
        let has_title = copy.windows(4).any(|bytes| bytes == b"Read");
        assert!(has_title, "{name}: the newest write is in the copy");
    }
    // Without its shared memory, the log of a snapshot cannot be read in place.
    fs::remove_file(snapshot.join("kanso.db-shm")).expect("deleted");
    set_mode(&snapshot, 0o555);
    let arguments = ["backup", "--data-dir", "snapshot", "out/again.db"];
    let output = without_rights(folder.path(), &arguments);
    set_mode(&snapshot, 0o755);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("copy kanso.db and kanso.db-wal elsewhere"),
        "{said}"
    );
}
