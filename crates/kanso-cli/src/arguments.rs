//! Definition of the command line. Its doc comments are the `--help` texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use kanso_client::domain::{DayStart, Quantity, Zone};

mod account;

pub(crate) use account::{Adopt, Credentials, Register};

use crate::words::{Day, FirstApplied, NoneOr, Weekdays, parse_day, parse_from};

/// Habit tracking, offline first
///
/// `register`, `login`, `adopt`, `password`, `sync`, `devices`, `export` and a change of `settings`
/// need the server. All other commands work offline.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 server not reached, 4 signed out, 5 conflicts
/// wait for your decision, 6 many records would be removed.
#[derive(Debug, Parser)]
#[command(name = "kanso", version, max_term_width = 80)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Folder of this device's replica [default: kanso in the user's data folder]
    #[arg(long, env = "KANSO_HOME", value_name = "FOLDER", global = true)]
    pub(crate) home: Option<PathBuf>,
    /// Address of the server [default: the one you logged in to, else this machine]
    #[arg(
        long,
        env = "KANSO_SERVER",
        value_name = "URL",
        global = true,
        hide_env_values = true
    )]
    pub(crate) server: Option<String>,
    /// Your time zone, such as Europe/Rome [default: your account's, else this machine's]
    #[arg(long, env = "KANSO_TZ", value_name = "ZONE", global = true)]
    pub(crate) tz: Option<Zone>,
    /// Allow a server at http:// that is not this machine: others can read along
    #[arg(long, global = true)]
    pub(crate) insecure: bool,
    /// Print JSON, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create an account and log in
    Register(Register),
    /// Log in on this device
    Login(Credentials),
    /// Bring all records of this device to another account
    ///
    /// For a server that was set up anew, and for an account that was made again. Every habit and
    /// entry of this device is sent to that account.
    Adopt(Adopt),
    /// Log out; all local data stays
    Logout,
    /// Change your password; all other devices have to log in again
    Password {
        /// Read the current password and the new one from standard input, one per line
        #[arg(long)]
        password_stdin: bool,
    },
    /// Create, list and change habits
    #[command(subcommand)]
    Habit(HabitCommand),
    /// Record an entry for a habit
    Done(Done),
    /// Undo the last thing done on this device; again: the thing before it
    ///
    /// Any kind of thing: an entry, an edit, an archived, deleted or new habit. Without --on, only
    /// what was done within a day is undone.
    Undo(Undo),
    /// List entries, the newest first
    Log(Log),
    /// Change or delete an entry
    #[command(subcommand)]
    Entry(EntryCommand),
    /// Show the habits that are due today
    Today,
    /// Show streaks, rates and sums of all habits, or of one
    Stats(Stats),
    /// Show a calendar of all habits, or of one
    Heatmap(Heatmap),
    /// Exchange changes with the server
    Sync(Sync),
    /// List rejected changes and decide on them
    Conflicts(Conflicts),
    /// Import habits from another app
    #[command(subcommand)]
    Import(ImportCommand),
    /// Save all your data on the server to a new file, as lines of JSON
    Export {
        /// Path of the new file; only you can read it
        file: PathBuf,
        /// Read the password from standard input; without it, it is asked for if the log-in is old
        #[arg(long)]
        password_stdin: bool,
    },
    /// Delete your account
    #[command(subcommand)]
    Account(crate::commands::AccountCommand),
    /// Show the account and the sync state of this device
    Status,
    /// Set a damaged replica aside and begin a new one; the server has the records
    Recover {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Show and change the time zone, and when weeks and days begin
    Settings(Settings),
    /// List the devices that sync with your account
    Devices(Devices),
}

#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// Check all records and compare them with the server's; happens once a day anyway
    #[arg(long)]
    pub(crate) verify: bool,
    /// Allow that many records are removed from this device
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
    /// Remove a device that you no longer use from the list
    Forget {
        /// Id of the device, or the beginning of it
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// New time zone, such as Europe/Rome, or `system` for the zone of this machine
    #[arg(long, visible_alias = "zone", value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    /// First day of the week
    #[arg(long, value_enum, value_name = "DAY")]
    pub(crate) week_start: Option<FirstDay>,
    /// Time at which a day begins, HH:MM up to 12:00
    #[arg(long, value_name = "TIME")]
    pub(crate) day_start: Option<DayStart>,
}

/// First day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FirstDay {
    /// Monday
    Monday,
    /// Sunday
    Sunday,
    /// Saturday
    Saturday,
}

impl FirstDay {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Sunday => "sunday",
            Self::Saturday => "saturday",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum HabitCommand {
    /// Create a habit
    Add {
        /// Name of the habit
        title: String,
        #[command(flatten)]
        options: HabitOptions,
    },
    /// List habits
    List {
        /// Include archived habits
        #[arg(long)]
        all: bool,
    },
    /// Change a habit
    Edit {
        /// Name of the habit, the beginning of it, or the beginning of its id
        habit: String,
        /// New name
        #[arg(long)]
        title: Option<String>,
        /// First day to which a new schedule or target applies: YYYY-MM-DD, today, yesterday, or
        /// start for all days [default: today]
        #[arg(long, value_name = "DATE", value_parser = parse_from)]
        from: Option<FirstApplied>,
        #[command(flatten)]
        options: Box<HabitOptions>,
    },
    /// Archive a habit; its history stays
    Archive {
        /// Name of the habit, the beginning of it, or the beginning of its id
        habit: String,
    },
    /// Take a habit out of the archive
    Unarchive {
        /// Name of the habit, the beginning of it, or the beginning of its id
        habit: String,
    },
    /// Delete a habit and its history
    Delete {
        /// Name of the habit, the beginning of it, or the beginning of its id
        habit: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Bring back a deleted habit and its history
    Restore {
        /// Name of the habit, the beginning of it, or the beginning of its id
        habit: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct HabitOptions {
    /// Description
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Colour: #RRGGBB
    #[arg(long)]
    pub(crate) color: Option<String>,
    /// Emoji or name of an icon
    #[arg(long)]
    pub(crate) icon: Option<String>,
    /// Position in the list
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(crate) order: Option<i32>,
    /// Kind of entry [default: boolean, or numeric with a target or a unit]
    #[arg(long = "type", value_enum)]
    pub(crate) kind: Option<Kind>,
    /// Amount to reach in a day
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) target: Option<Quantity>,
    /// Treat the target as a limit
    #[arg(long, conflicts_with = "at_least")]
    pub(crate) at_most: bool,
    /// Treat the target as a minimum
    #[arg(long)]
    pub(crate) at_least: bool,
    /// Unit of the amounts, such as km or pages
    #[arg(long)]
    pub(crate) unit: Option<String>,
    /// Due every day
    #[arg(long, group = "schedule")]
    pub(crate) daily: bool,
    /// Due on this number of days in each week
    #[arg(long, value_name = "DAYS", group = "schedule")]
    pub(crate) weekly: Option<u8>,
    /// Due on these days, such as mon,wed,fri
    #[arg(long, value_name = "DAYS", group = "schedule")]
    pub(crate) weekdays: Option<Weekdays>,
    /// Due once in this number of days
    #[arg(long, value_name = "DAYS", group = "schedule")]
    pub(crate) every: Option<u16>,
    /// First day that counts: YYYY-MM-DD, or none
    #[arg(long, value_name = "DATE")]
    pub(crate) start: Option<NoneOr>,
    /// Last day that counts: YYYY-MM-DD, or none
    #[arg(long, value_name = "DATE")]
    pub(crate) end: Option<NoneOr>,
    /// Time of the reminder: HH:MM, or none
    #[arg(long, value_name = "TIME")]
    pub(crate) reminder: Option<NoneOr>,
}

/// Kind of value that an entry of a habit records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Done or not done
    Boolean,
    /// An amount
    Numeric,
    /// Minutes
    Timer,
}

#[derive(Debug, Args)]
pub(crate) struct Done {
    /// Name of the habit, the beginning of it, or the beginning of its id
    pub(crate) habit: String,
    /// Amount; a boolean habit needs none, and 0 means not done
    pub(crate) value: Option<Quantity>,
    /// Day of the entry: YYYY-MM-DD, today or yesterday [default: today]
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    pub(crate) on: Option<Day>,
    /// Note
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Record a day off, which neither counts nor breaks a streak
    #[arg(long, conflicts_with = "value")]
    pub(crate) skip: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// Undo only what was done to this habit or its entries
    pub(crate) habit: Option<String>,
    /// Undo the last thing done to the entries of this day, or delete its last entry
    #[arg(long, value_name = "DATE", value_parser = parse_day, requires = "habit")]
    pub(crate) on: Option<Day>,
}

#[derive(Debug, Args)]
pub(crate) struct Log {
    /// Name of the habit, the beginning of it, or the beginning of its id
    /// [default: all]
    pub(crate) habit: Option<String>,
    /// Number of days up to the last one [default: 30]
    #[arg(long, value_name = "DAYS", conflicts_with = "from")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) days: Option<u16>,
    /// First day: YYYY-MM-DD, today or yesterday
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    pub(crate) from: Option<Day>,
    /// Last day [default: all that there are]
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    pub(crate) to: Option<Day>,
    /// This day alone
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    #[arg(conflicts_with_all = ["days", "from", "to"])]
    pub(crate) on: Option<Day>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EntryCommand {
    /// Change an entry
    Edit {
        #[command(flatten)]
        name: EntryName,
        #[command(flatten)]
        change: EntryChange,
    },
    /// Delete an entry
    Delete {
        #[command(flatten)]
        name: EntryName,
    },
}

/// The entry that the command line names.
#[derive(Debug, Args)]
pub(crate) struct EntryName {
    /// Name of the habit, the beginning of it, or the beginning of its id
    pub(crate) habit: String,
    /// Day of the entry: YYYY-MM-DD, today or yesterday
    #[arg(value_name = "DATE", value_parser = parse_day)]
    pub(crate) day: Day,
    /// Id of the entry, or the beginning of it; needed if the day has several
    #[arg(long)]
    pub(crate) id: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct EntryChange {
    /// New amount
    pub(crate) value: Option<Quantity>,
    /// New note, or none
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<NoneOr>,
    /// Make it a day off
    #[arg(long, conflicts_with = "value")]
    pub(crate) skip: bool,
    /// Mark it as done
    #[arg(long, conflicts_with_all = ["value", "skip"])]
    pub(crate) done: bool,
    /// Move it to this day
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    pub(crate) to: Option<Day>,
}

#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// Name of the habit, the beginning of it, or the beginning of its id
    /// [default: all that are not archived]
    pub(crate) habit: Option<String>,
    /// List the days, weeks or windows that the streak counts, newest first
    #[arg(long, requires = "habit")]
    pub(crate) explain: bool,
    /// With --explain: list all, not only the newest 30
    #[arg(long, requires = "explain")]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Heatmap {
    /// Name of the habit, the beginning of it, or the beginning of its id
    /// [default: all]
    pub(crate) habit: Option<String>,
    /// Number of weeks, at most 54 [default: 26]
    #[arg(long, value_name = "WEEKS", conflicts_with = "from")]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=MAX_WEEKS))]
    pub(crate) weeks: Option<u8>,
    /// First day: YYYY-MM-DD, today or yesterday
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    pub(crate) from: Option<Day>,
    /// Last day [default: today]
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    pub(crate) to: Option<Day>,
}

/// Largest number of weeks of a heatmap: a leap year can touch 54.
pub(crate) const MAX_WEEKS: i64 = 54;

#[derive(Debug, Args)]
pub(crate) struct Conflicts {
    #[command(subcommand)]
    pub(crate) command: Option<ConflictsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConflictsCommand {
    /// Decide on one conflict
    Resolve {
        /// Number in the list
        id: i64,
        #[command(flatten)]
        choice: Choice,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Choice {
    /// Write your values over the server's
    #[arg(long)]
    pub(crate) mine: bool,
    /// Keep the server's record
    #[arg(long)]
    pub(crate) theirs: bool,
    /// Write only the fields that no other device changed; keep the server's others
    #[arg(long)]
    pub(crate) merge: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Import the CSV export of Loop Habit Tracker, a zip file
    Loop {
        /// Path of the zip file
        file: PathBuf,
        /// Report what would be imported, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn command_line_definition_is_valid() {
        super::Arguments::command().debug_assert();
    }
}
