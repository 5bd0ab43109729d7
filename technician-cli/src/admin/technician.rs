//! `distans admin technician`: the roster, and certificates for the day.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use distans_proto::ids::{GroupId, TechnicianId};
use distans_proto::scope::{Scope, ScopeSet};
use distans_trust::bundle::Bundle;
use distans_trust::issue;
use distans_trust::json;
use distans_trust::keys::random;
use distans_trust::policy::{Policy, Technician};
use serde_json::json;

use super::folder::{Folder, policy};
use super::keyring::Keyring;
use super::policy_file::{amend, check_group, hand_over};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::home::login::{LoginRequest, REQUEST_FORMAT};
use crate::input;
use crate::verbs::App;

/// Largest request, in bytes.
const REQUEST_LIMIT: usize = 64 * 1024;

/// The verbs under `distans admin technician`.
#[derive(Debug, Subcommand)]
pub enum TechnicianCommand {
    /// Take somebody into the roster (signs a new policy)
    #[command(
        after_help = "Example:\n  distans admin technician add anna --name \"Anna Berg\" --scopes diagnose,command --groups kontor"
    )]
    Add(Add),
    /// Take somebody out of it (signs a new policy); counts wherever the policy arrives
    #[command(after_help = "Example:\n  distans admin technician remove anna --dir ORG")]
    Remove(Remove),
    /// Who is in it
    #[command(after_help = "Example:\n  distans admin technician list --dir ORG")]
    List,
    /// Turn a request of `distans login` into a certificate of at most 12 hours
    #[command(
        after_help = "Example:\n  distans admin technician certify request.json --out anna.json --dir ORG"
    )]
    Certify(Certify),
}

/// Arguments of `distans admin technician add`.
#[derive(Debug, Args)]
pub struct Add {
    /// Short id, as in certificates
    #[arg(value_name = "ID")]
    pub id: TechnicianId,
    /// Name as the person at the PC sees it
    #[arg(long)]
    pub name: String,
    /// What may be asked for: diagnose, command, command:system, shell, shell:system, files,
    /// forward, message, repair, power, wake, recordings, records
    #[arg(long, value_name = "SCOPE,…", value_delimiter = ',', required = true)]
    pub scopes: Vec<Scope>,
    /// On PCs of which groups
    #[arg(long, value_name = "GROUP,…", value_delimiter = ',')]
    pub groups: Vec<GroupId>,
}

/// Arguments of `distans admin technician remove`.
#[derive(Debug, Args)]
pub struct Remove {
    /// Who
    #[arg(value_name = "ID")]
    pub id: TechnicianId,
}

/// Arguments of `distans admin technician certify`.
#[derive(Debug, Args)]
pub struct Certify {
    /// What `distans login --request-out` wrote
    #[arg(value_name = "FILE")]
    pub request: PathBuf,
    /// For how many hours; default as long as the policy allows
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=12))]
    pub hours: Option<u32>,
    /// Write the answer here instead of printing it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Does one of them.
///
/// # Errors
/// What does not fit, or a file or key that cannot be used.
pub fn perform(app: &App, dir: &Path, command: TechnicianCommand) -> anyhow::Result<()> {
    let folder = Folder::open(app, dir)?;
    match command {
        TechnicianCommand::Add(add) => self::add(app, &folder, add),
        TechnicianCommand::Remove(remove) => self::remove(app, &folder, &remove.id),
        TechnicianCommand::List => list(app, &folder),
        TechnicianCommand::Certify(certify) => self::certify(app, &folder, &certify),
    }
}

fn add(app: &App, folder: &Folder, add: Add) -> anyhow::Result<()> {
    issue::check_label(add.id.as_str()).map_err(|error| Stop::new(Exit::Usage, error.to_string()))?;
    let name = add.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 100 {
        return Err(Stop::new(Exit::Usage, "--name must have 1 to 100 characters").into());
    }
    let scopes: ScopeSet = add.scopes.iter().copied().collect();
    let only_records = scopes == ScopeSet::EMPTY.with(Scope::Records);
    if add.groups.is_empty() && !only_records {
        return Err(Stop::new(Exit::Usage, "say on PCs of which groups: --groups kontor,…").into());
    }
    let id = add.id.clone();
    let version = amend(app, folder, |policy| {
        if policy.technician(&add.id).is_some() {
            let text = format!(
                "technician {} is in the roster already; to change an entry edit the policy: distans admin policy show > FILE, then policy sign FILE",
                add.id
            );
            return Err(Stop::new(Exit::Usage, text).into());
        }
        for group in &add.groups {
            check_group(policy, group)?;
        }
        policy.technicians.push(Technician {
            id: add.id,
            name: name.as_str().into(),
            scopes,
            groups: add.groups,
            long_term_keys: Vec::new(),
            hours: None,
        });
        Ok(())
    })?;
    if app.screen.json() {
        return Ok(app.screen.object(&json!({ "technician": id, "policy_version": version }))?);
    }
    app.screen.line(format!("{id} is in the roster of policy version {version}"))?;
    app.screen.hint("next: distans admin policy publish, so that broker and PCs know it");
    Ok(())
}

fn remove(app: &App, folder: &Folder, id: &TechnicianId) -> anyhow::Result<()> {
    let version = amend(app, folder, |policy: &mut Policy| {
        let before = policy.technicians.len();
        policy.technicians.retain(|technician| &technician.id != id);
        if policy.technicians.len() == before {
            return Err(Stop::new(Exit::NotFound, format!("technician {id} is not in the roster")).into());
        }
        for rule in &mut policy.unattended {
            let named = !rule.technicians.is_empty();
            rule.technicians.retain(|technician| technician != id);
            // An empty list would mean everybody: a rule for nobody has no scopes.
            if named && rule.technicians.is_empty() {
                rule.scopes = ScopeSet::EMPTY;
            }
        }
        policy.unattended.retain(|rule| !rule.scopes.is_empty());
        Ok(())
    })?;
    if app.screen.json() {
        return Ok(app.screen.object(&json!({ "technician": id, "policy_version": version }))?);
    }
    app.screen.line(format!("{id} is out of the roster from policy version {version} on"))?;
    app.screen.hint("next: distans admin policy publish NOW: until it arrives the last certificate still works, 12 hours at most");
    Ok(())
}

fn list(app: &App, folder: &Folder) -> anyhow::Result<()> {
    let trust = folder.trust()?;
    let policy = policy(&trust)?;
    if app.screen.json() {
        return Ok(app.screen.object(&json!({
            "policy_version": policy.head.version, "technicians": policy.technicians,
        }))?);
    }
    if policy.technicians.is_empty() {
        app.screen.hint("nobody yet; add the first with distans admin technician add");
        return Ok(());
    }
    let rows = policy.technicians.iter().map(|technician| {
        let groups: Vec<&str> = technician.groups.iter().map(GroupId::as_str).collect();
        let hours = if technician.hours.is_some() { "limited" } else { "always" };
        vec![
            technician.id.to_string(),
            technician.name.to_string(),
            technician.scopes.to_string(),
            groups.join(", "),
            hours.to_owned(),
        ]
    });
    Ok(app.screen.table(&["ID", "NAME", "SCOPES", "GROUPS", "HOURS"], rows)?)
}

fn certify(app: &App, folder: &Folder, certify: &Certify) -> anyhow::Result<()> {
    let bytes = input::read_file(&certify.request, REQUEST_LIMIT)?;
    let unfit = |cause: &dyn std::fmt::Display| {
        Stop::new(Exit::Usage, format!("{} is no login request: {cause}", certify.request.display()))
    };
    // The file comes from somebody else: read strictly, and told about without its own signs.
    let request: LoginRequest = json::from_slice(&bytes, REQUEST_LIMIT).map_err(|error| unfit(&error))?;
    if request.format != REQUEST_FORMAT {
        return Err(unfit(&format!("its format is not {REQUEST_FORMAT}")).into());
    }
    let key = issue::read_request(&request.csr).map_err(|error| unfit(&error))?;
    let trust = folder.trust()?;
    let policy = policy(&trust)?;
    let id = &request.technician;
    let Some(technician) = policy.technician(id) else {
        let text = format!(
            "technician {id} is not in the roster; add them first: distans admin technician add {id} …"
        );
        return Err(Stop::new(Exit::Denied, text).into());
    };
    let longest = policy.max_cert_span();
    let life = certify.hours.map_or(longest, |hours| Duration::from_secs(u64::from(hours) * 3600));
    if life > longest {
        let text = format!("the policy allows certificates of at most {} h", longest.as_secs() / 3600);
        return Err(Stop::new(Exit::Usage, text).into());
    }
    let ca = Keyring::new(folder, app.screen).ca("technician-ca", &trust.root().technician_ca)?;
    let now = format::now();
    let leaf = ca
        .issue_technician(trust.org(), id, &key, life, now, *random()?)
        .context("no certificate was made")?;
    let bundle = Bundle {
        roots: trust.roots().cloned().collect(),
        policy: trust.verified_policy().map(|policy| policy.envelope().clone()),
        broker: Some(folder.settings().broker.clone()),
        technician_certificate: Some(issue::to_pem(&leaf)),
        ..Bundle::default()
    };
    let ends = now.plus(life);
    app.screen.hint(format!(
        "certified {id} ({}) until {}, key {}\nbe sure that this request came from {}: a certificate acts in that name",
        technician.name,
        format::local(ends),
        key.id(),
        technician.name
    ));
    hand_over(
        app,
        &bundle,
        certify.out.as_deref(),
        &json!({
            "technician": id, "key": key.id(), "certificate_ends": format::utc(ends),
        }),
    )
}
