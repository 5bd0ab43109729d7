//! `distans admin init`: founds an organisation.

use std::path::Path;

use anyhow::Context;
use clap::Args;
use distans_proto::ids::{GroupId, OrgId};
use distans_trust::documents;
use distans_trust::found::{self, FounderKeys, Founding};
use distans_trust::issue;
use distans_trust::key_file;
use distans_trust::keys::{Ed25519Key, P256Key, Signer, random};
use serde_json::json;

use super::folder::{Folder, Settings, host};
use super::keyring;
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::verbs::App;
use crate::verbs::login::broker_address;

/// Arguments of `distans admin init`.
#[derive(Debug, Args)]
pub struct Init {
    /// The organisation's short name, one label of a DNS name
    #[arg(long, value_name = "LABEL")]
    pub org: OrgId,
    /// Its name as people at the PCs know it
    #[arg(long)]
    pub name: String,
    /// Where the broker will be; a name, not an IP address
    #[arg(long, value_name = "HOST:PORT", value_parser = broker_address)]
    pub broker: String,
    /// Groups of PCs to begin with
    #[arg(long, value_name = "GROUP,…", value_delimiter = ',', default_value = "kontor")]
    pub groups: Vec<GroupId>,
    /// Do not encrypt the keys: for demonstrations only
    #[arg(long)]
    pub unencrypted_demo_keys: bool,
}

/// Makes keys, root and policy.
///
/// # Errors
/// If the folder is taken or a name cannot stand in certificates.
pub fn perform(app: &App, dir: &Path, init: &Init) -> anyhow::Result<()> {
    let usage = |text: String| Stop::new(Exit::Usage, text);
    issue::check_label(init.org.as_str()).map_err(|error| usage(format!("--org: {error}")))?;
    let broker_names = [host(&init.broker).to_owned()];
    let name = init.name.trim();
    if name.is_empty() || name.chars().count() > 100 {
        return Err(usage("--name must have 1 to 100 characters".into()).into());
    }
    let founding = Founding {
        org: &init.org,
        name,
        broker_names: &broker_names,
        groups: init.groups.iter().cloned().map(found::group).collect(),
        now: format::now(),
        serials: [*random()?, *random()?],
    };
    let keys = FounderKeys::generate()?;
    let root = found::first_root(&keys, &founding).context("the root cannot be made")?;
    let root_signers: Vec<&dyn Signer> = keys.root.iter().map(|key| key as &dyn Signer).collect();
    let root = documents::make(&root, &root_signers)?;
    let policy = documents::make(&found::first_policy(&founding), &[&keys.policy])?;

    let passphrase =
        if init.unencrypted_demo_keys { None } else { Some(keyring::new_passphrase(app.screen)?) };
    let folder = Folder::create(dir, Settings { org: init.org.clone(), broker: init.broker.clone() })?;
    write_keys(&folder, &keys, passphrase.as_deref().map(String::as_str))?;
    folder.keep("root", 1, &root)?;
    folder.keep("policy", 1, &policy)?;
    folder.finish()?;
    folder.warn_about_keys(app)?;
    let fingerprint = root.sha256();
    if app.screen.json() {
        let encrypted = !init.unencrypted_demo_keys;
        return Ok(app.screen.object(&json!({
            "org": init.org, "dir": dir, "root_sha256": fingerprint, "keys_encrypted": encrypted,
        }))?);
    }
    app.screen.line(format!("founded {} ({name}) in {}", init.org, dir.display()))?;
    app.screen.line(format!("root document 1, SHA-256 {fingerprint}"))?;
    app.screen.hint(
        "next: keep a copy of this folder in a safe place, and the keys/root-*.pem files apart from it.\n      \
         At the broker run distans-broker init, then here: distans admin broker certify broker-request.json",
    );
    Ok(())
}

fn write_keys(folder: &Folder, keys: &FounderKeys, passphrase: Option<&str>) -> anyhow::Result<()> {
    let ed25519 = |name: &str, key: &Ed25519Key| -> anyhow::Result<()> {
        folder.write_key(name, &key_file::write_ed25519(key, passphrase)?)
    };
    let p256 = |name: &str, key: &P256Key| -> anyhow::Result<()> {
        folder.write_key(name, &key_file::write_p256(key, passphrase)?)
    };
    for (index, key) in keys.root.iter().enumerate() {
        ed25519(&format!("root-{}", index + 1), key)?;
    }
    ed25519("policy", &keys.policy)?;
    ed25519("enrol", &keys.enrol)?;
    p256("technician-ca", &keys.technician_ca)?;
    p256("service-ca", &keys.service_ca)
}
