//! Commands, one file each.

mod account;
mod adopt;
mod conflicts;
mod devices;
mod done;
mod entry;
mod export;
mod habit;
mod heatmap;
mod import;
mod log;
mod login;
mod logout;
mod password;
mod recover;
mod register;
mod settings;
mod stats;
mod status;
mod sync;
mod today;
mod undo;

pub(crate) use self::account::AccountCommand;
use crate::arguments::{Arguments, Command, ImportCommand};
use crate::context::Context;
use crate::exit::Exit;

/// Runs the command of the command line.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    // Before the replica is opened: it may be too damaged for that.
    if let Command::Recover { yes } = arguments.command {
        return recover::run(arguments.global, yes);
    }
    let context = Context::new(arguments.global)?;
    match arguments.command {
        Command::Register(asked) => register::run(&context, &asked).await,
        Command::Login(credentials) => login::run(&context, &credentials).await,
        Command::Adopt(asked) => adopt::run(&context, &asked).await,
        Command::Logout => logout::run(&context).await,
        Command::Password { password_stdin } => password::run(&context, password_stdin).await,
        Command::Habit(command) => habit::run(&context, command),
        Command::Done(done) => done::run(&context, &done),
        Command::Undo(undo) => undo::run(&context, &undo),
        Command::Log(log) => log::run(&context, &log),
        Command::Entry(command) => entry::run(&context, command),
        Command::Today => today::run(&context),
        Command::Stats(stats) => stats::run(&context, &stats),
        Command::Heatmap(heatmap) => heatmap::run(&context, &heatmap),
        Command::Sync(sync) => sync::run(&context, &sync).await,
        Command::Conflicts(conflicts) => conflicts::run(&context, conflicts.command),
        Command::Import(ImportCommand::Loop { file, dry_run }) => {
            import::run(&context, &file, dry_run).await
        }
        Command::Export {
            file,
            password_stdin,
        } => export::run(&context, &file, password_stdin).await,
        Command::Account(AccountCommand::Delete { password_stdin }) => {
            account::delete(&context, password_stdin).await
        }
        Command::Status => status::run(&context),
        // Handled above.
        Command::Recover { .. } => Ok(Exit::Ok),
        Command::Settings(settings) => settings::run(&context, settings).await,
        Command::Devices(devices) => devices::run(&context, devices.command).await,
    }
}
