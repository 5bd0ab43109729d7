//! `distans pcs`: the fleet as a table.

use clap::Args;
use distans_proto::desk::{Device, DeviceFilter};
use distans_proto::ids::GroupId;
use serde_json::{Value, json};

use super::App;
use crate::client::Desk;
use crate::format;
use crate::screen::{Row, Screen, Tone};

/// Arguments of `distans pcs`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  distans pcs --online\n  distans pcs --site Grövelsjön\n  distans pcs PC-IDRE --json | jq -r .name"
)]
pub struct Pcs {
    /// Only PCs whose name or id begins so
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Only at this site (id or name)
    #[arg(long)]
    pub site: Option<String>,
    /// Only in this group
    #[arg(long)]
    pub group: Option<GroupId>,
    /// Only PCs that are connected now
    #[arg(long, conflicts_with = "offline")]
    pub online: bool,
    /// Only PCs that are not connected now
    #[arg(long)]
    pub offline: bool,
}

/// Lists the PCs that fit.
///
/// # Errors
/// What the broker answers, or if the screen cannot be written.
pub async fn perform(app: &App, pcs: Pcs) -> anyhow::Result<()> {
    let desk = Desk::connect(&app.home).await?;
    let site = match &pcs.site {
        Some(name) => Some(desk.site(name).await?.id),
        None => None,
    };
    let filter = DeviceFilter {
        name: pcs.name.map(Into::into),
        site,
        group: pcs.group,
        online: if pcs.online { Some(true) } else { pcs.offline.then_some(false) },
        details: false,
    };
    let mut devices = desk.devices(filter).await?;
    devices.sort_by(|a, b| {
        a.hostname.raw().to_lowercase().cmp(&b.hostname.raw().to_lowercase()).then(a.id.cmp(&b.id))
    });
    if app.screen.json() {
        for device in &devices {
            app.screen.object(&as_json(device))?;
        }
        return Ok(());
    }
    if devices.is_empty() {
        app.screen.hint("no PC fits");
        return Ok(());
    }
    let now = format::now();
    let rows = devices.iter().map(|device| {
        let cells = vec![
            device.hostname.to_string(),
            if device.online { "online".into() } else { "offline".into() },
            device.since.map(|since| format::span(now.since(since))).unwrap_or_default(),
            device.site.as_ref().map(ToString::to_string).unwrap_or_default(),
            device.group.to_string(),
            if device.confirmed { String::new() } else { "unconfirmed".into() },
            device.id.to_string(),
        ];
        if device.online { Row::from(cells) } else { Row::toned(Tone::Quiet, cells) }
    });
    app.screen.table(&["PC", "STATE", ">FOR", "SITE", "GROUP", "NOTE", "ID"], rows)?;
    Ok(())
}

/// `online` or `offline`, coloured.
pub fn state(screen: Screen, device: &Device) -> String {
    if device.online { screen.paint(Tone::Good, "online") } else { screen.paint(Tone::Quiet, "offline") }
}

/// A PC's fields in JSON, the same in `pcs` and `pc`.
pub fn as_json(device: &Device) -> Value {
    json!({
        "id": device.id,
        "name": device.hostname,
        "group": device.group,
        "site": device.site,
        "confirmed": device.confirmed,
        "online": device.online,
        "since": device.since.and_then(format::utc),
        "enrolled": format::utc(device.enrolled),
    })
}
