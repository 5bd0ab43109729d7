//! `distans admin token`: what brings new PCs in.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use distans_proto::ids::{GroupId, TokenId};
use distans_proto::time::Timestamp;
use distans_trust::device::verify_token_cert;
use distans_trust::documents::{self, Head, Verified};
use distans_trust::enrolment::TokenCert;
use distans_trust::keys::{Ed25519Key, Signer, random};
use distans_trust::token::EnrolToken;
use serde_json::json;

use super::folder::{Folder, policy};
use super::keyring::Keyring;
use super::policy_file::check_group;
use crate::format;
use crate::verbs::App;

/// The verbs under `distans admin token`.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// A new token; it is printed once and kept nowhere
    #[command(
        after_help = "Example:\n  distans admin token create --group kontor --uses 20 --days 7 --dir ORG"
    )]
    Create(Create),
    /// Which tokens were made
    #[command(after_help = "Example:\n  distans admin token list --dir ORG")]
    List,
}

/// Arguments of `distans admin token create`.
#[derive(Debug, Args)]
pub struct Create {
    /// The group its PCs join
    #[arg(long)]
    pub group: GroupId,
    /// For how many PCs
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub uses: u32,
    /// For how many days
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=30))]
    pub days: u32,
}

/// Does one of them.
///
/// # Errors
/// If the group is unknown, or a file or key cannot be used.
pub fn perform(app: &App, dir: &Path, command: TokenCommand) -> anyhow::Result<()> {
    let folder = Folder::open(app, dir)?;
    match command {
        TokenCommand::Create(create) => self::create(app, &folder, &create),
        TokenCommand::List => list(app, &folder),
    }
}

fn create(app: &App, folder: &Folder, create: &Create) -> anyhow::Result<()> {
    let (token, cert) = make(app, folder, create)?;
    if app.screen.json() {
        return Ok(app.screen.object(&json!({
            "token": token.to_string(), "id": token.id, "group": cert.group, "uses": cert.max_uses,
            "expires": format::utc(cert.not_after),
        }))?);
    }
    app.screen.line(token.to_string())?;
    app.screen.hint(format!(
        "token {}: {} PCs for group {}, until {}. It is a secret and is shown only now.\n\
         next: distans admin policy publish, so that the broker knows it; then at each PC: distans-agent enrol TOKEN",
        token.id,
        cert.max_uses,
        cert.group,
        format::local(cert.not_after)
    ));
    Ok(())
}

/// Makes a token; its certificate is in the folder when this returns, its seed nowhere.
pub(super) fn make(app: &App, folder: &Folder, create: &Create) -> anyhow::Result<(EnrolToken, TokenCert)> {
    let trust = folder.trust()?;
    check_group(policy(&trust)?, &create.group)?;
    let now = Timestamp::from_secs(format::now().as_secs());
    let not_after = now.plus(Duration::from_secs(u64::from(create.days) * 86_400));
    let (id, seed) = (TokenId::from_bytes(*random()?), random::<32>()?);
    let cert = TokenCert {
        head: Head {
            org: trust.org().clone(),
            version: 1,
            issued: now,
            expires: not_after,
            crit: Vec::new(),
        },
        token_id: id,
        token_key: Ed25519Key::from_seed(&seed)?.public().clone(),
        group: create.group.clone(),
        max_uses: create.uses,
        not_after,
    };
    let enrol = Keyring::new(folder, app.screen).ed25519("enrol")?;
    let envelope = documents::make(&cert, &[&enrol])?;
    verify_token_cert(trust.root(), &envelope).context("the root does not let keys/enrol.pem make tokens")?;
    let token =
        EnrolToken::new(trust.org().clone(), &folder.settings().broker, trust.root_sha256(), id, seed)?;
    folder.keep_token(id, &envelope)?;
    Ok((token, cert))
}

fn list(app: &App, folder: &Folder) -> anyhow::Result<()> {
    let trust = folder.trust()?;
    let revoked = trust.policy().map(|policy| policy.revoked.tokens.clone()).unwrap_or_default();
    let now = format::now();
    let tokens = folder.tokens(&trust)?;
    let state = |token: &TokenCert| {
        if revoked.contains(&token.token_id) {
            "revoked"
        } else if token.not_after < now {
            "expired"
        } else {
            "valid"
        }
    };
    if app.screen.json() {
        let list: Vec<_> = tokens
            .iter()
            .map(Verified::document)
            .map(|token| {
                json!({
                    "id": token.token_id, "group": token.group, "max_uses": token.max_uses,
                    "issued": format::utc(token.head.issued), "expires": format::utc(token.not_after),
                    "state": state(token),
                })
            })
            .collect();
        return Ok(app.screen.object(&json!({ "tokens": list }))?);
    }
    if tokens.is_empty() {
        app.screen.hint("none yet; make one with distans admin token create");
        return Ok(());
    }
    let rows = tokens.iter().map(Verified::document).map(|token| {
        vec![
            token.token_id.to_string(),
            token.group.to_string(),
            token.max_uses.to_string(),
            format::local(token.not_after),
            state(token).to_owned(),
        ]
    });
    app.screen.table(&["ID", "GROUP", ">PCS", "EXPIRES", "STATE"], rows)?;
    app.screen.hint("how many PCs have used one is known at the broker");
    Ok(())
}
