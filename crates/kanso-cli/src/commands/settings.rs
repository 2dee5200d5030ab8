//! `kanso settings`

use kanso_client::domain::Zone;
use kanso_client::domain::accounts::Settings as InForce;
use kanso_client::protocol::Patch;
use kanso_client::protocol::accounts::SettingsRequest;
use serde_json::json;

use super::sync::unread;
use crate::arguments::Settings;
use crate::context::Context;
use crate::exit::{Exit, Usage};
use crate::output::{line, say};

pub(crate) async fn run(context: &Context, asked: Settings) -> anyhow::Result<Exit> {
    let timezone = match asked.timezone.as_deref() {
        Some("system") => {
            let unknown = "the zone of this machine is not known; name one, such as Europe/Rome";
            let zone = context.device_zone.clone();
            Some(zone.ok_or_else(|| Usage(unknown.to_owned()))?.to_string())
        }
        Some(name) => {
            let zone: Result<Zone, _> = name.parse();
            Some(
                zone.map_err(|error| Usage(format!("--timezone {error}")))?
                    .to_string(),
            )
        }
        None => None,
    };
    let change = SettingsRequest {
        timezone: Patch::optional(timezone),
        week_start: Patch::optional(asked.week_start.map(|day| day.name().to_owned())),
        day_start: Patch::optional(asked.day_start.map(|time| time.to_string())),
    };
    let is_bound = context.client.status()?.account.is_some();
    if change != SettingsRequest::default() {
        if is_bound {
            let server = context.server()?;
            context.client.change_settings(&server, &change).await?;
        } else {
            context.client.choose_settings(&change)?;
        }
    }
    let settings = context.client.settings()?;
    let device = context.device_zone.as_ref();
    let value = json!({
        "timezone": settings.timezone.name(),
        "week_start": settings.week_start.as_str(),
        "day_start": settings.day_start.to_string(),
        "device_timezone": device.map(Zone::name),
    });
    context.output.data(&value, || as_text(&settings, device))?;
    if let Some(remark) = unread(&context.client.status()?.unread) {
        say(&remark);
    }
    context.remark_on_zone()?;
    Ok(Exit::Ok)
}

fn as_text(settings: &InForce, device: Option<&Zone>) -> String {
    let lines = [
        ("Time zone", settings.timezone.name().to_owned()),
        ("Week start", settings.week_start.as_str().to_owned()),
        ("Day start", settings.day_start.to_string()),
        (
            "Machine",
            device
                .map_or("its zone is not known", Zone::name)
                .to_owned(),
        ),
    ];
    lines.map(|(name, value)| line(name, &value)).join("\n")
}
