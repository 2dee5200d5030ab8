//! The arguments of `kanso-server user`.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

/// Command about accounts, as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserArguments {
    /// List all accounts.
    List {
        /// True for JSON Lines.
        is_json: bool,
    },
    /// Make an account; the password is read from the input.
    Add(String),
    /// Make an invitation that is valid for this number of days.
    Invite(u16),
    /// Disable the account with this address.
    Disable(String),
    /// Enable it again.
    Enable(String),
    /// Delete the account.
    Delete {
        /// E-mail address.
        email: String,
        /// True if no question is asked.
        is_confirmed: bool,
    },
    /// List the sessions of the account.
    Sessions {
        /// E-mail address.
        email: String,
        /// True for JSON Lines.
        is_json: bool,
    },
    /// End the sessions of the account.
    EndSessions(String),
    /// Show the quota of the account, or change the bounds that are given.
    Quota {
        /// E-mail address.
        email: String,
        /// Bounds to change.
        change: QuotaArguments,
        /// True for JSON.
        is_json: bool,
    },
}

/// The bounds of one account, as they were typed. `None` leaves a bound as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotaArguments {
    /// Most live habits: a number, `off` or `default`.
    pub habits: Option<String>,
    /// Most stored records.
    pub records: Option<String>,
    /// Most space, in MiB.
    pub space: Option<String>,
}

impl UserArguments {
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let (name, matches) = matches.subcommand().unwrap_or(("list", matches));
        let is_set = |name: &str| {
            matches
                .try_get_one::<bool>(name)
                .is_ok_and(|set| set == Some(&true))
        };
        let is_json = is_set("json");
        // clap requires the argument where it is declared, so the default is never used.
        let email = matches.try_get_one::<String>("email").ok().flatten();
        let email = email.cloned().unwrap_or_default();
        match name {
            "add" => Self::Add(email),
            "invite" => Self::Invite(matches.get_one::<u16>("days").copied().unwrap_or(DAYS)),
            "disable" => Self::Disable(email),
            "enable" => Self::Enable(email),
            "delete" => Self::Delete {
                email,
                is_confirmed: is_set("yes"),
            },
            "quota" => Self::Quota {
                email,
                change: QuotaArguments {
                    habits: matches.get_one("habits").cloned(),
                    records: matches.get_one("records").cloned(),
                    space: matches.get_one("space").cloned(),
                },
                is_json,
            },
            "sessions" if is_set("end") => Self::EndSessions(email),
            "sessions" => Self::Sessions { email, is_json },
            _ => Self::List { is_json },
        }
    }
}

/// Days for which an invitation is valid.
const DAYS: u16 = 7;

pub(super) fn command() -> Command {
    Command::new("user")
        .about("List, make, invite, disable and delete accounts; the server may be running")
        .subcommand_required(true)
        .subcommand(
            Command::new("list")
                .about("List all accounts")
                .arg(flag("json", "One JSON object a line instead of a table")),
        )
        .subcommand(
            Command::new("add")
                .about("Make an account, also if registration is closed")
                .long_about(
                    "Make an account, also if registration is closed. The password is read from the \
                     terminal, or from the first line of standard input.",
                )
                .arg(email()),
        )
        .subcommand(
            Command::new("invite").about("Print a code that makes one account").arg(
                Arg::new("days")
                    .long("days")
                    .value_name("NUMBER")
                    .value_parser(value_parser!(u16).range(1..=365))
                    .help("Days for which the code is valid [default: 7]"),
            ),
        )
        .subcommand(
            Command::new("disable")
                .about("End the sessions of an account and refuse its log-ins; its records stay")
                .arg(email()),
        )
        .subcommand(
            Command::new("enable").about("Undo `disable`").arg(email()),
        )
        .subcommand(
            Command::new("delete")
                .about("Delete an account with all of its records")
                .arg(email())
                .arg(flag("yes", "Ask no question")),
        )
        .subcommand(
            Command::new("sessions")
                .about("List the sessions of an account, or end them")
                .arg(email())
                .arg(flag("json", "One JSON object a line instead of a table"))
                .arg(flag("end", "End all of them").conflicts_with("json")),
        )
        .subcommand(
            Command::new("quota")
                .about("Show what an account stores and how much it may, or change that")
                .long_about(
                    "Show what an account stores and how much it may, or change that for this account. \
                     A bound is a number, `off`, or `default` for the bound of all accounts.",
                )
                .arg(email())
                .arg(bound("habits", "NUMBER", "Maximum number of habits"))
                .arg(bound("records", "NUMBER", "Maximum number of stored records"))
                .arg(bound("space", "MEBIBYTES", "Maximum size of all records"))
                .arg(flag("json", "JSON instead of a table")),
        )
}

fn bound(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn email() -> Arg {
    Arg::new("email")
        .value_name("EMAIL")
        .required(true)
        .help("E-mail address of the account")
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .action(ArgAction::SetTrue)
        .help(help)
}
