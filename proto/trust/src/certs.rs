//! X.509: whom a certificate names, after everything about it was checked.
//!
//! Chain, times, name constraints and extended key usage are checked by webpki; what webpki
//! leaves open is checked here: exactly one URI, its organisation and role, the id equal to the
//! DNS label, key usage, the span of validity and the kind of key. Every chain is leaf → CA.

use std::time::Duration;

use distans_proto::ids::{DeviceId, OrgId, TechnicianId};
use distans_proto::time::Timestamp;
use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::hash::Sha256;
use crate::keys::{Algorithm, PublicKey};

/// Domain under which technicians and devices have their DNS names.
pub const INTERNAL_DOMAIN: &str = "distans.internal";

/// Longest validity of a device's outer certificate.
pub const DEVICE_SPAN: Duration = Duration::from_secs((90 * 24 + 1) * 3600);

/// How long before `now` a fresh certificate begins, for clocks that lag.
pub const BACKDATING: Duration = Duration::from_secs(600);

const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];

/// CAs are P-256 keys and nothing else.
static CA_ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[webpki::aws_lc_rs::ECDSA_P256_SHA256];

/// Why a certificate is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertError {
    /// Unreadable.
    #[error("the certificate cannot be read")]
    Malformed,
    /// No CA of the organisation's root stands behind it, or it is expired, not yet valid, of the
    /// wrong usage or outside its CA's names.
    #[error("the certificate does not hold: {0}")]
    Chain(webpki::Error),
    /// A rule of ours.
    #[error("the certificate does not fit: {0}")]
    Rule(&'static str),
    /// Valid for longer than policy allows.
    #[error("the certificate is valid for {found_h} hours, policy allows {limit_h}")]
    Span {
        /// Found, hours, rounded up.
        found_h: u64,
        /// Allowed, hours.
        limit_h: u64,
    },
    /// Named in the policy's list.
    #[error("the certificate or its key is revoked by policy")]
    Revoked,
    /// A technician the policy does not know.
    #[error("the technician is not in the policy's roster")]
    NotInRoster,
}

impl From<CertError> for rustls::Error {
    fn from(error: CertError) -> Self {
        let error = match error {
            CertError::Malformed => CertificateError::BadEncoding,
            CertError::Chain(webpki::Error::UnknownIssuer) => CertificateError::UnknownIssuer,
            CertError::Chain(webpki::Error::CertExpired { .. }) => CertificateError::Expired,
            CertError::Chain(webpki::Error::CertNotValidYet { .. }) => CertificateError::NotValidYet,
            CertError::Chain(webpki::Error::CertNotValidForName(_)) => CertificateError::NotValidForName,
            CertError::Chain(webpki::Error::InvalidSignatureForPublicKey) => CertificateError::BadSignature,
            CertError::Chain(webpki::Error::RequiredEkuNotFoundContext(_)) => {
                CertificateError::InvalidPurpose
            }
            CertError::Revoked => CertificateError::Revoked,
            other => CertificateError::Other(rustls::OtherError(std::sync::Arc::new(other))),
        };
        Self::InvalidCertificate(error)
    }
}

/// The time a certificate is checked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckTime {
    /// The clock.
    pub now: Timestamp,
    /// How far in the future a certificate may begin: how much the clock may lag.
    pub not_before_tolerance: Duration,
}

impl CheckTime {
    /// For a clock that is right; certificates are issued backdated by [`BACKDATING`].
    pub const fn exact(now: Timestamp) -> Self {
        Self { now, not_before_tolerance: Duration::ZERO }
    }

    /// From rustls's clock.
    pub fn from_unix(now: UnixTime) -> Self {
        Self::exact(Timestamp::from_secs(i64::try_from(now.as_secs()).unwrap_or(i64::MAX)))
    }

    fn for_certificate(self, not_before: Timestamp) -> UnixTime {
        let now = if not_before > self.now && not_before <= self.now.plus(self.not_before_tolerance) {
            not_before
        } else {
            self.now
        };
        UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.as_secs()).unwrap_or(0)))
    }
}

/// What a certificate says about itself; proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Beginning.
    pub not_before: Timestamp,
    /// End.
    pub not_after: Timestamp,
    /// The key, SPKI DER.
    pub spki: Vec<u8>,
    /// SHA-256 of the certificate's DER.
    pub sha256: Sha256,
}

/// A technician as a verified certificate names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TechnicianIdentity {
    /// Id in the roster.
    pub id: TechnicianId,
    /// Organisation.
    pub org: OrgId,
    /// Beginning of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
    /// Session key, SPKI DER.
    pub spki: Vec<u8>,
    /// SHA-256 of the certificate's DER.
    pub sha256: Sha256,
}

/// A device as its verified outer certificate names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceIdentity {
    /// Id.
    pub id: DeviceId,
    /// Organisation.
    pub org: OrgId,
    /// Beginning of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
    /// Device key, SPKI DER.
    pub spki: Vec<u8>,
    /// SHA-256 of the certificate's DER.
    pub sha256: Sha256,
}

/// The URI of a technician's certificate.
pub fn technician_uri(org: &OrgId, id: &TechnicianId) -> String {
    format!("distans://{org}/tech/{id}")
}

/// The URI of a device's certificate.
pub fn device_uri(org: &OrgId, id: DeviceId) -> String {
    format!("distans://{org}/device/{id}")
}

/// The domain of an organisation's technicians (`tech`) or devices (`device`).
pub(crate) fn role_domain(role: &str, org: &OrgId) -> String {
    format!("{role}.{org}.{INTERNAL_DOMAIN}")
}

/// A CA certificate as a trust anchor, with its name constraints.
///
/// # Errors
/// [`CertError::Malformed`], or [`CertError::Rule`] if it is no CA.
pub fn anchor(der: &[u8]) -> Result<TrustAnchor<'static>, CertError> {
    let (rest, parsed) = X509Certificate::from_der(der).map_err(|_| CertError::Malformed)?;
    if !rest.is_empty() {
        return Err(CertError::Malformed);
    }
    if !parsed.is_ca() {
        return Err(CertError::Rule("it is no CA certificate"));
    }
    let der = CertificateDer::from(der);
    webpki::anchor_from_trusted_cert(&der).map(|anchor| anchor.to_owned()).map_err(|_| CertError::Malformed)
}

/// Reads a certificate without verifying anything.
///
/// # Errors
/// [`CertError::Malformed`].
pub fn inspect(der: &[u8]) -> Result<Summary, CertError> {
    let (rest, parsed) = X509Certificate::from_der(der).map_err(|_| CertError::Malformed)?;
    if !rest.is_empty() {
        return Err(CertError::Malformed);
    }
    Ok(summary(der, &parsed))
}

fn summary(der: &[u8], parsed: &X509Certificate<'_>) -> Summary {
    Summary {
        not_before: Timestamp::from_secs(parsed.validity().not_before.timestamp()),
        not_after: Timestamp::from_secs(parsed.validity().not_after.timestamp()),
        spki: parsed.public_key().raw.to_vec(),
        sha256: Sha256::of(der),
    }
}

/// Verifies a technician's certificate against the technician CAs. Roster and revocation are
/// the caller's next question; see [`crate::outer::Snapshot`].
///
/// # Errors
/// [`CertError`].
pub fn verify_technician(
    leaf: &CertificateDer<'_>,
    anchors: &[TrustAnchor<'_>],
    org: &OrgId,
    time: CheckTime,
    max_span: Duration,
) -> Result<TechnicianIdentity, CertError> {
    let (id, summary) = verify_client(leaf, anchors, org, "tech", time, max_span)?;
    Ok(TechnicianIdentity {
        id: id.parse().map_err(|_| CertError::Rule("its id is no technician's"))?,
        org: org.clone(),
        not_before: summary.not_before,
        not_after: summary.not_after,
        spki: summary.spki,
        sha256: summary.sha256,
    })
}

/// Verifies a device's outer certificate against the device CAs.
///
/// # Errors
/// [`CertError`].
pub fn verify_device(
    leaf: &CertificateDer<'_>,
    anchors: &[TrustAnchor<'_>],
    org: &OrgId,
    time: CheckTime,
) -> Result<DeviceIdentity, CertError> {
    let (label, summary) = verify_client(leaf, anchors, org, "device", time, DEVICE_SPAN)?;
    let id: DeviceId = label.parse().map_err(|_| CertError::Rule("its id is no device's"))?;
    if id.to_string() != label {
        return Err(CertError::Rule("its id is not written as a device's"));
    }
    Ok(DeviceIdentity {
        id,
        org: org.clone(),
        not_before: summary.not_before,
        not_after: summary.not_after,
        spki: summary.spki,
        sha256: summary.sha256,
    })
}

/// Verifies a broker's certificate for `name` against the service CAs.
///
/// # Errors
/// [`CertError`].
pub fn verify_broker(
    leaf: &CertificateDer<'_>,
    anchors: &[TrustAnchor<'_>],
    name: &ServerName<'_>,
    time: CheckTime,
) -> Result<Summary, CertError> {
    let summary = inspect(leaf)?;
    let cert = verify_chain(leaf, anchors, time.for_certificate(summary.not_before), SERVER_AUTH)?;
    cert.verify_is_valid_for_subject_name(name).map_err(CertError::Chain)?;
    Ok(summary)
}

/// The role in a certificate's only URI, for choosing how to verify it; proves nothing.
pub(crate) fn claimed_role(leaf: &CertificateDer<'_>, org: &OrgId) -> Option<&'static str> {
    let (_, parsed) = X509Certificate::from_der(leaf).ok()?;
    let (uri, _) = names(&parsed).ok()?;
    let rest = uri.strip_prefix("distans://")?.strip_prefix(org.as_str())?;
    ["tech", "device"].into_iter().find(|role| rest.split('/').nth(1) == Some(role))
}

fn verify_chain<'a>(
    leaf: &'a CertificateDer<'a>,
    anchors: &[TrustAnchor<'_>],
    now: UnixTime,
    usage: &'static [u8],
) -> Result<EndEntityCert<'a>, CertError> {
    let cert = EndEntityCert::try_from(leaf).map_err(CertError::Chain)?;
    cert.verify_for_usage(CA_ALGORITHMS, anchors, &[], now, KeyUsage::required(usage), None, None)
        .map_err(CertError::Chain)?;
    Ok(cert)
}

fn verify_client(
    leaf: &CertificateDer<'_>,
    anchors: &[TrustAnchor<'_>],
    org: &OrgId,
    role: &str,
    time: CheckTime,
    max_span: Duration,
) -> Result<(String, Summary), CertError> {
    let (rest, parsed) = X509Certificate::from_der(leaf).map_err(|_| CertError::Malformed)?;
    if !rest.is_empty() {
        return Err(CertError::Malformed);
    }
    let summary = summary(leaf, &parsed);
    verify_chain(leaf, anchors, time.for_certificate(summary.not_before), CLIENT_AUTH)?;
    check_usage(&parsed)?;
    let (uri, dns) = names(&parsed)?;
    let id = uri
        .strip_prefix(format!("distans://{org}/{role}/").as_str())
        .ok_or(CertError::Rule("its URI names another organisation or role"))?;
    if dns != format!("{id}.{}", role_domain(role, org)) {
        return Err(CertError::Rule("its DNS name does not match its URI"));
    }
    let span = summary.not_after.since(summary.not_before);
    // A certificate begins a little before it is issued; that part is no extra life.
    if span > max_span.saturating_add(BACKDATING) {
        return Err(CertError::Span {
            found_h: span.as_secs().div_ceil(3600),
            limit_h: max_span.as_secs() / 3600,
        });
    }
    let key = PublicKey::from_spki(&summary.spki).map_err(|_| CertError::Malformed)?;
    if key.algorithm() != Algorithm::P256 {
        return Err(CertError::Rule("its key is not a P-256 key"));
    }
    Ok((id.to_owned(), summary))
}

fn check_usage(parsed: &X509Certificate<'_>) -> Result<(), CertError> {
    let usage = parsed.key_usage().map_err(|_| CertError::Malformed)?;
    let usage = usage.ok_or(CertError::Rule("its key usage is missing"))?.value;
    if !usage.digital_signature() || usage.key_cert_sign() {
        return Err(CertError::Rule("its key usage is not digitalSignature"));
    }
    let extended = parsed.extended_key_usage().map_err(|_| CertError::Malformed)?;
    let extended = extended.ok_or(CertError::Rule("its extended key usage is missing"))?.value;
    if extended.any || extended.server_auth || !extended.client_auth {
        return Err(CertError::Rule("its extended key usage is not clientAuth alone"));
    }
    Ok(())
}

/// The only URI and the only DNS name of a certificate that has no other names.
fn names<'a>(parsed: &X509Certificate<'a>) -> Result<(&'a str, &'a str), CertError> {
    let one_each = CertError::Rule("it must have exactly one URI and one DNS name");
    let names = parsed.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        x509_parser::extensions::ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
        _ => None,
    });
    let (mut uri, mut dns) = (None, None);
    for name in names.ok_or(one_each.clone())? {
        let (place, text) = match name {
            GeneralName::URI(text) => (&mut uri, *text),
            GeneralName::DNSName(text) => (&mut dns, *text),
            _ => return Err(one_each),
        };
        if place.replace(text).is_some() {
            return Err(one_each);
        }
    }
    uri.zip(dns).ok_or(one_each)
}
