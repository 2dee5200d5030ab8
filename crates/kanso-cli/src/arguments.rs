//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use kanso_client::domain::{Quantity, Zone};

use crate::words::{Day, NoneOr, Weekdays, parse_day};

/// Habits, offline first
///
/// Every command but `register`, `login`, `password` and `export` works with the server away.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 server not reached, 4 signed out, 5 conflicts
/// wait for you, 6 much would be removed here.
#[derive(Debug, Parser)]
#[command(name = "kanso", version, max_term_width = 80)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Folder of this device's replica [default: kanso in the user's data folder]
    #[arg(long, env = "KANSO_HOME", value_name = "FOLDER", global = true)]
    pub(crate) home: Option<PathBuf>,
    /// The server [default: the one logged in to, else this machine's]
    #[arg(long, env = "KANSO_SERVER", value_name = "URL", global = true)]
    pub(crate) server: Option<String>,
    /// The zone that you are in, such as Europe/Rome [default: your account's]
    #[arg(long, env = "KANSO_TZ", value_name = "ZONE", global = true)]
    pub(crate) tz: Option<Zone>,
    /// Print JSON, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an account and log in
    Register(Credentials),
    /// Log in on this device
    Login(Credentials),
    /// Log out; everything local stays
    Logout,
    /// Choose another password; every other device has to log in again
    Password {
        /// Read the current password and the new one from standard input, a line each
        #[arg(long)]
        password_stdin: bool,
    },
    /// Make, list and change habits
    #[command(subcommand)]
    Habit(HabitCommand),
    /// Record that something was done
    Done(Done),
    /// Take back the last entry of a day
    Undo(Undo),
    /// What there is to do today
    Today,
    /// Streaks, rates and sums: of all habits, or of one
    Stats(Stats),
    /// A calendar of what was done: of all habits, or of one
    Heatmap(Heatmap),
    /// Exchange changes with the server
    Sync(Sync),
    /// What the server refused, and what to do about it
    Conflicts(Conflicts),
    /// Bring a history over from another app
    #[command(subcommand)]
    Import(ImportCommand),
    /// Save what you have on the server to a new file, in lines of JSON
    Export {
        /// The file; only you can read it
        file: PathBuf,
    },
    /// How this device stands
    Status,
    /// The devices that sync with your account
    Devices(Devices),
}

#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// Look at every record here and compare all of them with the server's; done once a day anyway
    #[arg(long)]
    pub(crate) verify: bool,
    /// Go on although many records would be removed here
    #[arg(long)]
    pub(crate) accept_deletions: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Devices {
    #[command(subcommand)]
    pub(crate) command: Option<DevicesCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DevicesCommand {
    /// Let the server forget one that is not used any more
    Forget {
        /// Its id, or the beginning of it
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Credentials {
    /// Your e-mail address
    pub(crate) email: String,
    /// Read the password from standard input instead of asking; `KANSO_PASSWORD` works too
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HabitCommand {
    /// Make a habit
    Add {
        /// Its name
        title: String,
        #[command(flatten)]
        options: HabitOptions,
    },
    /// List habits
    List {
        /// The archived ones too
        #[arg(long)]
        all: bool,
    },
    /// Change a habit
    Edit {
        /// Its name, the beginning of it, or the beginning of its id
        habit: String,
        /// A new name
        #[arg(long)]
        title: Option<String>,
        #[command(flatten)]
        options: Box<HabitOptions>,
    },
    /// Put a habit away; its history stays
    Archive {
        /// Its name, the beginning of it, or the beginning of its id
        habit: String,
    },
    /// Bring a habit back
    Unarchive {
        /// Its name, the beginning of it, or the beginning of its id
        habit: String,
    },
    /// Delete a habit and its history
    Delete {
        /// Its name, the beginning of it, or the beginning of its id
        habit: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct HabitOptions {
    /// What it is about
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// How it is drawn: #RRGGBB
    #[arg(long)]
    pub(crate) color: Option<String>,
    /// An emoji or the name of an icon
    #[arg(long)]
    pub(crate) icon: Option<String>,
    /// Its place in the list
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(crate) order: Option<i32>,
    /// What an entry records [default: boolean, or numeric with a target or a unit]
    #[arg(long = "type", value_enum)]
    pub(crate) kind: Option<Kind>,
    /// The amount for a day
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) target: Option<Quantity>,
    /// The target is a limit
    #[arg(long, conflicts_with = "at_least")]
    pub(crate) at_most: bool,
    /// The target is to be reached
    #[arg(long)]
    pub(crate) at_least: bool,
    /// What the amounts count: km, pages
    #[arg(long)]
    pub(crate) unit: Option<String>,
    /// Due each day
    #[arg(long, group = "schedule")]
    pub(crate) daily: bool,
    /// Due on so many days of each week
    #[arg(long, value_name = "DAYS", group = "schedule")]
    pub(crate) weekly: Option<u8>,
    /// Due on these days: mon,wed,fri
    #[arg(long, value_name = "DAYS", group = "schedule")]
    pub(crate) weekdays: Option<Weekdays>,
    /// Due once in so many days
    #[arg(long, value_name = "DAYS", group = "schedule")]
    pub(crate) every: Option<u16>,
    /// The first day that counts: YYYY-MM-DD, or none
    #[arg(long, value_name = "DATE")]
    pub(crate) start: Option<NoneOr>,
    /// The last day that counts: YYYY-MM-DD, or none
    #[arg(long, value_name = "DATE")]
    pub(crate) end: Option<NoneOr>,
    /// When to remind: HH:MM, or none
    #[arg(long, value_name = "TIME")]
    pub(crate) reminder: Option<NoneOr>,
}

/// What an entry of a habit records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A tick
    Boolean,
    /// An amount
    Numeric,
    /// Minutes
    Timer,
}

#[derive(Debug, Args)]
pub(crate) struct Done {
    /// The habit's name, the beginning of it, or the beginning of its id
    pub(crate) habit: String,
    /// How much; a habit that is ticked off needs none, and 0 is an explicit no
    pub(crate) value: Option<Quantity>,
    /// For another day: YYYY-MM-DD, today or yesterday
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    pub(crate) on: Option<Day>,
    /// A few words
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// A day off: it neither counts nor breaks a streak
    #[arg(long, conflicts_with = "value")]
    pub(crate) skip: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// The habit's name, the beginning of it, or the beginning of its id
    pub(crate) habit: String,
    /// Of another day: YYYY-MM-DD, today or yesterday
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    pub(crate) on: Option<Day>,
}

#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// The habit's name, the beginning of it, or the beginning of its id
    /// [default: all that are not archived]
    pub(crate) habit: Option<String>,
    /// List what the streak counts and what became of it, newest first
    #[arg(long, requires = "habit")]
    pub(crate) explain: bool,
    /// With --explain: not only the newest 30
    #[arg(long, requires = "explain")]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Heatmap {
    /// The habit's name, the beginning of it, or the beginning of its id
    /// [default: all]
    pub(crate) habit: Option<String>,
    /// How many weeks, at most 54 [default: 26]
    #[arg(long, value_name = "WEEKS", conflicts_with = "from")]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=MAX_WEEKS))]
    pub(crate) weeks: Option<u8>,
    /// The first day: YYYY-MM-DD, today or yesterday
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    pub(crate) from: Option<Day>,
    /// The last day [default: today]
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    pub(crate) to: Option<Day>,
}

/// The most weeks of a heatmap: a leap year may touch as many.
pub(crate) const MAX_WEEKS: i64 = 54;

#[derive(Debug, Args)]
pub(crate) struct Conflicts {
    #[command(subcommand)]
    pub(crate) command: Option<ConflictsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConflictsCommand {
    /// Decide on one
    Resolve {
        /// Its number in the list
        id: i64,
        #[command(flatten)]
        choice: Choice,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Choice {
    /// Write yours over the server's
    #[arg(long)]
    pub(crate) mine: bool,
    /// Let the server's stand
    #[arg(long)]
    pub(crate) theirs: bool,
    /// Write only what nobody else touched; the server's stands in the rest
    #[arg(long)]
    pub(crate) merge: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// From Loop Habit Tracker: its export as CSV, a zip file
    Loop {
        /// The zip file
        file: PathBuf,
        /// Change nothing; say what would be done
        #[arg(long)]
        dry_run: bool,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Arguments::command().debug_assert();
    }
}
