//! `distans pc PC`: all that is known about one PC.

use clap::Args;
use distans_proto::desk::{Device, EditDevice};
use distans_proto::facts::Facts;
use serde_json::Value;

use super::App;
use super::pcs::{as_json, noted, state};
use crate::client::Desk;
use crate::format;
use crate::say;
use crate::screen::{Row, Screen, Tone};

/// Arguments of `distans pc`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  distans pc PC-IDRE-003\n  distans pc PC-IDRE-003 --confirm --place Idre"
)]
pub struct Pc {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Say that this PC is really one of yours: right after it was enrolled (needs the scope records)
    #[arg(long)]
    pub confirm: bool,
    /// Say at which site it stands (id or name; needs the scope records)
    #[arg(long, value_name = "SITE")]
    pub place: Option<String>,
}

/// Shows one PC.
///
/// # Errors
/// If no or several PCs fit, what the broker answers, or if the screen cannot be written.
pub async fn perform(app: &App, pc: Pc) -> anyhow::Result<()> {
    let desk = Desk::connect(&app.home).await?;
    let (mut device, identity) = desk.look_up(&pc.pc).await?;
    if pc.confirm || pc.place.is_some() {
        // Only a PC whose identity holds is worth confirming.
        if let Err(error) = identity {
            return Err(error.into());
        }
        let site = match &pc.place {
            Some(name) => Some(desk.site(name).await?.id),
            None => None,
        };
        let facts = device.facts.take();
        device = desk.edit_device(EditDevice { device: device.id, confirm: pc.confirm, site }).await?;
        device.facts = facts;
    }
    if app.screen.json() {
        let mut object = as_json(&device);
        object["identity_verified"] = Value::Bool(identity.is_ok());
        object["identity_error"] = identity.err().map(|error| error.to_string()).into();
        object["facts"] = device.facts.as_ref().map(facts_json).unwrap_or_default();
        app.screen.object(&object)?;
        return Ok(());
    }
    let now = format::now();
    let since = match device.since {
        Some(since) if device.online => {
            format!("since {} ({})", format::local(since), format::span(now.since(since)))
        }
        Some(since) => format!("last seen {} ({})", format::local(since), format::ago(since, now)),
        None => String::new(),
    };
    let identity = match identity {
        Ok(_) => app.screen.paint(Tone::Good, "enrolled with a token of your organisation, verified here"),
        Err(error) => app.screen.paint(Tone::Bad, &error.to_string()),
    };
    let confirmed = if device.confirmed { String::new() } else { " (unconfirmed)".into() };
    app.screen.pairs(&[
        ("PC", format!("{}{confirmed}", device.hostname)),
        ("id", device.id.to_string()),
        ("state", format!("{} {since}", state(app.screen, &device))),
        ("site", device.site.as_ref().map_or_else(|| "not placed yet".into(), ToString::to_string)),
        ("municipality", device.municipality.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("group", device.group.to_string()),
        ("enrolled", format::local(device.enrolled)),
        ("identity", identity),
        ("findings", findings(&device)),
    ])?;
    match &device.facts {
        Some(facts) => show_facts(app.screen, facts),
        None => {
            app.screen.hint("no inventory from this PC yet");
            Ok(())
        }
    }
}

/// The PC's findings as it last told them, by name.
fn findings(device: &Device) -> String {
    match &device.told {
        None => String::new(),
        Some(told) if told.findings.is_empty() => say!(en: "none", sv: "inga"),
        Some(told) => {
            let names: Vec<String> = told.findings.iter().map(noted).collect();
            say!(en: "{} (more with distans doctor)", sv: "{} (mer med distans doctor)", names.join(", "))
        }
    }
}

/// Shows facts as names and values, with a table of disks.
///
/// # Errors
/// If the screen cannot be written.
pub fn show_facts(screen: Screen, facts: &Facts) -> anyhow::Result<()> {
    let text = |value: &Option<distans_proto::text::Untrusted>| {
        value.as_ref().map(ToString::to_string).unwrap_or_default()
    };
    let memory =
        format!("{} free of {}", format::bytes(facts.memory_available), format::bytes(facts.memory_total));
    let swap = match facts.swap_total {
        0 => String::new(),
        total => format!("{} used of {}", format::bytes(facts.swap_used), format::bytes(total)),
    };
    let restart = match facts.restart_pending {
        Some(true) => "pending",
        Some(false) => "not pending",
        None => "",
    };
    let addresses: Vec<String> = facts.addresses.iter().map(ToString::to_string).collect();
    screen.line("")?;
    screen.pairs(&[
        ("as of", format!("{} by its own clock", format::local(facts.at))),
        ("system", facts.os.to_string()),
        ("kernel", text(&facts.kernel)),
        ("model", text(&facts.model)),
        ("processor", format!("{} ({} logical)", facts.cpu, facts.cpu_count)),
        ("memory", memory),
        ("swap", swap),
        ("addresses", addresses.join(", ")),
        ("signed in", facts.user.as_ref().map_or_else(|| "nobody".into(), ToString::to_string)),
        ("up for", format::span(std::time::Duration::from_secs(facts.uptime_s))),
        ("restart", restart.into()),
        ("agent", format!("{} ({})", facts.agent_version, facts.target)),
    ])?;
    if !facts.disks.is_empty() {
        screen.line("")?;
        let rows = facts.disks.iter().map(|disk| {
            Row::from(vec![
                disk.mount.to_string(),
                disk.file_system.to_string(),
                format::bytes(disk.total),
                format::bytes(disk.available),
                if disk.read_only { "read-only".into() } else { String::new() },
            ])
        });
        screen.table(&["DISK", "TYPE", ">SIZE", ">FREE", "NOTE"], rows)?;
    }
    Ok(())
}

/// Facts in JSON; the time as text like every other time.
pub fn facts_json(facts: &Facts) -> Value {
    let mut value = serde_json::to_value(facts).unwrap_or_default();
    value["at"] = format::utc(facts.at).into();
    value
}
