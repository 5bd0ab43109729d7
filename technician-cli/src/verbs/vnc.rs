//! `distans vnc PC`: the PC's desktop over VNC, in the viewer that is here.

use clap::Args;

use super::App;
use super::desktop::{self, Options};
use crate::tunnel::desktop::Desktop;

/// Arguments of `distans vnc`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  distans vnc PC-IDRE-003 --purpose \"shows the new case system\"
  distans vnc PC-IDRE-003 --port 5901 --client vncviewer

Starts vncviewer, Remmina or the Mac's Screen Sharing, whichever is here, and ends when it ends.
The policy must list \"localhost:5900\" for the PC under \"forward\".")]
pub struct Vnc {
    /// What to show, and how.
    #[command(flatten)]
    pub options: Options,
}

/// Shows it; gives the exit code to end with.
///
/// # Errors
/// As [`desktop::perform`].
pub async fn perform(app: &App, vnc: Vnc) -> anyhow::Result<i32> {
    desktop::perform(app, Desktop::Vnc, vnc.options).await
}
