//! A PostgreSQL server for tests: the server in `KANSO_TEST_DATABASE_URL`, or one of the installed
//! programs that runs as long as the test process.
//!
//! Tests are never skipped: a test without a server fails with a message about the missing program.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Names a server on which tests may create and drop databases.
const VARIABLE: &str = "KANSO_TEST_DATABASE_URL";
const PASSWORD: &str = "correct-horse";

/// A PostgreSQL server.
#[derive(Debug)]
pub struct PostgresServer {
    /// Parts of the URL before and after the name of the database.
    url: (String, String),
    /// Folder of the programs, unless they are on the path.
    programs: Option<PathBuf>,
    /// Folder with its certificates.
    folder: PathBuf,
    supervisor: Option<Mutex<Supervisor>>,
}

/// The shell process that runs a server.
///
/// A shell between the test and the server removes the server even if the test process is killed:
/// its standard input is a pipe, which closes when the test process ends for any reason. `Drop`
/// alone would not run then.
#[derive(Debug)]
struct Supervisor {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// A database of one test.
#[derive(Debug)]
pub struct Database {
    server: Arc<PostgresServer>,
    name: String,
}

impl PostgresServer {
    /// Environment variable that names a server on which tests may create and drop databases.
    pub const VARIABLE: &'static str = VARIABLE;

    /// Returns the server that the tests of this process share; each has its own database on it.
    pub fn shared() -> &'static Arc<Self> {
        static SHARED: OnceLock<Arc<PostgresServer>> = OnceLock::new();
        SHARED.get_or_init(|| match given_url() {
            Some(url) => Arc::new(Self::given(&url)),
            None => Self::start(),
        })
    }

    /// Starts a separate server that may be crashed. It ends with the last of its databases.
    pub fn start() -> Arc<Self> {
        Self::start_with("off", "off", &std::env::temp_dir())
    }

    /// Starts a separate server with its data below `folder`, which may be on another disk.
    pub fn start_in(folder: &Path) -> Arc<Self> {
        Self::start_with("off", "off", folder)
    }

    /// Starts a separate server that flushes every commit to the disk, as in production: for
    /// measurements.
    pub fn start_durable() -> Arc<Self> {
        Self::start_with("off", "on", &std::env::temp_dir())
    }

    /// Starts a separate server that accepts encrypted connections.
    pub fn start_with_tls() -> Arc<Self> {
        Self::start_with("on", "off", &std::env::temp_dir())
    }

    /// Starts such a server with a certificate of X.509 version 1.
    pub fn start_with_old_certificate() -> Arc<Self> {
        Self::start_with("v1", "off", &std::env::temp_dir())
    }

    /// Starts a standby that follows this server.
    pub fn standby(&self) -> Arc<Self> {
        Self::start_as("off", "off", &std::env::temp_dir(), &self.url("postgres"))
    }

    fn start_with(tls: &str, durable: &str, folder: &Path) -> Arc<Self> {
        Self::start_as(tls, durable, folder, "")
    }

    /// Starts a server; a standby if it has the URL of a primary.
    fn start_as(tls: &str, durable: &str, folder: &Path, primary: &str) -> Arc<Self> {
        let programs = programs();
        let switches = [tls, durable, primary];
        // Another process may take the port in between, so there are three attempts.
        let mut attempts = (0..3).map(|_| Self::start_on(&programs, free_port(), switches, folder));
        let started = attempts.find_map(Result::ok).map(Arc::new);
        started.unwrap_or_else(|| panic!("no PostgreSQL server could be started; see above"))
    }

    fn start_on(
        programs: &Path,
        port: u16,
        switches: [&str; 3],
        folder: &Path,
    ) -> Result<Self, String> {
        let mut command = Command::new("sh");
        command
            .args(["-c", include_str!("postgres/supervisor.sh"), "supervisor"])
            .args([programs.as_os_str(), OsStr::new(&port.to_string())])
            .arg(PASSWORD)
            .args(switches)
            // The script creates its folder with `mktemp`, below this one.
            .env("TMPDIR", folder)
            // The user `postgres` may not enter the folder of the repository.
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        unprivileged(&mut command);
        let mut child = command.spawn().unwrap();
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut supervisor = Supervisor {
            child,
            orders,
            answers,
        };
        let folder = PathBuf::from(supervisor.answer()?);
        // Over TCP with a password, as in production; only the script uses the socket.
        let place = format!("postgres://kanso:{PASSWORD}@127.0.0.1:{port}/");
        Ok(Self {
            url: (place, String::new()),
            programs: Some(programs.to_owned()),
            folder,
            supervisor: Some(Mutex::new(supervisor)),
        })
    }

    fn given(url: &str) -> Self {
        let (place, parameters) = match url.split_once('?') {
            Some((place, parameters)) => (place, format!("?{parameters}")),
            None => (url, String::new()),
        };
        // Only the database is replaced; user, host and parameters of the given URL stay.
        let host = place.find("://").map_or(0, |scheme| scheme + 3);
        let end = place[host..].find('/').map_or(place.len(), |at| host + at);
        Self {
            url: (format!("{}/", &place[..end]), parameters),
            programs: None,
            folder: PathBuf::new(),
            supervisor: None,
        }
    }

    /// Returns the path of a program of the server.
    pub fn program(&self, name: &str) -> PathBuf {
        let folder = self.programs.as_ref();
        folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
    }

    /// Certificate authority of its certificate for 127.0.0.1, if it has one.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.crt")
    }

    /// Certificate and key by which a client may identify itself, if the server has certificates.
    pub fn client_certificate(&self) -> [PathBuf; 2] {
        ["client.crt", "client.key"].map(|name| self.folder.join(name))
    }

    /// URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("{}{database}{}", self.url.0, self.url.1)
    }

    /// Creates an empty database.
    pub fn database(self: &Arc<Self>) -> Database {
        self.copy_of("template0")
    }

    fn copy_of(self: &Arc<Self>, template: &str) -> Database {
        let database = Database {
            server: Arc::clone(self),
            // A database for each test: they run in parallel and must not see each other.
            name: Self::new_name(),
        };
        let name = &database.name;
        if self.supervisor.is_none() {
            // An earlier process with the same id may have left it behind.
            database.drop_now();
        }
        self.run(
            "postgres",
            &format!("CREATE DATABASE {name} TEMPLATE {template}"),
        );
        database
    }

    /// Returns a unique name for a database.
    fn new_name() -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        format!("kanso_test_{}_{number}", std::process::id())
    }

    /// Ends the server as a crash of its machine does.
    ///
    /// # Panics
    ///
    /// If the server was not started by this process.
    pub fn crash(&self) {
        self.order("crash");
    }

    /// Kills all of its processes at once.
    ///
    /// # Panics
    ///
    /// If the server was not started by this process.
    pub fn kill(&self) {
        self.order("kill");
    }

    /// Shuts the server down as its service would, without waiting for clients.
    ///
    /// # Panics
    ///
    /// If the server was not started by this process.
    pub fn stop(&self) {
        self.order("stop");
    }

    /// Starts the server again after `crash`, `kill` or `stop`.
    pub fn restart(&self) {
        self.order("start");
    }

    /// Makes sure that the server runs after it may have ended on its own, as an operator would.
    ///
    /// # Panics
    ///
    /// If the server was not started by this process.
    pub fn revive(&self) {
        self.order("revive");
    }

    /// Waits until this standby has replayed all that `primary` committed.
    pub fn await_replay(&self, primary: &Self) {
        let committed = primary.ask("postgres", "SELECT pg_current_wal_flush_lsn()");
        let replayed = format!("SELECT pg_last_wal_replay_lsn() >= '{committed}'");
        while self.ask("postgres", &replayed) != "t" {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Makes a standby the primary of a new timeline.
    ///
    /// # Panics
    ///
    /// If the server was not started by this process.
    pub fn promote(&self) {
        self.order("promote");
    }

    /// Returns the host and port.
    ///
    /// # Panics
    ///
    /// If the URL has no user.
    pub fn address(&self) -> &str {
        let (_, place) = self.url.0.rsplit_once('@').unwrap();
        place.trim_end_matches('/')
    }

    /// Returns a database, its server and its user as words `key=value`, with the password.
    ///
    /// # Panics
    ///
    /// If the URL has no user.
    pub(crate) fn login_words(&self, database: &str) -> String {
        let (_, place) = self.url.0.split_once("://").unwrap();
        let (login, place) = place.rsplit_once('@').unwrap();
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let place = place.trim_end_matches('/');
        let (host, port) = place.rsplit_once(':').unwrap_or((place, "5432"));
        format!("host={host} port={port} user={user} password={password} dbname={database}")
    }

    fn order(&self, order: &str) {
        let supervisor = self.supervisor.as_ref();
        let supervisor =
            supervisor.unwrap_or_else(|| panic!("only a server of this process can be stopped"));
        let mut supervisor = supervisor.lock().unwrap_or_else(PoisonError::into_inner);
        let orders = supervisor.orders.as_mut().unwrap();
        writeln!(orders, "{order}").unwrap();
        // Waits for the answer, so that the caller sees the server in its new state.
        assert_eq!(supervisor.answer().unwrap(), "done");
    }

    /// Runs statements in a database, all or none.
    fn run(&self, database: &str, sql: &str) {
        let run = self.try_run(database, sql);
        run.unwrap_or_else(|said| panic!("{sql}: {said}"));
    }

    /// Runs a query in a database and returns its answer as `psql` prints it, without headers.
    ///
    /// # Panics
    ///
    /// If the server refuses the query.
    pub fn ask(&self, database: &str, sql: &str) -> String {
        let run = self.psql(database, sql);
        run.unwrap_or_else(|said| panic!("{sql}: {said}"))
    }

    /// Runs statements in a database, all or none; returns the output of `psql` if it fails.
    fn try_run(&self, database: &str, sql: &str) -> Result<(), String> {
        self.psql(database, sql).map(drop)
    }

    fn psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let run = Command::new(self.program("psql"))
            // `-X` ignores the developer's own psqlrc.
            .args(["-X", "-A", "-q", "-t", "-v", "ON_ERROR_STOP=1"])
            .args(["-d", &self.url(database), "-c", sql])
            .output();
        let run = run.unwrap_or_else(|error| panic!("psql is needed with {VARIABLE}: {error}"));
        let printed = |text: &[u8]| String::from_utf8_lossy(text).trim_end().to_owned();
        if run.status.success() {
            Ok(printed(&run.stdout))
        } else {
            Err(printed(&run.stderr))
        }
    }
}

impl Supervisor {
    /// Reads the next line of its output.
    fn answer(&mut self) -> Result<String, String> {
        let mut line = String::new();
        let length = self.answers.read_line(&mut line).unwrap();
        if length == 0 {
            return Err("the server did not start".to_owned());
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // Closing the pipe is the order to end.
        drop(self.orders.take());
        // The shell only has a folder to remove, so this returns soon.
        let _ = self.child.wait();
    }
}

impl Database {
    /// Returns its server.
    pub const fn server(&self) -> &Arc<PostgresServer> {
        &self.server
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Creates a copy of the database. No client may be connected to the original.
    #[must_use]
    pub fn copy(&self) -> Self {
        self.server.copy_of(&self.name)
    }

    fn drop_now(&self) {
        // `FORCE`: a test that panicked may have left connections open.
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        self.server.run("postgres", &drop);
    }

    /// Runs statements as the owner, all or none.
    pub fn run(&self, sql: &str) {
        self.server.run(&self.name, sql);
    }

    /// Runs statements that the server may refuse.
    ///
    /// # Errors
    ///
    /// The output of `psql`.
    pub fn try_run(&self, sql: &str) -> Result<(), String> {
        self.server.try_run(&self.name, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A server of this process is removed as a whole.
        if self.server.supervisor.is_none() {
            self.drop_now();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "selects the server of a whole test run; nothing that ships reads it"
)]
fn given_url() -> Option<String> {
    std::env::var(VARIABLE).ok().filter(|url| !url.is_empty())
}

/// Returns the folder with `initdb` and `pg_ctl`: the one that `pg_config` prints, or the newest
/// installed version in the folders of the distributions.
fn programs() -> PathBuf {
    let asked = Command::new("pg_config").arg("--bindir").output();
    let asked = asked.ok().filter(|answer| answer.status.success());
    let asked = asked.and_then(|answer| String::from_utf8(answer.stdout).ok());
    let mut folders: Vec<PathBuf> = asked
        .map(|folder| folder.trim().into())
        .into_iter()
        .collect();
    for home in [
        "/usr/lib/postgresql",
        "/opt/homebrew/opt",
        "/usr/local/pgsql",
    ] {
        let Ok(versions) = std::fs::read_dir(home) else {
            continue;
        };
        let mut versions: Vec<_> = versions.flatten().map(|entry| entry.path()).collect();
        versions.sort();
        folders.extend(versions.iter().rev().map(|version| version.join("bin")));
    }
    let has_all = |folder: &PathBuf| {
        ["initdb", "pg_ctl", "postgres", "psql"]
            .iter()
            .all(|program| folder.join(program).is_file())
    };
    folders.into_iter().find(has_all).unwrap_or_else(|| {
        panic!(
            "no PostgreSQL server to test with: neither `pg_config --bindir` nor \
             /usr/lib/postgresql/*/bin has initdb, pg_ctl, postgres and psql. Install Debian's \
             package `postgresql`, or name a server with {VARIABLE}"
        )
    })
}

pub(crate) fn free_port() -> u16 {
    // The kernel chooses; the port is free again when the listener is dropped.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Lets the command run without root, which PostgreSQL requires, in a process group of its own:
/// Ctrl-C at the terminal must not stop the server before the tests that use it.
#[cfg(unix)]
pub(crate) fn unprivileged(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
    if number_of(&["-u"]) != Some(0) {
        return;
    }
    let user = ["postgres", "nobody"].into_iter().find_map(|name| {
        let ids = number_of(&["-u", name]).zip(number_of(&["-g", name]));
        // A container may map the name to root, which PostgreSQL refuses.
        ids.filter(|(user, _)| *user != 0)
    });
    let (user, group) = user.unwrap_or_else(|| {
        panic!("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`")
    });
    command.uid(user).gid(group);
}

#[cfg(unix)]
fn number_of(arguments: &[&str]) -> Option<u32> {
    let answer = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8(answer.stdout).ok()?.trim().parse().ok()
}

#[cfg(not(unix))]
pub(crate) fn unprivileged(_: &mut Command) {}
