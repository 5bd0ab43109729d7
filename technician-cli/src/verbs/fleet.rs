//! `distans fleet`: the PCs on a full screen, live; what `distans` alone in a terminal opens.

use clap::Args;

use super::App;
use super::pcs::{self, Least, Pcs};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::fleet::filter::{Filter, Presence, Wanted};
use crate::fleet::shell;
use crate::say;

/// Arguments of `distans fleet`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  distans                                     the same, in a terminal\n  distans fleet --municipality Orsa --online\n  distans fleet --once --severity warning     the list once, as distans pcs prints it\n\nIn it ? shows the keys; everything in it is also a verb."
)]
pub struct Fleet {
    /// Print the list once and end, as `distans pcs`
    #[arg(long)]
    pub once: bool,
    /// What to begin with.
    #[command(flatten)]
    pub pcs: Pcs,
}

/// Shows the fleet until the technician leaves.
///
/// # Errors
/// If there is no login or no terminal; with `--once` as [`pcs::perform`].
pub async fn perform(app: &App, fleet: Fleet) -> anyhow::Result<()> {
    if fleet.once || app.screen.json() {
        return pcs::perform(app, fleet.pcs).await;
    }
    if !app.screen.may_ask() || !app.screen.is_terminal() {
        let text = say!(
            en: "the fleet view needs a terminal; distans fleet --once prints the list",
            sv: "flottvyn behöver en terminal; distans fleet --once skriver ut listan"
        );
        return Err(Stop::new(Exit::Usage, text).into());
    }
    // Without a login there is nothing to wait for: say so at once, and not on a full screen.
    app.home.account()?;
    shell::run(&app.home, filter(fleet.pcs), app.screen.has_colours()).await?;
    Ok(())
}

/// The conditions of `distans pcs` as the view's filter.
fn filter(pcs: Pcs) -> Filter {
    Filter {
        search: pcs.name.unwrap_or_default(),
        presence: match (pcs.online, pcs.offline) {
            (true, _) => Some(Presence::Online),
            (_, true) => Some(Presence::Offline),
            _ => None,
        },
        municipality: pcs.municipality,
        site: pcs.site,
        group: pcs.group.map(|group| group.to_string()),
        finding: pcs.finding.map(Wanted::Rule).or_else(|| pcs.severity.map(Least::into).map(Wanted::AtLeast)),
    }
}
