//! `distans software PC`: what is installed there.

use clap::Args;
use distans_proto::ops::look::{Look, Package, Seen};

use super::{App, SessionOptions, cell, conclude, diagnose, holds, optional};
use crate::format;
use crate::say;

const EXAMPLES: &str = "\
Examples:
  distans software PC-IDRE-003
  distans software PC-IDRE-003 --filter libreoffice
  distans software PC-IDRE-003 --json | jq -r '[.name, .version] | @tsv'";

/// Arguments of `distans software`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Software {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Only packages whose name or maker holds this
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Lists the packages.
///
/// # Errors
/// If the PC cannot be reached or says no, or the screen cannot be written.
pub async fn perform(app: &App, arguments: Software) -> anyhow::Result<i32> {
    let (_session, seen, result) =
        super::look(app, &arguments.pc, diagnose(), arguments.session, Look::Software).await?;
    let mut packages: Vec<Package> = seen
        .into_iter()
        .filter_map(|seen| if let Seen::Package(package) = seen { Some(package) } else { None })
        .collect();
    let all = packages.len();
    packages
        .retain(|package| holds(arguments.filter.as_deref(), &[Some(&package.name), package.maker.as_ref()]));
    if app.screen.json() {
        for package in &packages {
            app.screen.object(package)?;
        }
    } else if all > 0 {
        let rows = packages.iter().map(|package| {
            vec![
                cell(&package.name),
                cell(&package.version),
                optional(package.architecture.as_ref()),
                package.size.map(format::bytes).unwrap_or_default(),
                optional(package.installed.as_ref()),
                optional(package.maker.as_ref()),
            ]
        });
        let names = [
            say!(en: "PACKAGE", sv: "PAKET"),
            say!(en: "VERSION", sv: "VERSION"),
            say!(en: "FOR", sv: "FÖR"),
            say!(en: ">SIZE", sv: ">STORLEK"),
            say!(en: "INSTALLED", sv: "INSTALLERAT"),
            say!(en: "MAKER", sv: "TILLVERKARE"),
        ];
        app.screen.table(&names.each_ref().map(String::as_str), rows)?;
        let shown = packages.len();
        app.screen.hint(say!(en: "{shown} of {all} packages", sv: "{shown} av {all} paket"));
    }
    conclude(app, &result)
}
