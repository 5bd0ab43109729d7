//! `distans services PC`: services, and starting, stopping and restarting one.

use clap::{Args, ValueEnum};
use distans_proto::ops::look::{Look, Seen, Service, ServiceState, StartMode};
use distans_proto::ops::repair::{Change, Repair, ServiceChange};
use distans_proto::scope::{Scope, ScopeSet};
use distans_proto::text::clean_line;
use serde_json::json;

use super::{App, SessionOptions, cell, conclude, diagnose, holds, mend};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::say;
use crate::screen::{Row, Tone};
use crate::verbs::reach;

const EXAMPLES: &str = "\
Examples:
  distans services PC-IDRE-003
  distans services PC-IDRE-003 --failed
  distans services PC-IDRE-003 --filter print
  distans services PC-IDRE-003 restart cups
  distans services PC-IDRE-003 stop Spooler

start, stop and restart need the right repair and an agent that runs as root or LocalSystem.";

/// What to do with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Action {
    /// Start it
    Start,
    /// Stop it
    Stop,
    /// Stop it and start it again
    Restart,
}

/// Arguments of `distans services`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Services {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// What to do with one; without it they are listed
    #[arg(value_enum, value_name = "ACTION", requires = "name")]
    pub action: Option<Action>,
    /// The service's name, as the list tells it
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Only those that have failed
    #[arg(long, conflicts_with = "action")]
    pub failed: bool,
    /// Only those whose name or description holds this
    #[arg(long, value_name = "TEXT", conflicts_with = "action")]
    pub filter: Option<String>,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Lists the services, or changes one.
///
/// # Errors
/// If the PC cannot be reached or says no, or the screen cannot be written.
pub async fn perform(app: &App, arguments: Services) -> anyhow::Result<i32> {
    if let (Some(action), Some(name)) = (arguments.action, &arguments.name) {
        let name = name.clone();
        return change(app, &arguments.pc, action, name, arguments.session).await;
    }
    let (_session, seen, result) =
        super::look(app, &arguments.pc, diagnose(), arguments.session, Look::Services).await?;
    let mut services: Vec<Service> = seen
        .into_iter()
        .filter_map(|seen| if let Seen::Service(service) = seen { Some(service) } else { None })
        .collect();
    let all = services.len();
    services.retain(|service| {
        (!arguments.failed || service.state == ServiceState::Failed)
            && holds(arguments.filter.as_deref(), &[Some(&service.name), Some(&service.description)])
    });
    if app.screen.json() {
        for service in &services {
            app.screen.object(service)?;
        }
    } else if all > 0 {
        show(app, &services, all)?;
    }
    conclude(app, &result)
}

async fn change(
    app: &App,
    pc: &str,
    action: Action,
    name: String,
    options: SessionOptions,
) -> anyhow::Result<i32> {
    if name.is_empty() || name.chars().count() > 256 {
        let text = say!(en: "give the service's name, as the list tells it", sv: "ange tjänstens namn, som i listan");
        return Err(Stop::new(Exit::Usage, text).into());
    }
    let desk = reach::connect(app).await?;
    let scopes = ScopeSet::EMPTY.with(Scope::Repair);
    let session = reach::session(app, &desk, pc, scopes, options).await?;
    let shown = clean_line(&name, 80);
    app.screen.hint(match action {
        Action::Start => say!(en: "starting {shown} …", sv: "startar {shown} …"),
        Action::Stop => say!(en: "stopping {shown} …", sv: "stoppar {shown} …"),
        Action::Restart => say!(en: "restarting {shown} …", sv: "startar om {shown} …"),
    });
    let change = match action {
        Action::Start => Change::Start,
        Action::Stop => Change::Stop,
        Action::Restart => Change::Restart,
    };
    let repair = Repair::Service(ServiceChange { name: name.as_str().into(), change });
    let result = mend(&session, repair).await?;
    let code = conclude(app, &result)?;
    if app.screen.json() {
        app.screen.object(&json!({ "service": name, "done": true, "text": result.text }))?;
    }
    Ok(code)
}

fn show(app: &App, services: &[Service], all: usize) -> anyhow::Result<()> {
    let rows = services.iter().map(|service| {
        let start = match service.start {
            StartMode::Automatic => say!(en: "automatic", sv: "automatisk"),
            StartMode::Manual => say!(en: "manual", sv: "manuell"),
            StartMode::Disabled => say!(en: "disabled", sv: "avstängd"),
            StartMode::Unknown => String::new(),
        };
        let cells = vec![
            cell(&service.name),
            state(service.state),
            cell(&service.detail),
            start,
            service.pid.map(|pid| pid.to_string()).unwrap_or_default(),
            cell(&service.description),
        ];
        match service.state {
            ServiceState::Failed => Row::toned(Tone::Bad, cells),
            ServiceState::Starting | ServiceState::Stopping => Row::toned(Tone::Careful, cells),
            ServiceState::Stopped => Row::toned(Tone::Quiet, cells),
            ServiceState::Running | ServiceState::Other => Row::from(cells),
        }
    });
    let names = [
        say!(en: "SERVICE", sv: "TJÄNST"),
        say!(en: "STATE", sv: "LÄGE"),
        say!(en: "DETAIL", sv: "DETALJ"),
        say!(en: "START", sv: "START"),
        ">PID".to_owned(),
        say!(en: "WHAT IT IS", sv: "VAD DET ÄR"),
    ];
    app.screen.table(&names.each_ref().map(String::as_str), rows)?;
    let shown = services.len();
    app.screen.hint(say!(en: "{shown} of {all} services", sv: "{shown} av {all} tjänster"));
    Ok(())
}

fn state(state: ServiceState) -> String {
    match state {
        ServiceState::Running => say!(en: "running", sv: "kör"),
        ServiceState::Stopped => say!(en: "stopped", sv: "stoppad"),
        ServiceState::Failed => say!(en: "FAILED", sv: "MISSLYCKAD"),
        ServiceState::Starting => say!(en: "starting", sv: "startar"),
        ServiceState::Stopping => say!(en: "stopping", sv: "stoppar"),
        ServiceState::Other => say!(en: "other", sv: "annat"),
    }
}
