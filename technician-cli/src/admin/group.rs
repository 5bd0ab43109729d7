//! `distans admin group`: groups of PCs, which rules, technicians and tokens name.

use std::path::Path;

use clap::{Args, Subcommand};
use distans_proto::ids::GroupId;
use distans_trust::policy::Group;
use serde_json::json;

use super::folder::{Folder, policy};
use super::policy_file::amend;
use crate::exit::Exit;
use crate::failure::Stop;
use crate::verbs::App;

/// The verbs under `distans admin group`.
#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// A new group (signs a new policy)
    #[command(after_help = "Example:\n  distans admin group add skola --name Skolor --dir ORG")]
    Add(Add),
    /// Which groups there are
    #[command(after_help = "Example:\n  distans admin group list --dir ORG")]
    List,
}

/// Arguments of `distans admin group add`.
#[derive(Debug, Args)]
pub struct Add {
    /// Short id
    #[arg(value_name = "ID")]
    pub id: GroupId,
    /// Name as people say it; default the id
    #[arg(long)]
    pub name: Option<String>,
}

/// Does one of them.
///
/// # Errors
/// If the group exists, or a file or key cannot be used.
pub fn perform(app: &App, dir: &Path, command: GroupCommand) -> anyhow::Result<()> {
    let folder = Folder::open(app, dir)?;
    match command {
        GroupCommand::Add(add) => self::add(app, &folder, add),
        GroupCommand::List => list(app, &folder),
    }
}

fn add(app: &App, folder: &Folder, add: Add) -> anyhow::Result<()> {
    let id = add.id.clone();
    let version = amend(app, folder, |policy| {
        if policy.groups.iter().any(|group| group.id == add.id) {
            return Err(Stop::new(Exit::Usage, format!("group {} exists already", add.id)).into());
        }
        let name = add.name.as_deref().unwrap_or(add.id.as_str()).into();
        policy.groups.push(Group { id: add.id, name });
        Ok(())
    })?;
    if app.screen.json() {
        return Ok(app.screen.object(&json!({ "group": id, "policy_version": version }))?);
    }
    app.screen.line(format!("group {id} is in policy version {version}"))?;
    Ok(())
}

fn list(app: &App, folder: &Folder) -> anyhow::Result<()> {
    let trust = folder.trust()?;
    let groups = &policy(&trust)?.groups;
    if app.screen.json() {
        return Ok(app.screen.object(&json!({ "groups": groups }))?);
    }
    let rows = groups.iter().map(|group| vec![group.id.to_string(), group.name.to_string()]);
    Ok(app.screen.table(&["ID", "NAME"], rows)?)
}
