//! Arguments of the commands that make an account or log in.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Credentials {
    /// Your e-mail address
    pub(crate) email: String,
    /// Read the password from standard input instead of asking; `KANSO_PASSWORD` works too
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Register {
    #[command(flatten)]
    pub(crate) credentials: Credentials,
    /// Invitation code from the operator of the server
    #[arg(long, value_name = "CODE")]
    pub(crate) invite: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Adopt {
    #[command(flatten)]
    pub(crate) credentials: Credentials,
    /// Create the account first
    #[arg(long)]
    pub(crate) register: bool,
    /// Invitation code for the new account
    #[arg(long, value_name = "CODE", requires = "register")]
    pub(crate) invite: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}
