//! `distans pc PC`: all that is known about one PC.

use clap::Args;
use distans_proto::desk::{Device, EditDevice};
use distans_proto::facts::Facts;
use serde_json::Value;

use super::App;
use super::pcs::{as_json, noted, state};
use crate::client::Desk;
use crate::format;
use crate::lang::{self, Lang};
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
            say!(
                en: "since {} ({})",
                sv: "sedan {} ({})",
                format::local(since),
                format::span(now.since(since))
            )
        }
        Some(since) => say!(
            en: "last seen {} ({})",
            sv: "senast sedd {} ({})",
            format::local(since),
            format::ago(since, now)
        ),
        None => String::new(),
    };
    let lang = lang::current();
    let identity = match identity {
        Ok(_) => {
            let text = say!(
                en: "enrolled with a token of your organisation, verified here",
                sv: "ansluten med en av din organisations koder, kontrollerat här"
            );
            app.screen.paint(Tone::Good, &text)
        }
        Err(error) => app.screen.paint(Tone::Bad, &error.say()),
    };
    let confirmed = if device.confirmed { "" } else { lang.pick(" (unconfirmed)", " (obekräftad)") };
    let not_placed = || say!(en: "not placed yet", sv: "inte placerad än");
    let site = device.site.as_ref().map_or_else(not_placed, ToString::to_string);
    app.screen.pairs(&[
        (lang.pick("PC", "dator"), format!("{}{confirmed}", device.hostname)),
        ("id", device.id.to_string()),
        (lang.pick("state", "läge"), format!("{} {since}", state(app.screen, &device))),
        (lang.pick("site", "plats"), site),
        (
            lang.pick("municipality", "kommun"),
            device.municipality.as_ref().map(ToString::to_string).unwrap_or_default(),
        ),
        (lang.pick("group", "grupp"), device.group.to_string()),
        (lang.pick("enrolled", "anslöts"), format::local(device.enrolled)),
        (lang.pick("identity", "identitet"), identity),
        (lang.pick("findings", "fynd"), findings(&device)),
    ])?;
    match &device.facts {
        Some(facts) => show_facts(app.screen, facts),
        None => {
            app.screen.hint(say!(
                en: "no inventory from this PC yet",
                sv: "datorn har inte berättat om sig själv än"
            ));
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
    let memory = say!(
        en: "{} free of {}",
        sv: "{} ledigt av {}",
        format::bytes(facts.memory_available),
        format::bytes(facts.memory_total)
    );
    let swap = match facts.swap_total {
        0 => String::new(),
        total => {
            let (used, total) = (format::bytes(facts.swap_used), format::bytes(total));
            say!(en: "{used} used of {total}", sv: "{used} använt av {total}")
        }
    };
    let lang = lang::current();
    let restart = match facts.restart_pending {
        Some(true) => lang.pick("pending", "behövs"),
        Some(false) => lang.pick("not pending", "behövs inte"),
        None => "",
    };
    let addresses: Vec<String> = facts.addresses.iter().map(ToString::to_string).collect();
    let as_of = format::local(facts.at);
    let as_of = say!(en: "{as_of} by its own clock", sv: "{as_of} enligt dess egen klocka");
    let processor = say!(en: "{} ({} logical)", sv: "{} ({} logiska)", facts.cpu, facts.cpu_count);
    let nobody = || say!(en: "nobody", sv: "ingen");
    let user = facts.user.as_ref().map_or_else(nobody, ToString::to_string);
    screen.line("")?;
    screen.pairs(&[
        (lang.pick("as of", "gällde"), as_of),
        ("system", facts.os.to_string()),
        (lang.pick("kernel", "kärna"), text(&facts.kernel)),
        (lang.pick("model", "modell"), text(&facts.model)),
        ("processor", processor),
        (lang.pick("memory", "minne"), memory),
        (lang.pick("swap", "växlingsutrymme"), swap),
        (lang.pick("addresses", "adresser"), addresses.join(", ")),
        (lang.pick("signed in", "inloggad"), user),
        (lang.pick("up for", "igång i"), format::span(std::time::Duration::from_secs(facts.uptime_s))),
        (lang.pick("restart", "omstart"), restart.into()),
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
                if disk.read_only { say!(en: "read-only", sv: "skrivskyddad") } else { String::new() },
            ])
        });
        let head = match lang {
            Lang::English => ["DISK", "TYPE", ">SIZE", ">FREE", "NOTE"],
            Lang::Swedish => ["DISK", "TYP", ">STORLEK", ">LEDIGT", "ANMÄRKNING"],
        };
        screen.table(&head, rows)?;
    }
    Ok(())
}

/// Facts in JSON; the time as text like every other time.
pub fn facts_json(facts: &Facts) -> Value {
    let mut value = serde_json::to_value(facts).unwrap_or_default();
    value["at"] = format::utc(facts.at).into();
    value
}
