//! The only two TLS configurations of the end-to-end session.
//!
//! TLS 1.3, key exchange X25519MLKEM768 and nothing else, ALPN `distans-e2e/1`. The technician
//! shows a certificate, the PC a raw public key (RFC 7250) that was endorsed when it enrolled.
//! No tickets, no resumption, no early data: a resumed session is not verified again, so a
//! revoked technician would live on in it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use distans_proto::version::ALPN_INNER;
use distans_trust::certs::CheckTime;
use distans_trust::device::VerifiedDevice;
use distans_trust::hash::Sha256;
use distans_trust::keys::{P256Key, Signer};
use distans_trust::outer::Snapshot;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, aws_lc_rs, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible,
    ServerConfig, SignatureScheme,
};

fn provider() -> CryptoProvider {
    CryptoProvider { kx_groups: vec![aws_lc_rs::kx_group::X25519MLKEM768], ..aws_lc_rs::default_provider() }
}

/// TLS of a technician towards one PC: shows `own` certificate, accepts that PC's key alone.
///
/// # Errors
/// [`rustls::Error`] if the library lacks what is asked of it.
pub fn technician_config(
    own: Arc<CertifiedKey>,
    device: &VerifiedDevice,
    time: Arc<dyn TimeProvider>,
) -> Result<ClientConfig, Error> {
    let verifier = Arc::new(PinnedDevice { spki_sha256: device.spki_sha256() });
    let mut config = ClientConfig::builder_with_details(Arc::new(provider()), time)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
    config.alpn_protocols = vec![ALPN_INNER.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    config.enable_sni = false; // it would only tell the broker what it knows already
    Ok(config)
}

/// TLS of a PC: shows its key, accepts technicians that `technicians` accepts. Made anew when
/// the documents change. `not_before_tolerance`: how much this PC's clock may lag.
///
/// # Errors
/// [`rustls::Error`] if the key is not usable or the library lacks what is asked of it.
pub fn agent_config(
    device_key: &P256Key,
    technicians: Arc<Snapshot>,
    not_before_tolerance: Duration,
    time: Arc<dyn TimeProvider>,
) -> Result<ServerConfig, Error> {
    let spki = CertificateDer::from(device_key.public().spki().to_vec());
    let key = aws_lc_rs::sign::any_ecdsa_type(&device_key.to_rustls())?;
    let shown = AlwaysResolvesServerRawPublicKeys::new(Arc::new(CertifiedKey::new(vec![spki], key)));
    let verifier = Arc::new(TechnicianVerifier { technicians, not_before_tolerance });
    let mut config = ServerConfig::builder_with_details(Arc::new(provider()), time)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![ALPN_INNER.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

/// Keys are P-256 on both sides.
fn schemes() -> Vec<SignatureScheme> {
    vec![SignatureScheme::ECDSA_NISTP256_SHA256]
}

fn only_ours(signature: &DigitallySignedStruct) -> Result<(), Error> {
    if signature.scheme == SignatureScheme::ECDSA_NISTP256_SHA256 {
        Ok(())
    } else {
        Err(PeerIncompatible::NoSignatureSchemesInCommon.into())
    }
}

/// At the PC: a technician as the organisation's documents know one.
struct TechnicianVerifier {
    technicians: Arc<Snapshot>,
    not_before_tolerance: Duration,
}

impl fmt::Debug for TechnicianVerifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TechnicianVerifier")
    }
}

impl ClientCertVerifier for TechnicianVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let time = CheckTime { not_before_tolerance: self.not_before_tolerance, ..CheckTime::from_unix(now) };
        self.technicians.technician(end_entity, time)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::ServerDoesNotSupportTls12Or13.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        only_ours(dss)?;
        verify_tls13_signature(message, cert, dss, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

/// At the technician: the one key endorsed for the PC, shown as a raw public key.
#[derive(Debug)]
struct PinnedDevice {
    spki_sha256: Sha256,
}

impl ServerCertVerifier for PinnedDevice {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if Sha256::of(end_entity) == self.spki_sha256 {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::ServerDoesNotSupportTls12Or13.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        only_ours(dss)?;
        let spki = SubjectPublicKeyInfoDer::from(cert.as_ref());
        verify_tls13_signature_with_raw_key(
            message,
            &spki,
            dss,
            &provider().signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
