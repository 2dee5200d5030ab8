//! A PostgreSQL server for tests: the one that `KANSO_TEST_DATABASE_URL` names, or one of the
//! machine's programs that runs as long as the test process does.
//!
//! There is no way to skip: a test that needs a server and cannot have one fails, and says what is
//! missing.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Names a server on which tests may make and drop databases.
const VARIABLE: &str = "KANSO_TEST_DATABASE_URL";
const PASSWORD: &str = "correct-horse";

/// A server.
#[derive(Debug)]
pub struct PostgresServer {
    /// Before and after the name of the database.
    url: (String, String),
    /// Where `psql` is, if not on the path.
    programs: Option<PathBuf>,
    /// Where its certificates are.
    folder: PathBuf,
    supervisor: Option<Mutex<Supervisor>>,
}

/// The process that runs a server, and ends it when this is gone.
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
    /// The server that the tests of this process share.
    pub fn shared() -> &'static Arc<Self> {
        static SHARED: OnceLock<Arc<PostgresServer>> = OnceLock::new();
        SHARED.get_or_init(|| match given_url() {
            Some(url) => Arc::new(Self::given(&url)),
            None => Self::start(),
        })
    }

    /// A server of its own, which may be crashed. It ends with the last of its databases.
    pub fn start() -> Arc<Self> {
        Self::start_with("off", "off", &std::env::temp_dir())
    }

    /// The same, with all of its data below `folder`, which may be on a disk of its own.
    pub fn start_in(folder: &Path) -> Arc<Self> {
        Self::start_with("off", "off", folder)
    }

    /// A server of its own that flushes every commit to the disk, as one in production does: for
    /// measurements.
    pub fn start_durable() -> Arc<Self> {
        Self::start_with("off", "on", &std::env::temp_dir())
    }

    /// A server of its own, to which connections may be encrypted.
    pub fn start_with_tls() -> Arc<Self> {
        Self::start_with("on", "off", &std::env::temp_dir())
    }

    fn start_with(tls: &str, durable: &str, folder: &Path) -> Arc<Self> {
        let programs = programs();
        // Somebody may take the port between here and there.
        let mut attempts =
            (0..3).map(|_| Self::start_on(&programs, free_port(), [tls, durable], folder));
        let started = attempts.find_map(Result::ok).map(Arc::new);
        started.unwrap_or_else(|| panic!("no PostgreSQL server could be started; see above"))
    }

    fn start_on(
        programs: &Path,
        port: u16,
        switches: [&str; 2],
        folder: &Path,
    ) -> Result<Self, String> {
        let mut command = Command::new("sh");
        command
            .args(["-c", include_str!("postgres/supervisor.sh"), "supervisor"])
            .args([programs.as_os_str(), OsStr::new(&port.to_string())])
            .arg(PASSWORD)
            .args(switches)
            .env("TMPDIR", folder)
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
        let host = place.find("://").map_or(0, |scheme| scheme + 3);
        let end = place[host..].find('/').map_or(place.len(), |at| host + at);
        Self {
            url: (format!("{}/", &place[..end]), parameters),
            programs: None,
            folder: PathBuf::new(),
            supervisor: None,
        }
    }

    /// One of the programs that come with the server.
    pub fn program(&self, name: &str) -> PathBuf {
        let folder = self.programs.as_ref();
        folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
    }

    /// Who vouches for its certificate, which is for 127.0.0.1, if it has one.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.crt")
    }

    /// The URL of a database there.
    pub fn url(&self, database: &str) -> String {
        format!("{}{database}{}", self.url.0, self.url.1)
    }

    /// An empty database.
    pub fn database(self: &Arc<Self>) -> Database {
        self.copy_of("template0")
    }

    fn copy_of(self: &Arc<Self>, template: &str) -> Database {
        let database = Database {
            server: Arc::clone(self),
            name: Self::new_name(),
        };
        let name = &database.name;
        if self.supervisor.is_none() {
            // An earlier process of this number may have left it behind.
            database.drop_now();
        }
        self.run(
            "postgres",
            &format!("CREATE DATABASE {name} TEMPLATE {template}"),
        );
        database
    }

    /// A name that no other database has.
    fn new_name() -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        format!("kanso_test_{}_{number}", std::process::id())
    }

    /// Ends it as a crash of its machine does.
    ///
    /// # Panics
    /// If it is not one of this process's own.
    pub fn crash(&self) {
        self.order("crash");
    }

    /// Kills all of its processes at once.
    ///
    /// # Panics
    /// If it is not one of this process's own.
    pub fn kill(&self) {
        self.order("kill");
    }

    /// Shuts it down as its service would, without waiting for those who are connected.
    ///
    /// # Panics
    /// If it is not one of this process's own.
    pub fn stop(&self) {
        self.order("stop");
    }

    /// Starts it again after it has ended in one of these ways.
    pub fn restart(&self) {
        self.order("start");
    }

    /// Makes sure that it runs after it may have ended by itself, as an operator would.
    ///
    /// # Panics
    /// If it is not one of this process's own.
    pub fn revive(&self) {
        self.order("revive");
    }

    fn order(&self, order: &str) {
        let supervisor = self.supervisor.as_ref();
        let supervisor =
            supervisor.unwrap_or_else(|| panic!("a server that was given is left alone"));
        let mut supervisor = supervisor.lock().unwrap_or_else(PoisonError::into_inner);
        let orders = supervisor.orders.as_mut().unwrap();
        writeln!(orders, "{order}").unwrap();
        assert_eq!(supervisor.answer().unwrap(), "done");
    }

    /// Runs statements in a database, all or none.
    fn run(&self, database: &str, sql: &str) {
        let run = self.try_run(database, sql);
        run.unwrap_or_else(|said| panic!("{sql}: {said}"));
    }

    /// The same. If it fails, what was said.
    fn try_run(&self, database: &str, sql: &str) -> Result<(), String> {
        let run = Command::new(self.program("psql"))
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1"])
            .args(["-d", &self.url(database), "-c", sql])
            .output();
        let run = run.unwrap_or_else(|error| panic!("psql is needed with {VARIABLE}: {error}"));
        if run.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&run.stderr).into_owned())
        }
    }
}

impl Supervisor {
    /// The next line that it says.
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
        drop(self.orders.take());
        // It has no more than a folder to remove.
        let _ = self.child.wait();
    }
}

impl Database {
    /// Which server it is on.
    pub const fn server(&self) -> &Arc<PostgresServer> {
        &self.server
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Another one with everything that this one has. Nobody may be connected to this one.
    #[must_use]
    pub fn copy(&self) -> Self {
        self.server.copy_of(&self.name)
    }

    fn drop_now(&self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        self.server.run("postgres", &drop);
    }

    /// Runs statements there as its owner, all or none.
    pub fn run(&self, sql: &str) {
        self.server.run(&self.name, sql);
    }

    /// The same, where the server may not be able to.
    ///
    /// # Errors
    /// What `psql` said.
    pub fn try_run(&self, sql: &str) -> Result<(), String> {
        self.server.try_run(&self.name, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A server of this process goes as a whole.
        if self.server.supervisor.is_none() {
            self.drop_now();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how a whole test run is told of a server; nothing that ships reads it"
)]
fn given_url() -> Option<String> {
    std::env::var(VARIABLE).ok().filter(|url| !url.is_empty())
}

/// The folder with `initdb` and `pg_ctl`: what `pg_config` says, or the newest of those that
/// distributions install beside the path.
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

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// PostgreSQL refuses to run as root; and an interrupted test run must not interrupt the server
/// before what uses it.
#[cfg(unix)]
fn unprivileged(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
    if number_of(&["-u"]) != Some(0) {
        return;
    }
    let user = ["postgres", "nobody"].into_iter().find_map(|name| {
        let ids = number_of(&["-u", name]).zip(number_of(&["-g", name]));
        ids.filter(|(user, _)| *user != 0)
    });
    let (user, group) = user.unwrap_or_else(|| {
        panic!("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
    });
    command.uid(user).gid(group);
}

#[cfg(unix)]
fn number_of(arguments: &[&str]) -> Option<u32> {
    let answer = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8(answer.stdout).ok()?.trim().parse().ok()
}

#[cfg(not(unix))]
fn unprivileged(_: &mut Command) {}
