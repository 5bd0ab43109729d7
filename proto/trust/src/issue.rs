//! Making certificates and signing requests. Pure: time and serial numbers are handed in.
//!
//! Used by the administrator's program, by the broker for device certificates, and later by
//! the signing service. Exactly the fields of security.md §3, nothing else.

use std::time::Duration;

use distans_proto::ids::{DeviceId, OrgId, TechnicianId};
use distans_proto::time::Timestamp;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyUsagePurpose, NameConstraints, PublicKeyData, SanType, SerialNumber,
    SignatureAlgorithm, SubjectPublicKeyInfo,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, DnsName};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use crate::certs::{self, BACKDATING, CertError};
use crate::keys::{Algorithm, P256Key, PublicKey, Signer};
use crate::policy::CERT_HOURS_LIMIT;

const DAY: Duration = Duration::from_secs(86_400);

/// Life of a broker's and of a device's certificate.
pub const LEAF_LIFE: Duration = Duration::from_secs(90 * 86_400);

/// Why a certificate was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// A name cannot stand in a certificate.
    #[error("{0:?} cannot be a DNS name in a certificate (letters, digits, hyphens; no IP address)")]
    Name(String),
    /// The request is unreadable or its signature does not hold.
    #[error("the signing request is unreadable or not signed by its own key")]
    Request,
    /// Only P-256 keys are certified.
    #[error("the key to certify must be a P-256 key")]
    Key,
    /// The CA's key and certificate do not belong together.
    #[error("the CA's key does not belong to its certificate")]
    OtherCa,
    /// The CA's certificate.
    #[error("the CA's certificate: {0}")]
    Ca(#[from] CertError),
    /// The life asked for is not allowed.
    #[error("a technician's certificate lives 1 to {CERT_HOURS_LIMIT} hours")]
    Life,
    /// The library refused.
    #[error("the certificate could not be made: {0}")]
    Library(String),
}

impl From<rcgen::Error> for IssueError {
    fn from(error: rcgen::Error) -> Self {
        Self::Library(error.to_string())
    }
}

/// What a CA is for; this decides the names it may certify and its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaRole<'a> {
    /// Technicians; 2 years.
    Technician,
    /// Devices' outer certificates; 2 years.
    Device,
    /// The broker, under these DNS names; 5 years.
    Service(&'a [String]),
}

impl CaRole<'_> {
    fn name(self) -> &'static str {
        match self {
            Self::Technician => "technician-ca",
            Self::Device => "device-ca",
            Self::Service(_) => "service-ca",
        }
    }

    fn life(self) -> Duration {
        match self {
            Self::Technician | Self::Device => DAY * (2 * 365),
            Self::Service(_) => DAY * (5 * 365),
        }
    }

    fn permitted(self, org: &OrgId) -> Result<Vec<String>, IssueError> {
        match self {
            Self::Technician => Ok(vec![certs::role_domain("tech", org)]),
            Self::Device => Ok(vec![certs::role_domain("device", org)]),
            Self::Service(names) => names.iter().map(|name| dns_name(name)).collect(),
        }
    }
}

/// Makes a self-signed CA certificate, DER.
///
/// # Errors
/// [`IssueError`].
pub fn new_ca(
    role: CaRole<'_>,
    org: &OrgId,
    key: &P256Key,
    now: Timestamp,
    serial: [u8; 16],
) -> Result<Vec<u8>, IssueError> {
    let mut params = params(&format!("{org} {}", role.name()), now, role.life(), serial);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let permitted = role.permitted(org)?;
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: permitted.into_iter().map(GeneralSubtree::DnsName).collect(),
        excluded_subtrees: Vec::new(),
    });
    Ok(params.self_signed(&SigningKey(key))?.der().to_vec())
}

/// A CA that can certify.
#[derive(Debug)]
pub struct Ca {
    key: P256Key,
    certificate: CertificateDer<'static>,
}

impl Ca {
    /// Puts key and certificate (DER) together.
    ///
    /// # Errors
    /// [`IssueError::OtherCa`] if they do not belong together.
    pub fn new(key: P256Key, certificate: &[u8]) -> Result<Self, IssueError> {
        certs::anchor(certificate)?;
        if certs::inspect(certificate)?.spki != key.public().spki() {
            return Err(IssueError::OtherCa);
        }
        Ok(Self { key, certificate: CertificateDer::from(certificate.to_vec()) })
    }

    /// Its certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// A technician's certificate, DER, for `life` (1 to 12 hours) from `now`.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn issue_technician(
        &self,
        org: &OrgId,
        id: &TechnicianId,
        key: &PublicKey,
        life: Duration,
        now: Timestamp,
        serial: [u8; 16],
    ) -> Result<Vec<u8>, IssueError> {
        if life < Duration::from_secs(3600) || life > Duration::from_secs(u64::from(CERT_HOURS_LIMIT) * 3600)
        {
            return Err(IssueError::Life);
        }
        let mut params = params(id.as_str(), now, life, serial);
        params.subject_alt_names =
            client_names(id.as_str(), &certs::role_domain("tech", org), &certs::technician_uri(org, id))?;
        self.sign_leaf(params, ExtendedKeyUsagePurpose::ClientAuth, key)
    }

    /// A device's outer certificate, DER, for 90 days.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn issue_device(
        &self,
        org: &OrgId,
        id: DeviceId,
        key: &PublicKey,
        now: Timestamp,
        serial: [u8; 16],
    ) -> Result<Vec<u8>, IssueError> {
        let label = id.to_string();
        let mut params = params(&label, now, LEAF_LIFE, serial);
        params.subject_alt_names =
            client_names(&label, &certs::role_domain("device", org), &certs::device_uri(org, id))?;
        self.sign_leaf(params, ExtendedKeyUsagePurpose::ClientAuth, key)
    }

    /// A broker's certificate, DER, for 90 days.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn issue_broker(
        &self,
        name: &str,
        key: &PublicKey,
        now: Timestamp,
        serial: [u8; 16],
    ) -> Result<Vec<u8>, IssueError> {
        let name = dns_name(name)?;
        let mut params = params(&name, now, LEAF_LIFE, serial);
        params.subject_alt_names = vec![SanType::DnsName(ia5(&name)?)];
        self.sign_leaf(params, ExtendedKeyUsagePurpose::ServerAuth, key)
    }

    fn sign_leaf(
        &self,
        mut params: CertificateParams,
        usage: ExtendedKeyUsagePurpose,
        key: &PublicKey,
    ) -> Result<Vec<u8>, IssueError> {
        if key.algorithm() != Algorithm::P256 {
            return Err(IssueError::Key);
        }
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let issuer = Issuer::from_ca_cert_der(&self.certificate, SigningKey(&self.key))?;
        let subject = SubjectPublicKeyInfo::from_der(key.spki())?;
        Ok(params.signed_by(&subject, &issuer)?.der().to_vec())
    }
}

/// A PKCS#10 request, DER: proves that its sender holds the key. The names in it count for
/// nothing; the CA decides them.
///
/// # Errors
/// [`IssueError`].
pub fn new_request(key: &P256Key) -> Result<Vec<u8>, IssueError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "request");
    Ok(params.serialize_request(&SigningKey(key))?.der().to_vec())
}

/// The key in a PKCS#10 request (DER), after its signature was checked. P-256 only.
///
/// # Errors
/// [`IssueError::Request`] or [`IssueError::Key`].
pub fn read_request(der: &[u8]) -> Result<PublicKey, IssueError> {
    if der.len() > 8 * 1024 {
        return Err(IssueError::Request);
    }
    let whole = X509CertificationRequest::from_der(der).is_ok_and(|(rest, _)| rest.is_empty());
    if !whole {
        return Err(IssueError::Request);
    }
    let request = CertificateSigningRequestDer::from(der);
    let parsed = CertificateSigningRequestParams::from_der(&request).map_err(|_| IssueError::Request)?;
    let spki = parsed.public_key.subject_public_key_info();
    let key = PublicKey::from_spki(&spki).map_err(|_| IssueError::Request)?;
    if key.algorithm() != Algorithm::P256 {
        return Err(IssueError::Key);
    }
    Ok(key)
}

/// Checks that an organisation's or technician's id can be one label of a DNS name: at most 63
/// characters, no hyphen at its ends.
///
/// # Errors
/// [`IssueError::Name`].
pub fn check_label(label: &str) -> Result<(), IssueError> {
    dns_name(label).map(drop)
}

/// A certificate (DER) as PEM text.
pub fn to_pem(der: &[u8]) -> String {
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in data_encoding::BASE64.encode(der).as_bytes().chunks(64) {
        pem.extend(line.iter().copied().map(char::from));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

fn params(common_name: &str, now: Timestamp, life: Duration, serial: [u8; 16]) -> CertificateParams {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = epoch + since_epoch(now.minus(BACKDATING));
    params.not_after = epoch + since_epoch(now.plus(life));
    params.use_authority_key_identifier_extension = true;
    params
}

/// The end of the year 9999, the last a certificate can show.
const MAX_SECS: u64 = 253_402_300_799;

fn since_epoch(time: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(time.as_secs()).unwrap_or(0).min(MAX_SECS))
}

fn client_names(label: &str, domain: &str, uri: &str) -> Result<Vec<SanType>, IssueError> {
    let name = dns_name(&format!("{label}.{domain}"))?;
    Ok(vec![SanType::DnsName(ia5(&name)?), SanType::URI(ia5(uri)?)])
}

fn dns_name(name: &str) -> Result<String, IssueError> {
    let wrong = || IssueError::Name(name.chars().take(80).collect());
    if name.parse::<std::net::IpAddr>().is_ok() || name.bytes().any(|byte| byte == b'*' || byte == b'_') {
        return Err(wrong());
    }
    DnsName::try_from(name).map(|name| name.as_ref().to_ascii_lowercase()).map_err(|_| wrong())
}

fn ia5(text: &str) -> Result<Ia5String, IssueError> {
    Ia5String::try_from(text).map_err(|_| IssueError::Name(text.chars().take(80).collect()))
}

/// Lets rcgen sign with our key without handing it the private part.
struct SigningKey<'a>(&'a P256Key);

impl PublicKeyData for SigningKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.public().raw()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for SigningKey<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign(message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}
