//! `distans man --out DIR`: manual pages, one for each verb.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::App;
use crate::help;
use crate::say;

/// Arguments of `distans man`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  distans man --out ~/.local/share/man/man1\n  distans man --lang sv --out /usr/local/share/man/sv/man1\n  man distans-run"
)]
pub struct Man {
    /// Folder to write them into; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Writes the pages.
///
/// # Errors
/// If the folder cannot be written.
pub fn perform(app: &App, man: &Man) -> anyhow::Result<()> {
    let cannot = || say!(en: "cannot write {}", sv: "kan inte skriva {}", man.out.display());
    std::fs::create_dir_all(&man.out).with_context(cannot)?;
    clap_mangen::generate_to(help::command(), &man.out).with_context(cannot)?;
    let page = man.out.join("distans.1");
    app.screen.hint(say!(en: "read them with: man {}", sv: "läs dem med: man {}", page.display()));
    Ok(())
}
