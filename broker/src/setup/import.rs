//! `import`: takes a bundle from the administrator: signed documents, token certificates, the
//! broker's own certificate. Works beside a running broker, which notices within seconds.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use distans_trust::bundle::Bundle;
use distans_trust::envelope::Envelope;
use distans_trust::outer::{SharedSnapshot, Snapshot};
use distans_trust::store::Trust;

use crate::clock;
use crate::config::Config;
use crate::documents;
use crate::files::{self, Readers};
use crate::identity;
use crate::start::open_store;

/// Takes everything in the bundle that is for a broker; says what, one line each.
///
/// # Errors
/// The bundle cannot be read, or something in it does not hold; then nothing of it counts.
pub async fn import(config: &Config, bundle: &Path) -> anyhow::Result<Vec<String>> {
    let bytes = fs::read(bundle).with_context(|| format!("cannot read {}", bundle.display()))?;
    let bundle = Bundle::parse(&bytes).with_context(|| format!("{} is no bundle", bundle.display()))?;
    if bundle.roots.is_empty()
        && bundle.policy.is_none()
        && bundle.tokens.is_empty()
        && bundle.broker_certificate.is_none()
    {
        bail!("there is nothing for a broker in this bundle; it may be a technician's");
    }
    let directory = &config.directory;
    let key = identity::tls_key(directory)?;
    let device_ca = identity::device_ca(directory)?;
    let store = open_store(directory).await?;
    let before = documents::load(&store).await?;
    let trust = newer(before.as_ref(), &bundle.roots, bundle.policy.as_ref())?;
    let own = &config.settings.broker;
    if trust.org() != &own.organisation {
        bail!(
            "this bundle is {}'s, and broker.toml says organisation = \"{}\"",
            trust.org(),
            own.organisation
        );
    }
    let mut told = Vec::new();
    let certificate = match &bundle.broker_certificate {
        Some(pem) => {
            let service =
                identity::from_pem(pem.as_bytes(), &key).context("the broker's certificate is not taken")?;
            let snapshot = Snapshot::new(&trust).with_device_ca(device_ca.certificate())?;
            identity::check_service(
                &service.certificate,
                &own.name,
                &SharedSnapshot::new(snapshot),
                clock::now(),
            )?;
            Some((pem, service))
        }
        None => None,
    };
    documents::keep(&store, &trust, &bundle.tokens).await?;
    let versions = trust.versions();
    if before.as_ref().is_none_or(|before| before.versions() != versions) {
        told.push(format!("root {} and policy {} are held", versions.root, shown(versions.policy)));
        if before.is_none() {
            told.push(format!(
                "the first root's hash is {}: compare it with the administrator's",
                trust.root_sha256()
            ));
        }
    }
    if !bundle.tokens.is_empty() {
        told.push(format!("{} token certificates are held", bundle.tokens.len()));
    }
    if let Some((pem, service)) = certificate {
        files::replace(&directory.certificate(), pem.as_bytes(), Readers::All)?;
        told.push(format!(
            "the broker's certificate counts until {}",
            clock::shown(service.summary.not_after)
        ));
    }
    store.close().await;
    let mark = clock::now().as_micros().to_string();
    files::replace(&directory.imported(), mark.as_bytes(), Readers::All)?;
    if told.is_empty() {
        told.push("all of it was here already".to_owned());
    }
    Ok(told)
}

fn newer(before: Option<&Trust>, roots: &[Envelope], policy: Option<&Envelope>) -> anyhow::Result<Trust> {
    let held = match before {
        Some(trust) => trust.clone(),
        None => Trust::first_use(roots).context("the root documents do not hold")?,
    };
    Ok(match held.stage(roots, policy).context("the documents do not hold")? {
        Some(staged) => staged.commit(),
        None => held,
    })
}

fn shown(version: u64) -> String {
    if version == 0 { "none yet".to_owned() } else { version.to_string() }
}
