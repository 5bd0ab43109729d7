//! `distans admin policy`: show it, sign an edited one, hand it to the broker.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use distans_proto::desk::{Publish, TOKENS_LIMIT};
use distans_proto::link::{DocumentVersions, Documents};
use distans_trust::bundle::Bundle;
use distans_trust::documents::{Document, Verified};
use distans_trust::envelope::Envelope;
use distans_trust::policy::Policy;
use distans_trust::policy::recording::When;
use distans_trust::store::Trust;
use serde_json::json;

use super::folder::{Folder, policy};
use super::policy_file::{self, amend, hand_over};
use crate::client::Desk;
use crate::format;
use crate::input;
use crate::verbs::App;

/// The verbs under `distans admin policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// The policy in force, as JSON that can be edited and signed again
    #[command(after_help = "Example:\n  distans admin policy show --dir ORG > policy.json")]
    Show,
    /// Sign the policy again for 30 days, or an edited one as the next version
    #[command(
        after_help = "Example:\n  distans admin policy show > policy.json\n  (edit policy.json)\n  distans admin policy sign policy.json"
    )]
    Sign(Sign),
    /// Hand roots, policy and tokens to the broker, as the technician who is logged in (scope
    /// records), or write them to a file
    #[command(
        after_help = "Examples:\n  distans admin policy publish --dir ORG\n  distans admin policy publish --out bundle.json --dir ORG"
    )]
    Publish(PublishTo),
}

/// Arguments of `distans admin policy sign`.
#[derive(Debug, Args)]
pub struct Sign {
    /// An edited policy; its version and times are set when it is signed
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Arguments of `distans admin policy publish`.
#[derive(Debug, Args)]
pub struct PublishTo {
    /// Write a bundle for `distans-broker import` instead of going online
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Does one of them.
///
/// # Errors
/// What does not fit, a file or key that cannot be used, or what the broker says.
pub async fn perform(app: &App, dir: &Path, command: PolicyCommand) -> anyhow::Result<()> {
    let folder = Folder::open(app, dir)?;
    match command {
        PolicyCommand::Show => show(app, &folder),
        PolicyCommand::Sign(sign) => self::sign(app, &folder, sign.file.as_deref()),
        PolicyCommand::Publish(to) => Box::pin(publish(app, &folder, to.out.as_deref())).await,
    }
}

fn show(app: &App, folder: &Folder) -> anyhow::Result<()> {
    let trust = folder.trust()?;
    let policy = policy(&trust)?;
    if app.screen.json() {
        return Ok(app.screen.object(policy)?);
    }
    // Only what the administrator signed is shown; names in it may still hold odd characters.
    app.screen.line(distans_proto::text::clean(&serde_json::to_string_pretty(policy)?))?;
    app.screen.hint(format!(
        "version {}, expires {}; {} technicians, {} groups",
        policy.head.version,
        format::local(policy.head.expires),
        policy.technicians.len(),
        policy.groups.len()
    ));
    Ok(())
}

fn sign(app: &App, folder: &Folder, file: Option<&Path>) -> anyhow::Result<()> {
    let edited = match file {
        Some(path) => {
            let bytes = input::read_file(path, Policy::LIMIT)?;
            let (edited, remarks) =
                policy_file::parse(&path.display().to_string(), &bytes, &folder.settings().org)?;
            for remark in remarks {
                app.screen.warn(remark);
            }
            Some(edited)
        }
        None => None,
    };
    let mut changed = Vec::new();
    let version = amend(app, folder, |policy| {
        if let Some(edited) = edited {
            changed = policy_file::changes(policy, &edited)?;
            *policy = edited;
        }
        Ok(())
    })?;
    if app.screen.json() {
        return Ok(app.screen.object(&json!({ "policy_version": version, "changed": changed }))?);
    }
    if nobody_reads_recordings(&folder.trust()?) {
        app.screen.warn(
            "this policy records shells, and the root document names nobody who may read the recordings: until it does, PCs refuse every shell; make the audit key with distans admin recording key",
        );
    }
    let changed = if changed.is_empty() { "nothing".to_owned() } else { changed.join(", ") };
    app.screen.line(format!("signed policy version {version}; changed: {changed}"))?;
    app.screen.hint("next: distans admin policy publish");
    Ok(())
}

/// True if shells are recorded and no audit key is there to open the recordings.
pub(super) fn nobody_reads_recordings(trust: &Trust) -> bool {
    trust.policy().is_some_and(|policy| policy.recording.shell == When::Always)
        && trust.root().audit_recipients.is_empty()
}

async fn publish(app: &App, folder: &Folder, out: Option<&Path>) -> anyhow::Result<()> {
    let trust = folder.trust()?;
    let now = format::now();
    let tokens: Vec<Envelope> = folder
        .tokens(&trust)?
        .iter()
        .filter(|token| token.document().not_after >= now)
        .map(Verified::envelope)
        .cloned()
        .collect();
    let told = json!({
        "root_version": trust.root().head.version,
        "policy_version": policy(&trust)?.head.version,
        "tokens": tokens.len(),
    });
    if let Some(out) = out {
        let bundle = Bundle {
            roots: trust.roots().cloned().collect(),
            policy: trust.verified_policy().map(|policy| policy.envelope().clone()),
            tokens,
            broker: Some(folder.settings().broker.clone()),
            ..Bundle::default()
        };
        app.screen.hint("next, at the broker: distans-broker import with this file");
        return hand_over(app, &bundle, Some(out), &told);
    }
    Box::pin(send(app, &trust, &tokens)).await?;
    if app.screen.json() {
        return Ok(app.screen.object(&told)?);
    }
    app.screen.line(format!(
        "the broker has root version {}, policy version {} and {} tokens",
        trust.root().head.version,
        policy(&trust)?.head.version,
        tokens.len()
    ))?;
    Ok(())
}

async fn send(app: &App, trust: &Trust, tokens: &[Envelope]) -> anyhow::Result<()> {
    let desk = Box::pin(Desk::connect(&app.home)).await?;
    let everything: Documents = trust.newer_than(DocumentVersions::default()).unwrap_or_default();
    for request in requests(everything, tokens) {
        desk.publish(request).await.context("the broker did not take the documents and tokens")?;
    }
    // So that this technician's own next session already stands on them.
    desk.refresh_documents().await?;
    desk.close().await;
    Ok(())
}

/// The documents first, alone because they may fill a frame, then the tokens they stand behind.
fn requests(documents: Documents, tokens: &[Envelope]) -> Vec<Publish> {
    let mut requests = vec![Publish { documents, tokens: Vec::new() }];
    for batch in tokens.chunks(TOKENS_LIMIT) {
        let tokens = batch.iter().map(|token| token.to_json().into()).collect();
        requests.push(Publish { documents: Documents::default(), tokens });
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;
    use distans_proto::desk::DeskRequest;
    use distans_proto::frame::{DOCUMENTS_LIMIT, encode};

    #[test]
    fn any_number_of_tokens_is_handed_over_in_requests_that_the_broker_takes() {
        let tokens = vec![Envelope::new("token-cert", vec![7; 2048]); 2 * TOKENS_LIMIT + 1];
        let requests = requests(Documents::default(), &tokens);
        assert_eq!(requests.iter().map(|request| request.tokens.len()).sum::<usize>(), tokens.len());
        for request in requests {
            assert!(request.tokens.len() <= TOKENS_LIMIT);
            encode(&DeskRequest::Publish(request), DOCUMENTS_LIMIT).expect("fits in a frame");
        }
    }
}
