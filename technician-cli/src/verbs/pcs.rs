//! `distans pcs`: the fleet as a table.

use clap::{Args, ValueEnum};
use distans_proto::desk::{Device, DeviceFilter};
use distans_proto::facts::Severity;
use distans_proto::ids::GroupId;
use distans_proto::link::Noted;
use serde_json::{Value, json};

use super::App;
use crate::client::Desk;
use crate::format;
use crate::lang::{self, Lang};
use crate::say;
use crate::screen::{Row, Screen, Tone};

/// Arguments of `distans pcs`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  distans pcs --online\n  distans pcs --site Grövelsjön\n  distans pcs --municipality Orsa --severity warning\n  distans pcs --finding disk-nearly-full --online\n  distans pcs PC-IDRE --json | jq -r .name"
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
    /// Only at sites in this municipality
    #[arg(long)]
    pub municipality: Option<String>,
    /// Only PCs with this finding, as disk-nearly-full
    #[arg(long, value_name = "RULE")]
    pub finding: Option<String>,
    /// Only PCs with a finding at least so bad
    #[arg(long, value_enum)]
    pub severity: Option<Least>,
    /// Only PCs that are connected now
    #[arg(long, conflicts_with = "offline")]
    pub online: bool,
    /// Only PCs that are not connected now
    #[arg(long)]
    pub offline: bool,
}

/// How bad a finding must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Least {
    /// Any finding
    Info,
    /// Will become a problem, or is one
    Warning,
    /// Is a problem now
    Critical,
}

impl From<Least> for Severity {
    fn from(least: Least) -> Self {
        match least {
            Least::Info => Self::Info,
            Least::Warning => Self::Warning,
            Least::Critical => Self::Critical,
        }
    }
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
        municipality: pcs.municipality.map(Into::into),
        finding: pcs.finding.map(Into::into),
        severity: pcs.severity.map(Severity::from),
    };
    show(app, desk.devices(filter).await?)
}

/// Shows PCs by name: a table, or an object for each.
///
/// # Errors
/// If the screen cannot be written.
pub fn show(app: &App, mut devices: Vec<Device>) -> anyhow::Result<()> {
    devices.sort_by_cached_key(|device| (device.hostname.raw().to_lowercase(), device.id));
    if app.screen.json() {
        for device in &devices {
            app.screen.object(&as_json(device))?;
        }
        return Ok(());
    }
    if devices.is_empty() {
        app.screen.hint(say!(en: "no PC fits", sv: "ingen dator passar in"));
        return Ok(());
    }
    let now = format::now();
    let rows = devices.iter().map(|device| {
        let cells = vec![
            device.hostname.to_string(),
            presence(device).to_owned(),
            device.since.map(|since| format::span(now.since(since))).unwrap_or_default(),
            device.site.as_ref().map(ToString::to_string).unwrap_or_default(),
            device.municipality.as_ref().map(ToString::to_string).unwrap_or_default(),
            device.group.to_string(),
            note(device),
            device.id.to_string(),
        ];
        if device.online { Row::from(cells) } else { Row::toned(Tone::Quiet, cells) }
    });
    let head = if lang::current() == Lang::Swedish {
        ["DATOR", "LÄGE", ">I", "PLATS", "KOMMUN", "GRUPP", "ANMÄRKNING", "ID"]
    } else {
        ["PC", "STATE", ">FOR", "SITE", "MUNICIPALITY", "GROUP", "NOTE", "ID"]
    };
    app.screen.table(&head, rows)?;
    Ok(())
}

/// What is to be said about a PC in one cell: unconfirmed, and its findings, worst first.
fn note(device: &Device) -> String {
    let unconfirmed = (!device.confirmed).then(|| say!(en: "unconfirmed", sv: "obekräftad"));
    let findings = device.told.iter().flat_map(|told| &told.findings).map(noted);
    unconfirmed.into_iter().chain(findings).collect::<Vec<_>>().join(", ")
}

/// A finding by name, marked with how bad it is: `disk-nearly-full!`.
pub fn noted(noted: &Noted) -> String {
    let mark = match noted.severity {
        Severity::Info => "",
        Severity::Warning => "!",
        Severity::Critical => "!!",
    };
    format!("{}{mark}", noted.rule)
}

/// `online` or `offline`, coloured.
pub fn state(screen: Screen, device: &Device) -> String {
    screen.paint(if device.online { Tone::Good } else { Tone::Quiet }, presence(device))
}

fn presence(device: &Device) -> &'static str {
    let lang = lang::current();
    if device.online { lang.pick("online", "uppkopplad") } else { lang.pick("offline", "nedkopplad") }
}

/// A PC's fields in JSON, the same in `pcs` and `pc`.
pub fn as_json(device: &Device) -> Value {
    let told = device.told.as_ref();
    let findings = told.map(|told| {
        let findings = told.findings.iter();
        findings.map(|noted| json!({"rule": noted.rule, "severity": noted.severity})).collect::<Vec<_>>()
    });
    json!({
        "id": device.id,
        "name": device.hostname,
        "group": device.group,
        "site": device.site,
        "confirmed": device.confirmed,
        "online": device.online,
        "since": device.since.and_then(format::utc),
        "enrolled": format::utc(device.enrolled),
        "municipality": device.municipality,
        "agent_version": told.and_then(|told| told.agent_version.as_ref()),
        "user": told.and_then(|told| told.user.as_ref()),
        "findings": findings,
    })
}
