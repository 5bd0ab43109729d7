//! `distans rdp PC`: the PC's desktop over RDP, in the client that is here.

use clap::Args;

use super::App;
use super::desktop::{self, Options};
use crate::tunnel::desktop::Desktop;

/// Arguments of `distans rdp`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  distans rdp PC-IDRE-003 --purpose \"shows the new case system\"
  distans rdp PC-IDRE-003 --user 'MORA\\anna'
  distans rdp PC-IDRE-003 --client xfreerdp3

Starts mstsc, FreeRDP or Remmina, whichever is here, and ends when it ends. The policy must list
\"localhost:3389\" for the PC under \"forward\".")]
pub struct Rdp {
    /// What to show, and how.
    #[command(flatten)]
    pub options: Options,
}

/// Shows it; gives the exit code to end with.
///
/// # Errors
/// As [`desktop::perform`].
pub async fn perform(app: &App, rdp: Rdp) -> anyhow::Result<i32> {
    desktop::perform(app, Desktop::Rdp, rdp.options).await
}
