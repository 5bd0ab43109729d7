//! Keys and certificates of the bare program, as files in one folder.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;

/// Makes everybody's keys and certificates.
pub fn found(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate()?;
    std::fs::write(folder.join("ca"), params.self_signed(&key)?.der())?;
    let ca = Issuer::new(params, key);
    for name in ["localhost", "client"] {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![name.into()])?.signed_by(&key, &ca)?;
        std::fs::write(folder.join(format!("{name}.crt")), certificate.der())?;
        std::fs::write(folder.join(format!("{name}.key")), key.serialize_der())?;
    }
    Ok(())
}

type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read(folder: &Path, name: &str) -> Result<(RootCertStore, Own)> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(std::fs::read(folder.join("ca"))?))?;
    let certificate = CertificateDer::from(std::fs::read(folder.join(format!("{name}.crt")))?);
    let key = PrivatePkcs8KeyDer::from(std::fs::read(folder.join(format!("{name}.key")))?);
    Ok((roots, (vec![certificate], key.into())))
}

/// TLS of a server that wants a client's certificate.
pub(super) fn server(folder: &Path) -> Result<rustls::ServerConfig> {
    let (roots, (chain, key)) = read(folder, "localhost")?;
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build()?;
    let tls = rustls::ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS13]);
    Ok(tls.with_client_cert_verifier(verifier).with_single_cert(chain, key)?)
}

/// TLS of a client with a certificate.
pub(super) fn client(folder: &Path) -> Result<rustls::ClientConfig> {
    let (roots, (chain, key)) = read(folder, "client")?;
    let tls = rustls::ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS13]);
    let mut tls = tls.with_root_certificates(roots).with_client_auth_cert(chain, key)?;
    tls.resumption = rustls::client::Resumption::disabled();
    Ok(tls)
}
