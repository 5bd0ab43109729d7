//! The broker's own keys and certificates, as files: reading, checking, watching for keys that
//! must not be here.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use aws_lc_rs::hmac;
use distans_proto::time::Timestamp;
use distans_trust::certs::{self, Summary};
use distans_trust::expiry::{self, Stage};
use distans_trust::issue;
use distans_trust::key_file;
use distans_trust::keys::{P256Key, Signer};
use distans_trust::outer::ServiceVerifier;
use distans_trust::outer::SharedSnapshot;
use distans_trust::root::Root;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;

use crate::clock;
use crate::config::Config;
use crate::files::{self, Directory};

/// Key files are small; whatever is larger is none.
const KEY_FILE_LIMIT: u64 = 64 * 1024;

/// The broker's certificate with its key, ready for TLS.
#[derive(Debug)]
pub(crate) struct ServiceIdentity {
    pub(crate) certified: Arc<CertifiedKey>,
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) summary: Summary,
}

/// Reads the private key behind the broker's certificate.
pub(crate) fn tls_key(directory: &Directory) -> anyhow::Result<P256Key> {
    read_key(&directory.tls_key())
}

/// What tells PCs that the broker they still speak to is gone: bound to the broker's key, so that
/// it outlives a crash without a file of its own.
pub(crate) fn reset_secret(key: &P256Key) -> [u8; 32] {
    let hmac = hmac::Key::new(hmac::HMAC_SHA256, key.to_pkcs8());
    let mut secret = [0; 32];
    secret.copy_from_slice(hmac::sign(&hmac, b"distans stateless reset").as_ref());
    secret
}

/// Reads certificate and key and checks that they belong together. Whether the organisation
/// stands behind it is [`check_service`]'s question.
pub(crate) fn service_identity(directory: &Directory) -> anyhow::Result<ServiceIdentity> {
    let path = directory.certificate();
    let pem = fs::read(&path).with_context(|| {
        format!(
            "cannot read the broker's certificate {}; let the administrator certify {} (distans admin broker \
             certify) and bring the answer with distans-broker import",
            path.display(),
            directory.request().display()
        )
    })?;
    from_pem(&pem, &tls_key(directory)?).with_context(|| format!("{} cannot be used", path.display()))
}

/// A certificate in PEM together with its key.
pub(crate) fn from_pem(pem: &[u8], key: &P256Key) -> anyhow::Result<ServiceIdentity> {
    let certificate =
        CertificateDer::from_pem_slice(pem).map_err(|error| anyhow::anyhow!("no certificate: {error}"))?;
    let summary = certs::inspect(&certificate)?;
    if summary.spki != key.public().spki() {
        bail!("the certificate is for another key than this broker's; certify this broker's own request");
    }
    Ok(ServiceIdentity { certified: key.certified(certificate.clone())?, certificate, summary })
}

/// Checks that clients will believe the certificate: service CA of the root, name, time.
pub(crate) fn check_service(
    certificate: &CertificateDer<'_>,
    name: &str,
    verifier: &SharedSnapshot,
    now: Timestamp,
) -> anyhow::Result<()> {
    let name = ServerName::try_from(name.to_owned()).context("the broker's name is no DNS name")?;
    let seconds = u64::try_from(now.as_secs()).unwrap_or(0);
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    ServiceVerifier::new(verifier.clone())
        .verify_server_cert(certificate, &[], &name, &[], now)
        .map_err(|error| anyhow::anyhow!("the broker's certificate is not valid for {name:?}: {error}"))?;
    Ok(())
}

/// Reads the CA that issues PCs' outer certificates.
pub(crate) fn device_ca(directory: &Directory) -> anyhow::Result<issue::Ca> {
    let path = directory.device_ca();
    let pem = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let certificate = CertificateDer::from_pem_slice(&pem)
        .map_err(|error| anyhow::anyhow!("{} holds no certificate: {error}", path.display()))?;
    let key = read_key(&directory.device_ca_key())?;
    issue::Ca::new(key, &certificate).with_context(|| format!("{} cannot be used", path.display()))
}

fn read_key(path: &Path) -> anyhow::Result<P256Key> {
    let bytes = files::read_private(path)?;
    let pem = String::from_utf8(bytes).with_context(|| format!("{} is no text", path.display()))?;
    key_file::read_p256(&pem, None).with_context(|| format!("{} cannot be used", path.display()))
}

/// Private keys in the broker's directory that must not be on this machine, each with the reason.
/// Somebody who breaks into the broker must not find what commands PCs.
pub(crate) fn foreign_keys(directory: &Directory, root: Option<&Root>) -> Vec<String> {
    let own = [directory.tls_key(), directory.device_ca_key()];
    let Ok(entries) = fs::read_dir(directory.path()) else { return Vec::new() };
    let files =
        entries.filter_map(Result::ok).filter(|entry| entry.metadata().is_ok_and(|data| data.is_file()));
    let mut found: Vec<String> = files
        .filter(|entry| entry.metadata().is_ok_and(|data| data.len() <= KEY_FILE_LIMIT))
        .map(|entry| entry.path())
        .filter(|path| !own.contains(path))
        .filter_map(|path| {
            let pem = fs::read_to_string(&path).ok()?;
            pem.contains("PRIVATE KEY-----").then(|| format!("{}: {}", path.display(), what_key(&pem, root)))
        })
        .collect();
    found.sort();
    found
}

fn what_key(pem: &str, root: Option<&Root>) -> &'static str {
    let technicians = |key: &P256Key| {
        let own = key.public().spki();
        root.is_some_and(|root| {
            root.technician_ca.iter().any(|ca| certs::inspect(&ca.0).is_ok_and(|ca| ca.spki == own))
        })
    };
    match key_file::read_p256(pem, None) {
        Ok(key) if technicians(&key) => {
            "the TECHNICIAN CA's private key: whoever has it can command every PC"
        }
        _ => "a private key that the broker does not need",
    }
}

/// What to say about the life of something, if it is time to say anything.
pub(crate) fn expiry_warning(
    what: &str,
    from: Timestamp,
    until: Timestamp,
    now: Timestamp,
) -> Option<String> {
    let warning = expiry::warning(from, until, now)?;
    let ends = clock::shown(until);
    Some(match warning.stage {
        Stage::Expired => format!("{what} expired {ends}; renew it now"),
        Stage::Late => {
            format!("{what} expires {ends}, in {} days; renew it now", warning.left.as_secs() / 86_400)
        }
        Stage::Half => format!("{what} expires {ends}; half of its life is over"),
    })
}

/// Warnings about everything of ours that can expire.
pub(crate) fn expiry_warnings(
    config: &Config,
    service: &Summary,
    trust: &distans_trust::store::Trust,
) -> Vec<String> {
    let now = clock::now();
    let root = &trust.root().head;
    let device_ca = fs::read(config.directory.device_ca())
        .ok()
        .and_then(|pem| CertificateDer::from_pem_slice(&pem).ok())
        .and_then(|der| certs::inspect(&der).ok());
    let certificate = expiry_warning("the broker's certificate", service.not_before, service.not_after, now);
    let device_ca =
        device_ca.and_then(|ca| expiry_warning("the device CA", ca.not_before, ca.not_after, now));
    let root = expiry_warning("the root document", root.issued, root.expires, now);
    let policy = trust.policy().map(|policy| &policy.head);
    let policy = policy.and_then(|head| expiry_warning("the policy", head.issued, head.expires, now));
    [certificate, device_ca, root, policy].into_iter().flatten().collect()
}
