//! The program `kanso-server`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use kanso_domain::accounts::Email;
use kanso_server::cli::{Invocation, MigrateMode, ServerCommand, UserArguments};
use kanso_server::config::{Config, DatabaseConfig, Environment, Resolved};
use kanso_server::lifecycle::{Signals, StopReason};
use kanso_server::migrate::{self, MigrateError};
use kanso_server::operator::{self, OperatorError, QuotaChange, UserCommand};
use kanso_server::{StartError, health, telemetry};

/// jemalloc places large buffers on pages of their own. The part of a connection's buffer that is
/// never written then takes no physical memory (docs/adr/0015).
#[cfg(all(feature = "jemalloc", target_os = "linux", target_arch = "x86_64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Exit status of the program. docs/operations.md lists the numbers; scripts depend on them.
#[derive(Clone, Copy)]
enum ExitStatus {
    /// Success.
    Done = 0,
    /// The checked server does not answer.
    Unhealthy = 1,
    /// The command cannot succeed until a setting or a file changes.
    Refused = 2,
    /// `migrate --dry-run` found pending steps.
    Pending = 3,
    /// The storage failed, or PostgreSQL was unreachable at the start. A restart can succeed.
    Broken = 4,
}

impl ExitStatus {
    fn after(error: &anyhow::Error) -> Self {
        // A supervisor restarts after `Broken`, not after `Refused` (RestartPreventExitStatus in
        // deploy/kanso.service): only errors that can pass without a change may end in a restart.
        let start = error.downcast_ref().is_some_and(StartError::is_passing);
        let migration = error.downcast_ref().is_some_and(MigrateError::is_passing);
        let operator = error.downcast_ref().is_some_and(OperatorError::is_passing);
        if start || migration || operator {
            Self::Broken
        } else {
            Self::Refused
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(exit: ExitStatus) -> Self {
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
            // One line, because a supervisor logs each line as an entry; sources may have several.
            say(&format!("{error:#}").replace('\n', " "));
            ExitStatus::after(&error)
        })
        .into()
}

fn run(Invocation { command, flags }: Invocation) -> anyhow::Result<ExitStatus> {
    let resolve = || Config::resolve(flags, &Environment::of_process());
    match command {
        ServerCommand::Serve => serve(resolve()?),
        ServerCommand::PrintConfig => {
            let resolved = resolve()?;
            resolved.warnings.iter().for_each(|warning| say(warning));
            print(&resolved.report)?;
            Ok(ExitStatus::Done)
        }
        ServerCommand::PrintOpenApi => {
            print(&kanso_http::openapi_json())?;
            Ok(ExitStatus::Done)
        }
        ServerCommand::Backup(file) => {
            let DatabaseConfig::Sqlite(database) = resolve()?.config.database else {
                anyhow::bail!("`backup` copies SQLite databases; copy PostgreSQL's with pg_dump");
            };
            kanso_sqlite::backup(&database, &file)?;
            print(&format!(
                "{} is a copy of {}\n\
                 It does not contain the signing key: also copy jwt-secret from the data folder.\n",
                file.display(),
                database.display()
            ))?;
            Ok(ExitStatus::Done)
        }
        ServerCommand::Migrate(mode) => bring_up_to_date(&resolve()?, mode),
        ServerCommand::ResetPassword(email) => {
            let email = address(&email)?;
            let config = warned(resolve()?);
            let password = operator::read_password(&email)?;
            operator::reset_password(&config, &email, password)?;
            print("The password is changed. Every device must log in again.\n")?;
            Ok(ExitStatus::Done)
        }
        ServerCommand::User(arguments) => {
            let command = user_command(arguments)?;
            operator::user(&warned(resolve()?), command)?;
            Ok(ExitStatus::Done)
        }
        ServerCommand::CheckHealth(url) => {
            let url = match url {
                Some(url) => url,
                None => health::url(resolve()?.config.listen),
            };
            let Err(error) = health::check(&url) else {
                return Ok(ExitStatus::Done);
            };
            say(&format!("{url}: {error}"));
            Ok(ExitStatus::Unhealthy)
        }
    }
}

/// Prints the warnings and returns the settings.
fn warned(resolved: Resolved) -> Config {
    resolved.warnings.iter().for_each(|warning| say(warning));
    resolved.config
}

fn address(text: &str) -> anyhow::Result<Email> {
    text.parse().context("malformed e-mail address")
}

/// Reads what a command needs from the terminal, before the database is opened.
fn user_command(arguments: UserArguments) -> anyhow::Result<UserCommand> {
    Ok(match arguments {
        UserArguments::List { is_json } => UserCommand::List { is_json },
        UserArguments::Add(email) => {
            let email = address(&email)?;
            let password = operator::read_password(&email)?;
            UserCommand::Add { email, password }
        }
        UserArguments::Invite(days) => UserCommand::Invite { days },
        UserArguments::Disable(email) => UserCommand::SetDisabled {
            email: address(&email)?,
            is_disabled: true,
        },
        UserArguments::Enable(email) => UserCommand::SetDisabled {
            email: address(&email)?,
            is_disabled: false,
        },
        UserArguments::Delete {
            email,
            is_confirmed,
        } => {
            let email = address(&email)?;
            if !is_confirmed {
                operator::confirm_deletion(&email)?;
            }
            UserCommand::Delete { email }
        }
        UserArguments::Sessions { email, is_json } => UserCommand::Sessions {
            email: address(&email)?,
            is_json,
        },
        UserArguments::EndSessions(email) => UserCommand::EndSessions {
            email: address(&email)?,
        },
        UserArguments::Quota {
            email,
            change,
            is_json,
        } => UserCommand::Quota {
            email: address(&email)?,
            change: QuotaChange::parse(&change)?,
            is_json,
        },
    })
}

fn bring_up_to_date(resolved: &Resolved, mode: MigrateMode) -> anyhow::Result<ExitStatus> {
    let config = &resolved.config;
    let steps = match mode {
        MigrateMode::DryRun => migrate::schema(config)?,
        MigrateMode::Apply | MigrateMode::Finish => migrate::migrate(config)?,
    };
    print(&migrate::report(&config.database, &steps))?;
    if mode == MigrateMode::Finish {
        print(&migrate::finish_report(migrate::finish(config)?.as_deref()))?;
    } else if let Some(oldest_server) = migrate::oldest_server(config)? {
        print(&migrate::mixed_phase_report(&oldest_server))?;
    }
    Ok(if migrate::is_pending(&steps) {
        ExitStatus::Pending
    } else {
        ExitStatus::Done
    })
}

fn serve(resolved: Resolved) -> anyhow::Result<ExitStatus> {
    let Resolved {
        config, warnings, ..
    } = resolved;
    // First: the warnings below go to the log, in its format.
    telemetry::start(&config)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        // Caught before the start, which can take seconds: a signal in that time must still lead to
        // an orderly shutdown.
        let signals = Signals::catch().context("cannot catch signals")?;
        let serves_swagger = config.serves_swagger;
        let running = kanso_server::start(config).await?;
        let address = running.address();
        // On standard output: with KANSO_LOG_FORMAT=json every line on standard error is JSON. The server
        // does not depend on a reader of these lines.
        let _ = print(&format!(
            "Kanso {} listens on http://{address}\n",
            env!("CARGO_PKG_VERSION")
        ));
        if serves_swagger {
            let _ = print(&format!(
                "API documentation: http://{address}/swagger/index.html\n"
            ));
        }
        if let Some(address) = running.metrics_address() {
            let _ = print(&format!("Metrics: http://{address}/metrics\n"));
        }
        tokio::spawn(signals.drive(running.shutdown().clone()));
        Ok(match running.stopped().await {
            StopReason::Requested => ExitStatus::Done,
            StopReason::StorageBroken => ExitStatus::Broken,
        })
    })
}

/// Prints data on standard output.
///
/// # Errors
/// The output cannot be written: a full disk, or a pipe without a reader. A script must not take a part
/// of the output for all of it.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.context("cannot write to standard output")
}

/// Prints a message on standard error.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "kanso-server: {line}");
}
