//! What comes from outside of the command line: the environment, the terminal, the home folder.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use anyhow::Context as _;
use etcetera::BaseStrategy as _;

/// The variable from which a script hands a password over; never a flag, since everybody on a
/// machine can list those.
pub(crate) const PASSWORD_VARIABLE: &str = "KANSO_PASSWORD";

/// Where the replica is when nobody says otherwise: the user's data folder.
pub(crate) fn default_home() -> anyhow::Result<PathBuf> {
    let folders = etcetera::choose_base_strategy().context("there is no home folder")?;
    Ok(folders.data_dir().join("kanso"))
}

/// The password: from standard input, else from the variable, else asked for without echo.
pub(crate) fn password(from_stdin: bool, is_new: bool) -> anyhow::Result<String> {
    if from_stdin {
        return line();
    }
    if let Some(password) = variable() {
        return Ok(password);
    }
    if !std::io::stdin().is_terminal() {
        let how = format!("no terminal to ask on: use --password-stdin or {PASSWORD_VARIABLE}");
        return Err(crate::exit::Usage(how).into());
    }
    if is_new {
        chosen("Password: ")
    } else {
        asked("Password: ")
    }
}

/// The current password and a new one: from standard input, a line each, else asked for without
/// echo.
pub(crate) fn new_password(from_stdin: bool) -> anyhow::Result<(String, String)> {
    if from_stdin {
        return Ok((line()?, line()?));
    }
    if !std::io::stdin().is_terminal() {
        let how = "no terminal to ask on: use --password-stdin".to_owned();
        return Err(crate::exit::Usage(how).into());
    }
    Ok((asked("Current password: ")?, chosen("New password: ")?))
}

fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn asked(prompt: &str) -> anyhow::Result<String> {
    rpassword::prompt_password(prompt).context("cannot ask")
}

/// Asked for twice, since nobody sees what is typed.
fn chosen(prompt: &str) -> anyhow::Result<String> {
    let password = asked(prompt)?;
    anyhow::ensure!(asked("Again: ")? == password, "the two are not the same");
    Ok(password)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one variable that clap must not read, since it would show it"
)]
fn variable() -> Option<String> {
    std::env::var(PASSWORD_VARIABLE).ok()
}
