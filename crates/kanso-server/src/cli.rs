//! The command line: a command and the settings given as flags.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::config::{CONFIG_VARIABLE, Flags, SETTINGS, Setting};

mod user;

pub use user::{QuotaArguments, UserArguments};

/// Command of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerCommand {
    /// Run the server.
    Serve,
    /// Print the effective settings.
    PrintConfig,
    /// Print the `OpenAPI` document.
    PrintOpenApi,
    /// Write a copy of the database to the given file.
    Backup(PathBuf),
    /// Apply the pending steps of the database schema.
    Migrate(MigrateMode),
    /// Set a new password for the account with the given e-mail address.
    ResetPassword(String),
    /// List or change accounts.
    User(UserArguments),
    /// Check a running server, at the given address or else the configured one.
    CheckHealth(Option<String>),
}

/// Extent of `migrate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrateMode {
    /// Report the pending steps and change nothing.
    DryRun,
    /// Apply the pending steps.
    Apply,
    /// Apply the pending steps and end the mixed phase with servers of an older release.
    Finish,
}

/// A parsed command line.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Command to run.
    pub command: ServerCommand,
    /// Settings given as flags.
    pub flags: Flags,
}

impl Invocation {
    /// Parses a command line, program name first.
    ///
    /// # Errors
    /// A usage error, or the text of `--help` or `--version`. [`clap::Error::exit`] prints each.
    pub fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let matches = arguments().try_get_matches_from(line)?;
        let command = match matches.subcommand() {
            Some(("config", _)) => ServerCommand::PrintConfig,
            Some(("openapi", _)) => ServerCommand::PrintOpenApi,
            Some(("backup", backup)) => {
                // clap requires the argument, so the default is never used.
                let file = backup.get_one::<PathBuf>("file").cloned();
                ServerCommand::Backup(file.unwrap_or_default())
            }
            Some(("migrate", migrate)) => ServerCommand::Migrate(migrate_mode(migrate)),
            Some(("reset-password", reset)) => {
                let email = reset.get_one::<String>("email").cloned();
                ServerCommand::ResetPassword(email.unwrap_or_default())
            }
            Some(("user", user)) => ServerCommand::User(UserArguments::of(user)),
            Some(("health", health)) => {
                ServerCommand::CheckHealth(health.get_one::<String>("url").cloned())
            }
            _ => ServerCommand::Serve,
        };
        Ok(Self {
            command,
            flags: flags(&matches),
        })
    }
}

fn migrate_mode(matches: &ArgMatches) -> MigrateMode {
    if matches.get_flag("dry-run") {
        MigrateMode::DryRun
    } else if matches.get_flag("finish") {
        MigrateMode::Finish
    } else {
        MigrateMode::Apply
    }
}

fn flags(matches: &ArgMatches) -> Flags {
    let values = SETTINGS
        .iter()
        // clap panics on the name of an argument that was not declared, and secrets have none.
        .filter(|setting| !setting.is_secret())
        .filter_map(|setting| {
            Some((
                setting.key,
                matches.get_one::<String>(setting.name)?.clone(),
            ))
        });
    Flags {
        config: matches.get_one::<PathBuf>("config").cloned(),
        values: values.collect(),
    }
}

fn arguments() -> Command {
    let secrets: String = SETTINGS
        .iter()
        .filter(|setting| setting.is_secret())
        .map(line)
        .collect();
    Command::new("kanso-server")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Sync server for offline-first habit trackers")
        .after_help(format!(
            "Secrets, only as a variable or in the file, because flags are visible to other users of the \
             machine:\n{secrets}\n\
             Each of these, and KANSO_DATABASE_URL, has a second variable with _FILE at its end, which \
             names a file with the value.\n\n\
             Precedence: flag, then variable, then kanso.toml, then default."
        ))
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .global(true)
                .help(format!(
                    "File with settings [variable: {CONFIG_VARIABLE}] \
                     [default: ./kanso.toml if it exists]"
                )),
        )
        .args(SETTINGS.iter().filter_map(argument))
        .subcommand(Command::new("config").about("Print the effective settings as TOML"))
        .subcommand(Command::new("openapi").about("Print the OpenAPI document of the HTTP API"))
        .subcommand(
            Command::new("backup")
                .about("Copy the database to a new file; the server may be running")
                .arg(
                    Arg::new("file")
                        .value_name("FILE")
                        .value_parser(value_parser!(PathBuf))
                        .required(true)
                        .help("New file; readable only by its owner"),
                ),
        )
        .subcommand(
            Command::new("migrate")
                .about("Apply pending schema migrations, without serving")
                .arg(
                    Arg::new("dry-run")
                        .long("dry-run")
                        .action(ArgAction::SetTrue)
                        .help("Change nothing; exit with status 3 if migrations are pending"),
                )
                .arg(
                    Arg::new("finish")
                        .long("finish")
                        .action(ArgAction::SetTrue)
                        .conflicts_with("dry-run")
                        .help(
                            "End the mixed phase after an upgrade: no server of an older release \
                             runs on this PostgreSQL database any more",
                        ),
                ),
        )
        .subcommand(
            Command::new("reset-password")
                .about("Set a new password for an account; the server may be running")
                .long_about(
                    "Set a new password for an account whose owner has forgotten it. The password is read \
                     from the terminal, or from the first line of standard input. All devices of the \
                     account must log in again; they lose no data.",
                )
                .arg(
                    Arg::new("email")
                        .value_name("EMAIL")
                        .required(true)
                        .help("E-mail address of the account"),
                ),
        )
        .subcommand(user::command())
        .subcommand(
            Command::new("health")
                .about("Check a running server: exit status 0 if it answers, else 1")
                .arg(
                    Arg::new("url")
                        .value_name("URL")
                        .help("Address of the server [default: the configured one]"),
                ),
        )
}

fn argument(setting: &'static Setting) -> Option<Arg> {
    let Setting { help, variable, .. } = setting;
    let argument = Arg::new(setting.name)
        .long(setting.flag?)
        .value_name(setting.value)
        .global(true)
        .help(format!(
            "{help} [variable: {variable}] [default: {}]",
            default(setting)
        ));
    Some(argument)
}

fn line(setting: &Setting) -> String {
    let Setting { help, variable, .. } = setting;
    format!("  {variable}  {help} [default: {}]\n", default(setting))
}

fn default(setting: &Setting) -> &'static str {
    match setting.default {
        Some("") => "none",
        Some(default) => default,
        None => setting.default_in_words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Key;

    fn parse(line: &str) -> Result<Invocation, clap::Error> {
        Invocation::parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn arguments_are_consistent() {
        arguments().debug_assert();
    }

    #[test]
    fn no_subcommand_means_serve() {
        assert_eq!(
            parse("kanso-server").expect("no arguments").command,
            ServerCommand::Serve
        );
    }

    #[test]
    fn flags_may_stand_on_either_side_of_a_subcommand() {
        for line in [
            "kanso-server --data-dir /x config --listen 127.0.0.1:1",
            "kanso-server config --listen 127.0.0.1:1 --data-dir /x",
        ] {
            let invocation = parse(line).expect(line);
            assert_eq!(invocation.command, ServerCommand::PrintConfig);
            assert_eq!(invocation.flags.values[&Key::Listen], "127.0.0.1:1");
            assert_eq!(invocation.flags.values[&Key::DataDir], "/x");
        }
    }

    #[test]
    fn secrets_have_no_flag() {
        assert!(parse("kanso-server --jwt-secret x").is_err());
    }

    #[test]
    fn help_names_every_setting_with_its_variable_and_default() {
        let help = arguments().render_long_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for setting in &SETTINGS {
            assert!(help.contains(setting.variable), "{}", setting.variable);
            assert!(help.contains(default(setting)), "{}", setting.name);
        }
    }
}
