//! From an endorsement to a device one may talk to: endorsement → token certificate → the
//! organisation's enrol keys, minus everything revoked.

use std::time::Duration;

use distans_proto::ids::{DeviceId, GroupId, OrgId, TokenId};
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;

use crate::documents::{self, DocumentError, Head, MakeError, Verified};
use crate::enrolment::{Endorsement, TokenCert};
use crate::envelope::Envelope;
use crate::hash::Sha256;
use crate::keys::{Ed25519Key, PublicKey, Signer};
use crate::policy::Policy;
use crate::root::Root;

/// How far a PC's clock may be off when it enrols.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(48 * 3600);

/// Why a device, or the token that brought it in, is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// One of the two documents.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The two documents do not belong together.
    #[error("the endorsement's {0} is not the token's")]
    Mismatch(&'static str),
    /// Made outside the token's life, or in the future.
    #[error("the endorsement was made {0}; is the PC's clock right?")]
    Time(&'static str),
    /// Revoked by policy.
    #[error("{0} is revoked by policy")]
    Revoked(&'static str),
    /// No enrolment with it any more.
    #[error("the token expired; ask for a new one")]
    TokenExpired,
    /// The key presented is not the endorsed one.
    #[error("the key presented is not the one endorsed")]
    OtherKey,
}

/// A device whose chain holds. Only [`verify_endorsement`] and [`verify_enrolment`] make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedDevice {
    id: DeviceId,
    spki_sha256: Sha256,
    group: GroupId,
    token: TokenId,
    hostname: Untrusted,
}

impl VerifiedDevice {
    /// Its id.
    pub const fn id(&self) -> DeviceId {
        self.id
    }

    /// SHA-256 of its key's SPKI.
    pub const fn spki_sha256(&self) -> Sha256 {
        self.spki_sha256
    }

    /// Its group, from the token certificate.
    pub const fn group(&self) -> &GroupId {
        &self.group
    }

    /// The token that brought it in.
    pub const fn token(&self) -> TokenId {
        self.token
    }

    /// Its name for itself when it enrolled.
    pub const fn hostname(&self) -> &Untrusted {
        &self.hostname
    }

    /// True if `spki` (DER) is this device's key.
    pub fn has_key(&self, spki: &[u8]) -> bool {
        Sha256::of(spki) == self.spki_sha256
    }
}

/// Opens a token certificate: signed by an enrol key of `root`. Whether it may still be used
/// is another question: [`usable`].
///
/// # Errors
/// [`DocumentError`].
pub fn verify_token_cert(root: &Root, envelope: &Envelope) -> Result<Verified<TokenCert>, DocumentError> {
    root.open(envelope, &root.roles.enrol)
}

/// Checks that a token may bring in a PC at `now`: not revoked, not expired. Uses are counted by
/// the broker.
///
/// # Errors
/// [`DeviceError::Revoked`] or [`DeviceError::TokenExpired`].
pub fn usable(token: &TokenCert, policy: &Policy, now: Timestamp) -> Result<(), DeviceError> {
    if policy.revoked.tokens.contains(&token.token_id) {
        return Err(DeviceError::Revoked("the token"));
    }
    if now > token.not_after {
        return Err(DeviceError::TokenExpired);
    }
    Ok(())
}

/// Checks the chain of a device enrolled earlier. The token may have expired since: what counts
/// is that the endorsement was made in its life.
///
/// # Errors
/// [`DeviceError`].
pub fn verify_endorsement(
    root: &Root,
    policy: &Policy,
    token_cert: &Envelope,
    endorsement: &Envelope,
    now: Timestamp,
) -> Result<VerifiedDevice, DeviceError> {
    let token = verify_token_cert(root, token_cert)?;
    let token = token.document();
    let endorsement: Verified<Endorsement> =
        documents::open(endorsement, [&token.token_key], 1, &root.head.org)?;
    let endorsement = endorsement.document();
    if endorsement.group != token.group {
        return Err(DeviceError::Mismatch("group"));
    }
    if endorsement.time.plus(CLOCK_TOLERANCE) < token.head.issued {
        return Err(DeviceError::Time("before the token"));
    }
    if endorsement.time > token.not_after.plus(CLOCK_TOLERANCE) {
        return Err(DeviceError::Time("after the token expired"));
    }
    if endorsement.time > now.plus(CLOCK_TOLERANCE) {
        return Err(DeviceError::Time("in the future"));
    }
    let revoked = &policy.revoked;
    if revoked.tokens.contains(&token.token_id) {
        return Err(DeviceError::Revoked("the token that brought the device in"));
    }
    if revoked.devices.contains(&endorsement.device_id) {
        return Err(DeviceError::Revoked("the device"));
    }
    if revoked.keys.contains(&endorsement.device_spki_sha256) {
        return Err(DeviceError::Revoked("the device's key"));
    }
    Ok(VerifiedDevice {
        id: endorsement.device_id,
        spki_sha256: endorsement.device_spki_sha256,
        group: token.group.clone(),
        token: token.token_id,
        hostname: endorsement.hostname.clone(),
    })
}

/// Checks a device that wants in now, with the key it proved to hold (`spki`, DER).
///
/// # Errors
/// [`DeviceError`].
pub fn verify_enrolment(
    root: &Root,
    policy: &Policy,
    token_cert: &Envelope,
    endorsement: &Envelope,
    spki: &[u8],
    now: Timestamp,
) -> Result<VerifiedDevice, DeviceError> {
    usable(verify_token_cert(root, token_cert)?.document(), policy, now)?;
    let device = verify_endorsement(root, policy, token_cert, endorsement, now)?;
    if !device.has_key(spki) {
        return Err(DeviceError::OtherKey);
    }
    Ok(device)
}

/// What an endorsement says.
#[derive(Debug, Clone)]
pub struct EndorseRequest<'a> {
    /// The organisation.
    pub org: &'a OrgId,
    /// The device's id.
    pub device: DeviceId,
    /// The device's key.
    pub key: &'a PublicKey,
    /// The token's group.
    pub group: &'a GroupId,
    /// The PC's name; cut to 255 bytes.
    pub hostname: &'a str,
    /// Random.
    pub nonce: [u8; 16],
}

/// Makes the endorsement of a device key with a token's key.
///
/// # Errors
/// [`MakeError`].
pub fn endorse(
    request: &EndorseRequest<'_>,
    token: &Ed25519Key,
    now: Timestamp,
) -> Result<Envelope, MakeError> {
    let hostname = &request.hostname[..request.hostname.floor_char_boundary(255)];
    let endorsement = Endorsement {
        head: Head {
            org: request.org.clone(),
            version: 1,
            issued: now,
            expires: now.plus(Endorsement::LIFE),
            crit: Vec::new(),
        },
        device_id: request.device,
        device_spki_sha256: request.key.sha256(),
        group: request.group.clone(),
        hostname: hostname.into(),
        time: now,
        nonce: data_encoding::HEXLOWER.encode(&request.nonce),
    };
    let keys: [&dyn Signer; 1] = [token];
    documents::make(&endorsement, &keys)
}
