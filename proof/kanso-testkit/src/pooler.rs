//! A `PgBouncer` in front of a PostgreSQL server.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::postgres::{Database, free_port, unprivileged};

/// A `pgbouncer` on the loopback interface that ends with this value.
#[derive(Debug)]
pub struct Pooler {
    process: Child,
    port: u16,
    /// Holds the settings while the process runs.
    _folder: TempDir,
}

impl Pooler {
    /// Starts a pooler for a database and waits until it listens. `mode` is its `pool_mode`:
    /// `session` or `transaction`.
    ///
    /// # Panics
    ///
    /// If the program is missing or does not start.
    pub fn start(database: &Database, mode: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        // The pooler logs in by itself; who connects to it is not asked for a password.
        let settings = format!(
            "[databases]\n* = {}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = 20\n\
             ignore_startup_parameters = extra_float_digits\n",
            database.server().login_words(database.name()),
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new("pgbouncer");
        command
            .arg("--quiet")
            .arg(readable(&folder, file))
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        unprivileged(&mut command);
        let process = command.spawn().unwrap_or_else(|error| {
            panic!("pgbouncer does not run: {error}; `cargo xtask test` installs it")
        });
        let mut pooler = Self {
            process,
            port,
            _folder: folder,
        };
        pooler.await_listening();
        pooler
    }

    fn await_listening(&mut self) {
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none(), "pgbouncer ended: {ended:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the URL of the database behind the pooler.
    pub fn url(&self, database: &Database) -> String {
        let (port, name) = (self.port, database.name());
        format!("postgres://kanso@127.0.0.1:{port}/{name}?sslmode=disable")
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Lets the pooler read its settings: it may run as another user than the test.
fn readable(folder: &TempDir, file: PathBuf) -> PathBuf {
    #[cfg(unix)]
    for (path, mode) in [(folder.path(), 0o755), (file.as_path(), 0o644)] {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    file
}
