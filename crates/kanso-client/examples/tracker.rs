//! A small app over the library. It edits offline, prints the sync state, and syncs in the background
//! until it is stopped.
//!
//! Run it with `cargo run -p kanso-client --example tracker -- FOLDER SERVER EMAIL` and the password
//! on standard input.
#![expect(clippy::print_stdout, reason = "an example prints to its terminal")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use kanso_client::protocol::Patch;
use kanso_client::protocol::entries::EntryMembers;
use kanso_client::protocol::habits::HabitMembers;
use kanso_client::system::SystemTimer;
use kanso_client::transport::HttpTransport;
use kanso_client::{Client, EditError, SyncLoop, SyncState};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [folder, server, email] = given.as_slice() else {
        return Err("usage: tracker FOLDER SERVER EMAIL".into());
    };
    let client = Arc::new(Client::open(Path::new(folder))?);
    let server = Arc::new(HttpTransport::new(server)?);

    // Edits need no server. A group is applied as a whole or not at all, here and on the server.
    let today = client.today(None)?;
    if client.habits()?.is_empty() {
        client.group(|edits| {
            let habit = edits.create_habit(HabitMembers {
                title: Patch::Value("Read".into()),
                ..HabitMembers::default()
            })?;
            edits.create_entry(EntryMembers {
                habit_id: Patch::Value(habit.id.to_string()),
                completion_date: Patch::Value(today.to_string()),
                ..EntryMembers::default()
            })?;
            Ok::<_, EditError>(())
        })?;
    }

    if !client.status()?.is_signed_in {
        let mut password = String::new();
        std::io::stdin().read_line(&mut password)?;
        client
            .login(server.as_ref(), email, password.trim())
            .await?;
    }

    // The loop syncs at once, after each edit, after each failure, and at regular intervals.
    let (work, handle) = SyncLoop::new(Arc::clone(&client), server, Arc::new(SystemTimer));
    tokio::spawn(work.run());
    let mut changes = client.changes();
    let mut state = handle.state();
    loop {
        tokio::select! {
            alive = state.changed() => {
                alive?;
                println!("{}", describe(&state.borrow_and_update()));
            }
            // A receiver that missed changes (`Lagged`) has to read everything again. This example
            // does so after every change.
            _ = changes.recv() => {
                for view in client.habits()? {
                    let mark = if view.is_pending { "*" } else { " " };
                    println!("{mark} {}", view.record.details.title);
                }
            }
        }
    }
}

fn describe(state: &SyncState) -> String {
    match state {
        SyncState::Idle { last_synced: None } => "not synced yet".into(),
        SyncState::Idle {
            last_synced: Some(at),
        } => format!("in sync since {at}"),
        SyncState::Syncing => "syncing".into(),
        SyncState::Offline { since, next_try } => {
            format!("offline since {since}, next try at {next_try}")
        }
        SyncState::SignedOut => "signed out: log in to sync".into(),
        SyncState::Conflict(count) => format!("{count} conflicts to decide on"),
        SyncState::ManyDeletions(many) => format!("{many}; is this intended?"),
        SyncState::Failed { reason, next_try } => format!("{reason}; next try at {next_try}"),
    }
}
