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
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    if let Some(password) = variable() {
        return Ok(password);
    }
    if !std::io::stdin().is_terminal() {
        let how = format!("no terminal to ask on: use --password-stdin or {PASSWORD_VARIABLE}");
        return Err(crate::exit::Usage(how).into());
    }
    let password = rpassword::prompt_password("Password: ").context("cannot ask")?;
    if is_new && rpassword::prompt_password("Again: ").context("cannot ask")? != password {
        anyhow::bail!("the two are not the same");
    }
    Ok(password)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one variable that clap must not read, since it would show it"
)]
fn variable() -> Option<String> {
    std::env::var(PASSWORD_VARIABLE).ok()
}
