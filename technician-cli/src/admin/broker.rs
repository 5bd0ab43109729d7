//! `distans admin broker certify`: the broker's certificate, and its device CA into the root.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use distans_trust::broker_request::{BrokerRequest, REQUEST_LIMIT};
use distans_trust::bundle::Bundle;
use distans_trust::certs::{self, CheckTime};
use distans_trust::documents::Verified;
use distans_trust::found::{ROOT_LIFE, next_head};
use distans_trust::issue::{self, LEAF_LIFE};
use distans_trust::keys::random;
use distans_trust::root::{CA_LIMIT, Ca};
use distans_trust::store::Trust;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;

use super::folder::Folder;
use super::keyring::Keyring;
use super::policy_file::hand_over;
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::input;
use crate::verbs::App;

/// The verbs under `distans admin broker`.
#[derive(Debug, Subcommand)]
pub enum BrokerCommand {
    /// Turn a request of `distans-broker init` (or its renewal) into a certificate of 90 days
    #[command(
        after_help = "Example:\n  distans admin broker certify broker-request.json --out broker.json --dir ORG"
    )]
    Certify(Certify),
}

/// Arguments of `distans admin broker certify`.
#[derive(Debug, Args)]
pub struct Certify {
    /// The broker's broker-request.json
    #[arg(value_name = "FILE")]
    pub request: PathBuf,
    /// Write the answer here instead of printing it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Does it.
///
/// # Errors
/// What does not fit, or a file or key that cannot be used.
pub fn perform(app: &App, dir: &Path, command: BrokerCommand) -> anyhow::Result<()> {
    let BrokerCommand::Certify(certify) = command;
    let folder = Folder::open(app, dir)?;
    let unfit = |cause: &dyn std::fmt::Display| {
        Stop::new(Exit::Usage, format!("{} is no broker's request: {cause}", certify.request.display()))
    };
    let bytes = input::read_file(&certify.request, REQUEST_LIMIT)?;
    let request = BrokerRequest::parse(&bytes).map_err(|error| unfit(&error))?;
    if request.organisation != folder.settings().org {
        let cause = format!(
            "it is for organisation {}, this folder is {}'s",
            request.organisation,
            folder.settings().org
        );
        return Err(unfit(&cause).into());
    }
    let host = folder.settings().broker_host();
    if request.name != host {
        let cause = format!("it is for the name {:?}, organisation.toml says {host:?}", request.name);
        return Err(unfit(&cause).into());
    }
    let key = issue::read_request(&request.csr).map_err(|error| unfit(&error))?;
    certs::anchor(&request.device_ca).map_err(|error| unfit(&format!("its device CA: {error}")))?;

    let mut keyring = Keyring::new(&folder, app.screen);
    let trust = list_device_ca(&folder, &mut keyring, folder.trust()?, request.device_ca)?;
    let now = format::now();
    let ca = keyring.ca("service-ca", &trust.root().service_ca)?;
    let leaf = ca.issue_broker(host, &key, now, *random()?).context("no certificate was made")?;
    check_leaf(&leaf, &trust, host)?;
    let pem = issue::to_pem(&leaf);
    folder.keep_broker_certificate(&pem)?;
    let tokens = folder.tokens(&trust)?;
    let bundle = Bundle {
        roots: trust.roots().cloned().collect(),
        policy: trust.verified_policy().map(|policy| policy.envelope().clone()),
        tokens: tokens.iter().map(Verified::envelope).cloned().collect(),
        broker: Some(folder.settings().broker.clone()),
        broker_certificate: Some(pem),
        ..Bundle::default()
    };
    let ends = now.plus(LEAF_LIFE);
    app.screen.hint(format!(
        "certified the broker {host} until {}; root version {}\nnext, at the broker: distans-broker import with this file",
        format::local(ends),
        trust.root().head.version
    ));
    hand_over(
        app,
        &bundle,
        certify.out.as_deref(),
        &json!({
            "name": host, "certificate_ends": format::utc(ends), "root_version": trust.root().head.version,
        }),
    )
}

/// A root that lists the broker's device CA: the one held, or its successor.
fn list_device_ca(
    folder: &Folder,
    keyring: &mut Keyring<'_>,
    trust: Trust,
    device_ca: Vec<u8>,
) -> anyhow::Result<Trust> {
    let held = trust.root();
    if held.device_ca.iter().any(|ca| ca.0 == device_ca) {
        return Ok(trust);
    }
    let mut next = held.clone();
    next.head = next_head(&held.head, format::now(), ROOT_LIFE);
    if next.device_ca.len() == CA_LIMIT {
        next.device_ca.remove(0); // the oldest: its devices renewed long ago
    }
    next.device_ca.push(Ca(device_ca));
    let envelope = keyring.sign_root(&next, &trust)?;
    let staged = trust.stage(std::slice::from_ref(&envelope), None).context("the new root does not hold")?;
    let staged = staged.context("the new root changes nothing")?;
    folder.keep("root", next.head.version, &envelope)?;
    Ok(staged.commit())
}

/// As every agent will check it: the service CA may not cover this name.
fn check_leaf(leaf: &[u8], trust: &Trust, host: &str) -> anyhow::Result<()> {
    let anchors =
        trust.root().service_ca.iter().filter_map(|ca| certs::anchor(&ca.0).ok()).collect::<Vec<_>>();
    let name = ServerName::try_from(host.to_owned()).context("the broker's name is no DNS name")?;
    certs::verify_broker(&CertificateDer::from(leaf), &anchors, &name, CheckTime::exact(format::now()))
        .with_context(|| format!("the organisation's service CA does not cover {host}"))?;
    Ok(())
}
