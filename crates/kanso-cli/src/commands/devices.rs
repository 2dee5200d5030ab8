//! `kanso devices`

use kanso_client::protocol::devices::DeviceRecord;
use serde_json::json;

use crate::arguments::DevicesCommand;
use crate::context::Context;
use crate::exit::{Exit, Usage};
use crate::output::table;
use crate::words::count;

pub(crate) async fn run(
    context: &Context,
    command: Option<DevicesCommand>,
) -> anyhow::Result<Exit> {
    let server = context.server()?;
    let devices = context.client.devices(&server).await?;
    match command {
        None => list(context, &devices),
        Some(DevicesCommand::Forget { id }) => {
            // The server takes whole ids only, so the beginning is completed from the list.
            let device = named(&devices, &id)?.id;
            context.client.forget_device(&server, device).await?;
            let text = format!("Removed device {device} from the list.");
            context.output.done(&json!({"forgotten": device}), &text)?;
            Ok(Exit::Ok)
        }
    }
}

fn list(context: &Context, devices: &[DeviceRecord]) -> anyhow::Result<Exit> {
    let own = context.client.status()?.device_id;
    context.output.data(&json!(devices), || {
        let mut table = table(&["Device", "Last seen", "Behind"]);
        for device in devices {
            let mark = if device.id == own { " (this)" } else { "" };
            table.add_row([
                format!("{}{mark}", device.id),
                words(device.last_seen_at.to_string()),
                count(device.behind, "change"),
            ]);
        }
        table.trim_fmt()
    })?;
    Ok(Exit::Ok)
}

/// Formats an instant to the second.
fn words(instant: String) -> String {
    let second = instant.split('.').next().map(str::to_owned);
    second.unwrap_or(instant).replace('T', " ")
}

fn named<'a>(devices: &'a [DeviceRecord], wanted: &str) -> Result<&'a DeviceRecord, Usage> {
    let is_meant = |device: &&DeviceRecord| device.id.to_string().starts_with(wanted);
    let found: Vec<&DeviceRecord> = devices.iter().filter(is_meant).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(Usage(format!("there is no device {wanted:?}"))),
        _ => Err(Usage(format!("{wanted:?} matches several devices"))),
    }
}
