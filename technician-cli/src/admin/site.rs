//! `distans admin site import`: sites and roads from CSV to the broker.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;

use super::site_table;
use crate::client::Desk;
use crate::exit::Exit;
use crate::failure::Stop;
use crate::input;
use crate::verbs::App;

/// Largest table or factor set, in bytes.
const FILE_LIMIT: usize = 1024 * 1024;

/// The verbs under `distans admin site`.
#[derive(Debug, Subcommand)]
pub enum SiteCommand {
    /// Replace all sites and road legs by these tables, as a new revision
    #[command(
        after_help = "Entries that are booked already keep the distances they were booked with.\n\nExample:\n  distans admin site import sites.csv road_legs.csv --factors vehicles.toml"
    )]
    Import(Import),
}

/// Arguments of `distans admin site import`.
#[derive(Debug, Args)]
pub struct Import {
    /// Table with id, name, municipality, lat, lon, road_km_from_mora, drive_minutes, source
    #[arg(value_name = "SITES.CSV")]
    pub sites: PathBuf,
    /// Table with from, to, km, minutes, source
    #[arg(value_name = "LEGS.CSV")]
    pub legs: PathBuf,
    /// Factor set (vehicles, fuels, costs) for entries from now on
    #[arg(long, value_name = "TOML")]
    pub factors: Option<PathBuf>,
    /// Only read the files and say what is wrong with them
    #[arg(long)]
    pub check: bool,
}

/// Does it.
///
/// # Errors
/// What is wrong in the files, by line, or what the broker says.
pub async fn perform(app: &App, command: SiteCommand) -> anyhow::Result<()> {
    let SiteCommand::Import(files) = command;
    let sites = input::read_file(&files.sites, FILE_LIMIT)?;
    let legs = input::read_file(&files.legs, FILE_LIMIT)?;
    let factors = match &files.factors {
        Some(path) => Some((path.display().to_string(), input::read_file(path, FILE_LIMIT)?)),
        None => None,
    };
    let import = site_table::read(
        (&files.sites.display().to_string(), &sites),
        (&files.legs.display().to_string(), &legs),
        factors.as_ref().map(|(name, bytes)| (name.as_str(), bytes.as_slice())),
    )
    .map_err(|faults| Stop::new(Exit::Usage, faults.to_string()))?;
    let told = json!({
        "sites": import.sites.len(), "legs": import.legs.len(), "factor_set": import.factor_set.is_some(),
        "imported": !files.check,
    });
    let words = format!("{} sites and {} road legs", import.sites.len(), import.legs.len());
    if !files.check {
        let desk = Box::pin(Desk::connect(&app.home)).await?;
        desk.import_sites(import).await.context("the broker did not take the tables")?;
        desk.close().await;
    }
    if app.screen.json() {
        return Ok(app.screen.object(&told)?);
    }
    let done =
        if files.check { "are in order; nothing was sent" } else { "are at the broker, as a new revision" };
    Ok(app.screen.line(format!("{words} {done}"))?)
}
