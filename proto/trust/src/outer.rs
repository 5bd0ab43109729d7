//! rustls verifiers and configurations for the connection to the broker ("outer").
//!
//! No resumption, no tickets, no early data anywhere: a resumed TLS session is not verified
//! again, so a revoked certificate would live on in it.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use distans_proto::ids::{DeviceId, OrgId, TechnicianId};
use distans_proto::version::ALPN_OUTER;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, PeerIncompatible, ServerConfig, SignatureScheme,
};

use crate::certs::{self, CertError, CheckTime, DeviceIdentity, TechnicianIdentity};
use crate::hash::Sha256;
use crate::root::Ca;
use crate::store::Trust;

/// Who is at the other end of a connection to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// A technician.
    Technician(TechnicianIdentity),
    /// An enrolled PC.
    Device(DeviceIdentity),
}

/// What certificates are checked against, prepared once per change of the documents.
#[derive(Debug)]
pub struct Snapshot {
    org: OrgId,
    technician_ca: Vec<TrustAnchor<'static>>,
    device_ca: Vec<TrustAnchor<'static>>,
    service_ca: Vec<TrustAnchor<'static>>,
    max_cert_span: Duration,
    roster: HashSet<TechnicianId>,
    revoked_devices: HashSet<DeviceId>,
    revoked_certs: HashSet<Sha256>,
    revoked_keys: HashSet<Sha256>,
}

impl Snapshot {
    /// From the documents. Without a policy there are no technicians.
    pub fn new(trust: &Trust) -> Self {
        let (root, policy) = (trust.root(), trust.policy());
        let revoked = policy.map(|policy| policy.revoked.clone()).unwrap_or_default();
        Self {
            org: root.head.org.clone(),
            technician_ca: anchors(&root.technician_ca),
            device_ca: anchors(&root.device_ca),
            service_ca: anchors(&root.service_ca),
            max_cert_span: policy.map_or(Duration::ZERO, crate::policy::Policy::max_cert_span),
            roster: policy
                .into_iter()
                .flat_map(|policy| policy.technicians.iter().map(|technician| technician.id.clone()))
                .collect(),
            revoked_devices: revoked.devices.into_iter().collect(),
            revoked_certs: revoked.certs.into_iter().collect(),
            revoked_keys: revoked.keys.into_iter().collect(),
        }
    }

    /// Also takes devices of this CA (DER), which the root may not list yet: the broker's own.
    ///
    /// # Errors
    /// [`CertError`] if it is no CA certificate.
    pub fn with_device_ca(mut self, der: &[u8]) -> Result<Self, CertError> {
        self.device_ca.push(certs::anchor(der)?);
        Ok(self)
    }

    /// A technician's certificate with everything that hangs on it: chain, names, span,
    /// revocation, roster.
    ///
    /// # Errors
    /// [`CertError`].
    pub fn technician(
        &self,
        leaf: &CertificateDer<'_>,
        time: CheckTime,
    ) -> Result<TechnicianIdentity, CertError> {
        let identity =
            certs::verify_technician(leaf, &self.technician_ca, &self.org, time, self.max_cert_span)?;
        self.not_revoked(&identity.sha256, &identity.spki)?;
        if !self.roster.contains(&identity.id) {
            return Err(CertError::NotInRoster);
        }
        Ok(identity)
    }

    /// A device's outer certificate with everything that hangs on it.
    ///
    /// # Errors
    /// [`CertError`].
    pub fn device(&self, leaf: &CertificateDer<'_>, time: CheckTime) -> Result<DeviceIdentity, CertError> {
        let identity = certs::verify_device(leaf, &self.device_ca, &self.org, time)?;
        self.not_revoked(&identity.sha256, &identity.spki)?;
        if self.revoked_devices.contains(&identity.id) {
            return Err(CertError::Revoked);
        }
        Ok(identity)
    }

    /// Either of them, by what the certificate claims to be.
    ///
    /// # Errors
    /// [`CertError`].
    pub fn peer(&self, leaf: &CertificateDer<'_>, time: CheckTime) -> Result<Peer, CertError> {
        match certs::claimed_role(leaf, &self.org) {
            Some("device") => self.device(leaf, time).map(Peer::Device),
            _ => self.technician(leaf, time).map(Peer::Technician),
        }
    }

    fn not_revoked(&self, certificate: &Sha256, spki: &[u8]) -> Result<(), CertError> {
        if self.revoked_certs.contains(certificate) || self.revoked_keys.contains(&Sha256::of(spki)) {
            return Err(CertError::Revoked);
        }
        Ok(())
    }
}

/// A root was checked when it was opened: each of its CAs can be read.
fn anchors(list: &[Ca]) -> Vec<TrustAnchor<'static>> {
    list.iter().filter_map(|ca| certs::anchor(&ca.0).ok()).collect()
}

/// The snapshot in force, shared by verifiers and replaced when documents change.
#[derive(Clone)]
pub struct SharedSnapshot(Arc<RwLock<Arc<Snapshot>>>);

impl SharedSnapshot {
    /// With a first snapshot.
    pub fn new(snapshot: Snapshot) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(snapshot))))
    }

    /// The one in force.
    pub fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another in force, for handshakes from now on. Connections that stand are the
    /// caller's to check again with [`Snapshot::peer`].
    pub fn replace(&self, snapshot: Snapshot) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }
}

impl fmt::Debug for SharedSnapshot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SharedSnapshot")
    }
}

fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

/// Leaf keys are P-256 everywhere.
fn schemes() -> Vec<SignatureScheme> {
    vec![SignatureScheme::ECDSA_NISTP256_SHA256]
}

fn verify_signature(
    message: &[u8],
    leaf: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    if signature.scheme != SignatureScheme::ECDSA_NISTP256_SHA256 {
        return Err(PeerIncompatible::NoSignatureSchemesInCommon.into());
    }
    verify_tls13_signature(message, leaf, signature, &provider().signature_verification_algorithms)
}

/// For the broker: nobody, a technician or a device may connect; who it is follows from the
/// certificate through [`Snapshot::peer`].
#[derive(Debug)]
pub struct BrokerClientVerifier {
    shared: SharedSnapshot,
}

impl BrokerClientVerifier {
    /// Checks against whatever `shared` holds at the time.
    pub const fn new(shared: SharedSnapshot) -> Self {
        Self { shared }
    }
}

impl ClientCertVerifier for BrokerClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        false // an unknown PC may ask for the roots and enrol, nothing else
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.shared.current().peer(end_entity, CheckTime::from_unix(now))?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls13RequiredForQuic.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

/// For agents and technicians: the broker's certificate must come from the root's service CA.
#[derive(Debug)]
pub struct ServiceVerifier {
    shared: SharedSnapshot,
}

impl ServiceVerifier {
    /// Checks against whatever `shared` holds at the time.
    pub const fn new(shared: SharedSnapshot) -> Self {
        Self { shared }
    }
}

impl ServerCertVerifier for ServiceVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let anchors = self.shared.current();
        certs::verify_broker(end_entity, &anchors.service_ca, server_name, CheckTime::from_unix(now))?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls13RequiredForQuic.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

/// Takes *any* server certificate. Only for one question: a PC that is being enrolled fetches
/// the public roots, whose hash it compares with its token before it believes a word of them.
#[derive(Debug)]
pub struct UnverifiedServerForPublicRootsOnly;

impl ServerCertVerifier for UnverifiedServerForPublicRootsOnly {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls13RequiredForQuic.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

/// TLS of the broker: TLS 1.3, ALPN `distans/1`, client certificates optional.
///
/// # Errors
/// [`rustls::Error`] if the library has no TLS 1.3.
pub fn broker_config(own: Arc<CertifiedKey>, shared: SharedSnapshot) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(BrokerClientVerifier::new(shared)))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
    config.alpn_protocols = vec![ALPN_OUTER.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(config)
}

/// TLS of an agent or technician towards the broker; without `own` certificate: for enrolment.
///
/// # Errors
/// [`rustls::Error`] if the library has no TLS 1.3.
pub fn client_config(
    own: Option<Arc<CertifiedKey>>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match own {
        Some(own) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![ALPN_OUTER.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(config)
}
