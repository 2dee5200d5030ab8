//! Input from outside of the command line: environment, terminal, home folder.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use anyhow::Context as _;
use etcetera::BaseStrategy as _;
use kanso_client::domain::Zone;

use crate::output::say;

/// Environment variable with the password, for scripts. There is no flag for it, because every user
/// of a machine can list the arguments of its processes.
pub(crate) const PASSWORD_VARIABLE: &str = "KANSO_PASSWORD";

/// Returns the default folder of the replica, in the user's data folder.
pub(crate) fn default_home() -> anyhow::Result<PathBuf> {
    // The data folder and not the cache folder: the outbox exists nowhere else.
    let folders = etcetera::choose_base_strategy().context("no home folder found")?;
    Ok(folders.data_dir().join("kanso"))
}

/// Other names of UTC. A machine without a setting has one of them.
const UTC_NAMES: [&str; 6] = [
    "Etc/UTC",
    "Etc/UCT",
    "Etc/Universal",
    "Etc/Zulu",
    "Universal",
    "Zulu",
];

/// Returns the zone of this machine: that of the variable `TZ`, else that of the operating system.
pub(crate) fn zone() -> Option<Zone> {
    let zone = named_zone()?;
    Some(if UTC_NAMES.contains(&zone.name()) {
        Zone::utc()
    } else {
        zone
    })
}

fn named_zone() -> Option<Zone> {
    match zone_variable() {
        // POSIX allows a colon before a name, and a path to a file of the system's database.
        Some(name) => {
            let name = name.trim_start_matches(':');
            let name = name.rsplit_once("zoneinfo/").map_or(name, |(_, name)| name);
            name.parse().ok()
        }
        None => iana_time_zone::get_timezone().ok()?.parse().ok(),
    }
}

/// Returns true if a user is at the terminal, who can be asked.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks a question with yes or no on the terminal; `yes` is the answer of `--yes`.
///
/// # Errors
/// The answer is no, or there is no terminal to ask.
pub(crate) fn confirm(question: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !can_ask() {
        let how = "no terminal to ask for your consent: use --yes".to_owned();
        return Err(crate::exit::Usage(how).into());
    }
    say(&format!("{question} [y/N]"));
    let answer = line()?.trim().to_lowercase();
    anyhow::ensure!(
        matches!(answer.as_str(), "y" | "yes"),
        "nothing was changed"
    );
    Ok(())
}

/// Reads the password: from standard input, else from the variable, else from the terminal without
/// echo.
pub(crate) fn password(from_stdin: bool, is_new: bool) -> anyhow::Result<String> {
    if from_stdin {
        return line();
    }
    // The variable is read only here: clap would show its value in `--help`.
    if let Some(password) = variable() {
        return Ok(password);
    }
    // Without a terminal a prompt would wait for ever, for example in a cron job.
    if !std::io::stdin().is_terminal() {
        let how = format!(
            "no terminal to ask for the password: use --password-stdin or {PASSWORD_VARIABLE}"
        );
        return Err(crate::exit::Usage(how).into());
    }
    if is_new {
        ask_twice("Password: ")
    } else {
        ask("Password: ")
    }
}

/// Checks a new password before it is sent. The server has the same rules.
pub(crate) fn check_password(email: &str, password: &str) -> anyhow::Result<()> {
    kanso_client::check_new_password(email, password)
        .map_err(|error| anyhow::anyhow!("the new password {error}"))
}

/// Reads the current and the new password: from standard input, one per line, else from the terminal
/// without echo.
pub(crate) fn new_password(from_stdin: bool) -> anyhow::Result<(String, String)> {
    if from_stdin {
        return Ok((line()?, line()?));
    }
    if !std::io::stdin().is_terminal() {
        let how = "no terminal to ask for the password: use --password-stdin".to_owned();
        return Err(crate::exit::Usage(how).into());
    }
    Ok((ask("Current password: ")?, ask_twice("New password: ")?))
}

fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn ask(prompt: &str) -> anyhow::Result<String> {
    rpassword::prompt_password(prompt).context("cannot read from the terminal")
}

/// Asks twice: without echo, the user cannot see a typing error.
fn ask_twice(prompt: &str) -> anyhow::Result<String> {
    let password = ask(prompt)?;
    anyhow::ensure!(ask("Again: ")? == password, "the two passwords differ");
    Ok(password)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the zone of the machine is not a setting of this program"
)]
fn zone_variable() -> Option<String> {
    std::env::var("TZ").ok().filter(|name| !name.is_empty())
}

#[expect(
    clippy::disallowed_methods,
    reason = "clap would print the value of this variable in its help"
)]
fn variable() -> Option<String> {
    std::env::var(PASSWORD_VARIABLE).ok()
}
