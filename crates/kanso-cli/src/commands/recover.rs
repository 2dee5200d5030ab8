//! `kanso recover`

use kanso_client::domain::Entity;
use kanso_client::protocol::sync::{EntityName, OperationRequest};
use kanso_client::system::{SystemClock, SystemIds};
use kanso_client::{Salvage, salvage};
use serde_json::json;

use crate::arguments::Global;
use crate::context;
use crate::environment::confirm;
use crate::exit::Exit;
use crate::output::{Output, say};
use crate::words::count;

pub(crate) fn run(global: Global, yes: bool) -> anyhow::Result<Exit> {
    let output = Output::new(global.json);
    let home = context::home(global.home)?;
    let question = format!(
        "The replica in {} will be set aside, and a new one begins. Its records come back from the \
         server; changes that were never sent are kept as far as they can be read. Go on?",
        home.display()
    );
    confirm(&question, yes)?;
    let Salvage {
        set_aside,
        account,
        operations,
        is_incomplete,
    } = salvage(&home, &SystemClock, &SystemIds)?;
    let value = json!({
        "set_aside": set_aside.to_string_lossy(),
        "account": account,
        "operations": operations,
        "incomplete": is_incomplete,
    });
    let email = account.as_deref().unwrap_or("EMAIL");
    let kept = count(operations.len() as u64, "change");
    let mut lines = vec![format!("The damaged file is now {}.", set_aside.display())];
    lines.push(format!("{kept} not sent yet could be read and wait here."));
    lines.extend(operations.iter().map(words));
    lines.push(format!("Now run `kanso login {email}`, then `kanso sync`."));
    let text = lines.join("\n");
    output.done(&value, &text)?;
    if is_incomplete {
        say("Some changes that were never sent may be lost with the damaged file.");
    }
    Ok(Exit::Ok)
}

/// Describes an operation in a line.
fn words(operation: &OperationRequest) -> String {
    let entity = match operation.entity {
        EntityName::Habit => Entity::Habit,
        EntityName::Entry => Entity::Entry,
    };
    let fields = operation.fields.as_ref();
    let title = fields.and_then(|fields| fields.get("title")?.as_str());
    let title = title.map_or_else(String::new, |title| format!(" {title:?}"));
    let action = format!("{:?}", operation.action).to_lowercase();
    format!("  {action} {} {}{title}", entity.as_str(), operation.id)
}
