//! `check-config`: everything a start would stumble over, without starting.

use distans_trust::outer::{SharedSnapshot, Snapshot};

use crate::clock;
use crate::config::Config;
use crate::documents;
use crate::identity;
use crate::start::open_store;

/// What a check found, one line each.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// What is in order.
    pub fine: Vec<String>,
    /// What will become a problem, and keys that must not be here.
    pub warnings: Vec<String>,
    /// What prevents a start.
    pub problems: Vec<String>,
}

/// Checks a directory whose configuration was read.
pub async fn check(config: &Config) -> Report {
    let mut report = Report::default();
    report.fine.push(format!("{} holds", config.directory.config().display()));
    if let Err(error) = look(config, &mut report).await {
        report.problems.push(format!("{error:#}"));
    }
    report
}

async fn look(config: &Config, report: &mut Report) -> anyhow::Result<()> {
    let directory = &config.directory;
    let keys = |root| identity::foreign_keys(directory, root);
    let device_ca = identity::device_ca(directory)?;
    identity::tls_key(directory)?;
    report.fine.push("the keys are private and belong to their certificates".to_owned());
    if !directory.database().exists() {
        report.warnings.extend(keys(None));
        anyhow::bail!(
            "there are no records yet; bring the administrator's bundle with distans-broker import"
        );
    }
    let store = open_store(directory).await?;
    let trust = documents::load(&store).await;
    store.close().await;
    let Some(trust) = trust? else {
        report.warnings.extend(keys(None));
        anyhow::bail!("there are no signed documents yet; bring them with distans-broker import");
    };
    report.warnings.extend(keys(Some(trust.root())));
    let own = &config.settings.broker;
    anyhow::ensure!(
        trust.org() == &own.organisation,
        "the documents are those of {}, broker.toml says organisation = \"{}\"",
        trust.org(),
        own.organisation
    );
    let versions = trust.versions();
    report.fine.push(format!("root {} holds", versions.root));
    match versions.policy {
        0 => report.warnings.push("there is no policy yet: nobody is a technician".to_owned()),
        version => report.fine.push(format!("policy {version} holds")),
    }
    if !trust.root().device_ca.iter().any(|ca| ca.0 == device_ca.certificate()) {
        let told =
            "the root document does not list this broker's device CA; certify the broker's request again";
        report.warnings.push(told.to_owned());
    }
    let service = identity::service_identity(directory)?;
    report.warnings.extend(identity::expiry_warnings(config, &service.summary, &trust));
    let verifier = SharedSnapshot::new(Snapshot::new(&trust));
    identity::check_service(&service.certificate, &own.name, &verifier, clock::now())?;
    report.fine.push(format!(
        "the certificate for {} counts until {}",
        own.name,
        clock::shown(service.summary.not_after)
    ));
    Ok(())
}
