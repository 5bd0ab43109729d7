//! `distans doctor PC`: what is wrong with a PC, what it means and what to do.
//!
//! | module | what |
//! |---|---|
//! | `show` | probes as they end, findings, JSON |
//! | `facts` | what a probe found, in one line |
//! | `words` | what findings mean, in two languages |
//! | `evidence` | what was seen, likewise |
//! | `layout` | long lines on a terminal |
//! | `remedy` | from a remedy to the command that does it |
//! | `fix` | `--fix`: offer, do, look again |

mod evidence;
mod facts;
mod fix;
mod layout;
pub(crate) mod remedy;
mod show;
pub(crate) mod words;

use clap::Args;
use distans_proto::scope::{Scope, ScopeSet};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::App;
use super::reach::{self, SessionOptions};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::say;
use crate::verbs::interrupt;

/// Arguments of `distans doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  distans doctor PC-IDRE-003 --purpose \"slow since Monday\" --ticket IT-4711
  distans doctor PC-IDRE-003 --only disks,names         just these probes
  distans doctor PC-IDRE-003 --fix                      offer what can be fixed, one by one
  distans doctor PC-IDRE-003 --fix --yes                do all that can be fixed
  distans doctor PC-IDRE-003 --json | jq 'select(.event == \"done\").findings'

Probes run side by side on the PC and are shown as they end. A site's own targets and limits
stand in the signed policy: \"doctor\": [{\"group\": \"kontor\", \"targets\": [\"intranet.example.se:443\",
\"ping:10.1.0.1\"], \"limits\": {\"disk_free_percent\": 15}}].")]
pub struct Doctor {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Only these probes, for instance disks,names,printers
    #[arg(long, value_name = "PROBES", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Offer the safe fixes one by one; needs the scope repair
    #[arg(long)]
    pub fix: bool,
    /// With --fix: do them all without asking
    #[arg(long, requires = "fix")]
    pub yes: bool,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Examines the PC, shows probes as they end and then the findings, worst first; fixes what may be.
/// Gives the exit code.
///
/// # Errors
/// If the PC cannot be reached or says no, or the screen cannot be written.
pub async fn perform(app: &App, doctor: Doctor) -> anyhow::Result<i32> {
    if doctor.fix && !doctor.yes && !app.screen.may_ask() {
        let text = say!(en: "--fix asks before each fix, and nobody can be asked here; add --yes to do them all",
            sv: "--fix frågar före varje åtgärd, och här kan ingen svara; lägg till --yes för att göra alla");
        return Err(Stop::new(Exit::Usage, text).into());
    }
    let desk = reach::connect(app).await?;
    let mut scopes = ScopeSet::EMPTY.with(Scope::Diagnose);
    if doctor.fix {
        scopes = scopes.with(Scope::Repair);
    }
    let session = reach::session(app, &desk, &doctor.pc, scopes, doctor.session).await?;
    let cancel = CancellationToken::new();
    let watcher = tokio::spawn(interrupt::cancels(cancel.clone()));
    let mut progress = show::Progress::new(app.screen);
    let diagnosed = session.diagnose_with(&doctor.only, cancel.clone(), |news| progress.take(&news)).await;
    progress.finish()?;
    if let Some(error) = progress.error {
        return Err(error.into());
    }
    let diagnosis = diagnosed?;
    if let Some(unknown) =
        doctor.only.iter().find(|name| diagnosis.plan.iter().all(|known| known.raw() != **name))
    {
        let text = say!(en: "this PC has no probe {unknown}; without --only all are listed",
            sv: "datorn har ingen sond {unknown}; utan --only visas alla");
        app.screen.warn(text);
    }
    let pc = session.target().hostname.raw();
    let findings = diagnosis.findings();
    if app.screen.json() {
        app.screen.object(&json!({
            "event": "done",
            "pc": session.target().id,
            "name": session.target().hostname,
            "session": session.id(),
            "findings": findings.iter().map(|finding| show::finding_json(finding, pc)).collect::<Vec<_>>(),
        }))?;
    } else {
        show::findings(app.screen, pc, &findings)?;
    }
    if diagnosis.ignored > 0 {
        let count = diagnosis.ignored;
        app.screen.warn(say!(en: "{count} messages of the PC made no sense and were passed over",
            sv: "{count} meddelanden från datorn gick inte ihop och hoppades över"));
    }
    let mut well = true;
    if doctor.fix {
        well = fix::perform(app, &session, &diagnosis, &cancel, doctor.yes).await?;
    }
    watcher.abort();
    Ok(if well { 0 } else { Exit::Failed.code().into() })
}
