//! `distans admin status`: what expires when, and whether the keys are safe.

use std::path::Path;

use distans_proto::time::Timestamp;
use distans_trust::certs;
use distans_trust::expiry::{self, Stage};
use distans_trust::root::Ca;
use distans_trust::store::Trust;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

use super::folder::Folder;
use crate::format;
use crate::screen::{Screen, Tone};
use crate::verbs::App;

/// Something that ends.
struct Life {
    what: String,
    issued: Timestamp,
    expires: Timestamp,
    advice: &'static str,
}

/// Shows all of it.
///
/// # Errors
/// If the folder cannot be read or its documents do not hold.
pub fn perform(app: &App, dir: &Path) -> anyhow::Result<()> {
    let folder = Folder::open(app, dir)?;
    let trust = folder.trust()?;
    let now = format::now();
    let lives = lives(&folder, &trust, now)?;
    let unencrypted = folder.unencrypted_keys()?;
    let stage = |life: &Life| expiry::warning(life.issued, life.expires, now).map(|warning| warning.stage);
    if app.screen.json() {
        let list: Vec<_> = lives
            .iter()
            .map(|life| {
                json!({
                    "what": life.what, "issued": format::utc(life.issued), "expires": format::utc(life.expires),
                    "left_s": life.expires.since(now).as_secs(), "warning": stage(life),
                })
            })
            .collect();
        return Ok(app.screen.object(&json!({
            "org": trust.org(), "broker": folder.settings().broker, "root_sha256": trust.root_sha256(),
            "lives": list, "unencrypted_keys": unencrypted,
        }))?);
    }
    app.screen.pairs(&[
        ("Organisation", trust.org().to_string()),
        ("Broker", folder.settings().broker.clone()),
        ("Root SHA-256", trust.root_sha256().to_string()),
        (
            "Keys",
            if unencrypted.is_empty() {
                "encrypted".into()
            } else {
                "NOT encrypted: demonstration only".into()
            },
        ),
    ])?;
    app.screen.line("")?;
    let rows = lives.iter().map(|life| {
        let left = life.expires.since(now);
        let left = if left.is_zero() { "-".into() } else { format::span(left) };
        vec![
            life.what.clone(),
            format::local(life.expires),
            left,
            words(app.screen, stage(life), life.advice),
        ]
    });
    app.screen.table(&["WHAT", "EXPIRES", ">LEFT", "TO DO"], rows)?;
    Ok(())
}

fn words(screen: Screen, stage: Option<Stage>, advice: &str) -> String {
    match stage {
        None => String::new(),
        Some(Stage::Half) => screen.paint(Tone::Careful, &format!("half its life is over: {advice}")),
        Some(Stage::Late) => screen.paint(Tone::Bad, &format!("nearly over: {advice}")),
        Some(Stage::Expired) => screen.paint(Tone::Bad, &format!("EXPIRED: {advice}")),
    }
}

fn lives(folder: &Folder, trust: &Trust, now: Timestamp) -> anyhow::Result<Vec<Life>> {
    let root = trust.root();
    let document = |what: String, head: &distans_trust::documents::Head, advice| Life {
        what,
        issued: head.issued,
        expires: head.expires,
        advice,
    };
    let mut lives = vec![document(
        format!("root document {}", root.head.version),
        &root.head,
        "distans admin broker certify signs a new one when the broker has a new device CA",
    )];
    if let Some(policy) = trust.policy() {
        let advice = "distans admin policy sign, then policy publish";
        lives.push(document(format!("policy {}", policy.head.version), &policy.head, advice));
    }
    let new_ca = "a new CA needs a new root";
    lives.extend(ca_lives("technician CA", &root.technician_ca, new_ca)?);
    lives.extend(ca_lives("service CA", &root.service_ca, new_ca)?);
    lives.extend(ca_lives("device CA", &root.device_ca, "renew it at the broker, then broker certify")?);
    if let Some(pem) = folder.broker_certificate()? {
        let certificate = CertificateDer::from_pem_slice(&pem)?;
        let advice = "distans admin broker certify with the broker's request";
        lives.push(certificate_life("broker certificate".into(), &certificate, advice)?);
    }
    for token in folder.tokens(trust)?.iter().map(distans_trust::documents::Verified::document) {
        if token.not_after >= now {
            lives.push(document(
                format!("token {}", token.token_id),
                &token.head,
                "make a new one if PCs are left",
            ));
        }
    }
    Ok(lives)
}

fn ca_lives(what: &str, list: &[Ca], advice: &'static str) -> anyhow::Result<Vec<Life>> {
    list.iter().map(|ca| certificate_life(what.to_owned(), &ca.0, advice)).collect()
}

fn certificate_life(what: String, der: &[u8], advice: &'static str) -> anyhow::Result<Life> {
    let summary = certs::inspect(der)?;
    Ok(Life { what, issued: summary.not_before, expires: summary.not_after, advice })
}
