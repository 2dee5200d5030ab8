//! The program `kanso-server`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use kanso_server::cli::{Action, Invocation, MigrateMode};
use kanso_server::config::{Config, Database, Environment, Resolved};
use kanso_server::lifecycle::{Ending, Signals};
use kanso_server::migrate::{self, MigrateError};
use kanso_server::reset::{self, ResetError};
use kanso_server::{StartError, health, telemetry};

/// The buffers of a connection begin on pages of their own, so that what a buffer never held takes no
/// memory.
#[cfg(all(feature = "jemalloc", target_os = "linux", target_arch = "x86_64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What the program ends with.
#[derive(Clone, Copy)]
enum Exit {
    /// It did what it was asked.
    Done = 0,
    /// The server that was asked does not answer.
    Unhealthy = 1,
    /// It cannot do what it was asked until somebody changes something.
    Refused = 2,
    /// `migrate --dry-run` found something to do.
    Pending = 3,
    /// Something broke, or its PostgreSQL was away when it started; another start may mend it.
    Broken = 4,
}

impl Exit {
    fn after(error: &anyhow::Error) -> Self {
        let start = error.downcast_ref().is_some_and(StartError::is_passing);
        let migration = error.downcast_ref().is_some_and(MigrateError::is_passing);
        let reset = error.downcast_ref().is_some_and(ResetError::is_passing);
        if start || migration || reset {
            Self::Broken
        } else {
            Self::Refused
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

fn main() -> ExitCode {
    let invocation = match Invocation::parse(std::env::args_os()) {
        Ok(invocation) => invocation,
        Err(usage) => usage.exit(),
    };
    run(invocation)
        .unwrap_or_else(|error| {
            // One line, whatever the sources had to say.
            say(&format!("{error:#}").replace('\n', " "));
            Exit::after(&error)
        })
        .into()
}

fn run(Invocation { action, flags }: Invocation) -> anyhow::Result<Exit> {
    let resolve = || Config::resolve(flags, &Environment::of_process());
    match action {
        Action::Serve => serve(resolve()?),
        Action::PrintConfig => {
            let resolved = resolve()?;
            resolved.warnings.iter().for_each(|warning| say(warning));
            print(&resolved.report);
            Ok(Exit::Done)
        }
        Action::PrintOpenApi => {
            print(&kanso_http::openapi_json());
            Ok(Exit::Done)
        }
        Action::Backup(file) => {
            let Database::Sqlite(database) = resolve()?.config.database else {
                anyhow::bail!("`backup` copies SQLite databases; copy PostgreSQL's with pg_dump");
            };
            kanso_sqlite::backup(&database, &file)?;
            print(&format!(
                "{} is a copy of {}\n\
                 The signing key is not in it: keep a copy of the data folder's jwt-secret too.\n",
                file.display(),
                database.display()
            ));
            Ok(Exit::Done)
        }
        Action::Migrate(mode) => bring_up_to_date(&resolve()?, mode),
        Action::ResetPassword(email) => {
            let email = email.parse().context("the e-mail address cannot be one")?;
            let Resolved {
                config, warnings, ..
            } = resolve()?;
            for warning in warnings {
                say(&warning);
            }
            let password = reset::read_password()?;
            reset::reset_password(&config, &email, password)?;
            print("The password is changed. Every device has to log in again.\n");
            Ok(Exit::Done)
        }
        Action::CheckHealth(url) => {
            let url = match url {
                Some(url) => url,
                None => health::url(resolve()?.config.listen),
            };
            let Err(error) = health::check(&url) else {
                return Ok(Exit::Done);
            };
            say(&format!("{url}: {error}"));
            Ok(Exit::Unhealthy)
        }
    }
}

fn bring_up_to_date(resolved: &Resolved, mode: MigrateMode) -> anyhow::Result<Exit> {
    let config = &resolved.config;
    let steps = match mode {
        MigrateMode::DryRun => migrate::schema(config)?,
        MigrateMode::Apply | MigrateMode::Finish => migrate::migrate(config)?,
    };
    print(&migrate::report(&config.database, &steps));
    if mode == MigrateMode::Finish {
        print(&migrate::finish_report(migrate::finish(config)?.as_deref()));
    } else if let Some(oldest_server) = migrate::oldest_server(config)? {
        print(&migrate::mixed_phase_report(&oldest_server));
    }
    Ok(if migrate::is_pending(&steps) {
        Exit::Pending
    } else {
        Exit::Done
    })
}

fn serve(resolved: Resolved) -> anyhow::Result<Exit> {
    let Resolved {
        config, warnings, ..
    } = resolved;
    telemetry::start(&config)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        let signals = Signals::catch().context("cannot catch signals")?;
        let running = kanso_server::start(config).await?;
        let address = running.address();
        // Not on standard error: with KANSO_LOG_FORMAT=json every line there is an object.
        print(&format!(
            "Kanso {} listens on http://{address}\n\
             Its interface is described at http://{address}/swagger/index.html\n",
            env!("CARGO_PKG_VERSION")
        ));
        if let Some(address) = running.metrics_address() {
            print(&format!("Its metrics are at http://{address}/metrics\n"));
        }
        tokio::spawn(signals.drive(running.stages().clone()));
        Ok(match running.stopped().await {
            Ending::Asked => Exit::Done,
            Ending::Broken => Exit::Broken,
        })
    })
}

/// Data, on standard output. Nobody may be reading it any more.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Talk, on standard error.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "kanso-server: {line}");
}
