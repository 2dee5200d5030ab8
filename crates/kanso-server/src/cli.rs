//! The command line: what to do, and the settings given as flags.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::config::{CONFIG_VARIABLE, Flags, SETTINGS, Setting};

/// What a run of the program is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Run the server.
    Serve,
    /// Print the effective settings.
    PrintConfig,
    /// Print the `OpenAPI` document.
    PrintOpenApi,
    /// Write a copy of the database to this file.
    Backup(PathBuf),
    /// Bring the schema of the database up to date.
    Migrate(MigrateMode),
    /// Give the account with this e-mail address another password.
    ResetPassword(String),
    /// Ask a running server whether it lives; its address when it is not the configured one.
    CheckHealth(Option<String>),
}

/// How far `migrate` goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrateMode {
    /// Only show the pending steps.
    DryRun,
    /// Apply them.
    Apply,
    /// Apply them, and end the mixed phase with servers of an older release.
    Finish,
}

/// A command line that was understood.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// What to do.
    pub action: Action,
    /// The settings given as flags.
    pub flags: Flags,
}

impl Invocation {
    /// Reads a command line, program name first.
    ///
    /// # Errors
    /// A usage error, or the text of `--help` or `--version`: clap knows how to show each.
    pub fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let matches = command().try_get_matches_from(line)?;
        let action = match matches.subcommand() {
            Some(("config", _)) => Action::PrintConfig,
            Some(("openapi", _)) => Action::PrintOpenApi,
            Some(("backup", backup)) => {
                let file = backup.get_one::<PathBuf>("file").cloned();
                Action::Backup(file.unwrap_or_default())
            }
            Some(("migrate", migrate)) => Action::Migrate(migrate_mode(migrate)),
            Some(("reset-password", reset)) => {
                let email = reset.get_one::<String>("email").cloned();
                Action::ResetPassword(email.unwrap_or_default())
            }
            Some(("health", health)) => {
                Action::CheckHealth(health.get_one::<String>("url").cloned())
            }
            _ => Action::Serve,
        };
        Ok(Self {
            action,
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

fn command() -> Command {
    let secrets: String = SETTINGS
        .iter()
        .filter(|setting| setting.is_secret())
        .map(line)
        .collect();
    Command::new("kanso-server")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Sync server for offline-first habit trackers")
        .after_help(format!(
            "Only as a variable or in the file, since everybody on a machine can list flags:\n\
             {secrets}\n\
             A flag beats its variable, a variable beats kanso.toml, the file beats the default."
        ))
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .global(true)
                .help(format!(
                    "File with settings [variable: {CONFIG_VARIABLE}] \
                     [default: ./kanso.toml where it exists]"
                )),
        )
        .args(SETTINGS.iter().filter_map(argument))
        .subcommand(Command::new("config").about("Print the effective settings as TOML"))
        .subcommand(Command::new("openapi").about("Print the OpenAPI document of the HTTP API"))
        .subcommand(
            Command::new("backup")
                .about("Write a copy of the database to a new file, also while a server runs")
                .arg(
                    Arg::new("file")
                        .value_name("FILE")
                        .value_parser(value_parser!(PathBuf))
                        .required(true)
                        .help("The new file; only its owner can read it"),
                ),
        )
        .subcommand(
            Command::new("migrate")
                .about("Bring the schema of the database up to date, without serving")
                .arg(
                    Arg::new("dry-run")
                        .long("dry-run")
                        .action(ArgAction::SetTrue)
                        .help("Change nothing; exit with 3 when there is something to do"),
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
                .about("Give an account another password")
                .long_about(
                    "Give an account another password, for somebody who has forgotten theirs. It is \
                     asked for, or is the first line of standard input. All devices of the account have \
                     to log in again and lose nothing. Stop a server on SQLite first.",
                )
                .arg(
                    Arg::new("email")
                        .value_name("EMAIL")
                        .required(true)
                        .help("The e-mail address that the account was made with"),
                ),
        )
        .subcommand(
            Command::new("health")
                .about("Exit with 0 when a running server answers, else 1")
                .arg(
                    Arg::new("url")
                        .value_name("URL")
                        .help("Its address [default: as configured]"),
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
    fn the_command_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn nothing_means_serve() {
        assert_eq!(
            parse("kanso-server").expect("no arguments").action,
            Action::Serve
        );
    }

    #[test]
    fn flags_may_stand_on_either_side_of_a_subcommand() {
        for line in [
            "kanso-server --data-dir /x config --listen 127.0.0.1:1",
            "kanso-server config --listen 127.0.0.1:1 --data-dir /x",
        ] {
            let invocation = parse(line).expect(line);
            assert_eq!(invocation.action, Action::PrintConfig);
            assert_eq!(invocation.flags.values[&Key::Listen], "127.0.0.1:1");
            assert_eq!(invocation.flags.values[&Key::DataDir], "/x");
        }
    }

    #[test]
    fn a_secret_is_no_flag() {
        assert!(parse("kanso-server --jwt-secret x").is_err());
    }

    #[test]
    fn help_names_every_setting_with_its_variable_and_default() {
        let help = command().render_long_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for setting in &SETTINGS {
            assert!(help.contains(setting.variable), "{}", setting.variable);
            assert!(help.contains(default(setting)), "{}", setting.name);
        }
    }
}
