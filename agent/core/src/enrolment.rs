//! Enrolment as decisions: which of the fetched documents to believe with a token in hand, and
//! what to say about ourselves.
//!
//! 1. Roots, from a broker nobody can verify yet: believed if one of them has the hash in the
//!    token and the others follow from it ([`believe`]).
//! 2. The token's certificate, over the verified connection: believed if an enrol key of the
//!    newest root signed it; it tells the group ([`group`]).
//! 3. The endorsement of our key by the token's key ([`endorse`]).
//! 4. The answer: a certificate for our key and a policy ([`accept`]).

use distans_proto::enrol::Enrolled;
use distans_proto::ids::{DeviceId, GroupId};
use distans_proto::time::Timestamp;
use distans_trust::certs::{self, CertError};
use distans_trust::device::{EndorseRequest, endorse as endorse_key, verify_token_cert};
use distans_trust::documents::{DocumentError, MakeError};
use distans_trust::envelope::{Envelope, EnvelopeError};
use distans_trust::keys::{KeyError, PublicKey};
use distans_trust::store::{Staged, Trust, TrustError};
use distans_trust::token::EnrolToken;

/// Most root documents taken from a broker that is not verified yet.
pub const ROOTS_LIMIT: usize = distans_trust::store::CHAIN_LIMIT;

/// Why a PC does not go on enrolling.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// Something is no envelope.
    #[error("the broker sent something that is no document: {0}")]
    Envelope(#[from] EnvelopeError),
    /// More roots than there can be.
    #[error("the broker sent {0} root documents, at most {ROOTS_LIMIT} are taken")]
    TooManyRoots(usize),
    /// The roots do not follow from the token, or the policy not from them.
    #[error("the broker's documents are not those of the token: {0}")]
    Trust(#[from] TrustError),
    /// The token names one organisation, its root another.
    #[error("the token is for organisation {token}, the documents are {root}'s; ask for a new token")]
    Organisation {
        /// In the token.
        token: String,
        /// In the root.
        root: String,
    },
    /// The token's certificate does not hold.
    #[error("the token's certificate does not hold: {0}")]
    TokenCert(#[from] DocumentError),
    /// The broker answered with another token's certificate.
    #[error("the broker sent the certificate of another token")]
    OtherToken,
    /// The token's life is over, by this PC's clock.
    #[error("the token has expired, or this PC's clock is wrong; check the clock, then ask for a new token")]
    Expired,
    /// The token's key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The endorsement was not made.
    #[error("the endorsement cannot be made: {0}")]
    Endorsement(#[from] MakeError),
    /// The new certificate is not for us.
    #[error("the broker's certificate for this PC is not usable: {0}")]
    Certificate(#[from] CertError),
    /// The new certificate is for another key.
    #[error("the broker's certificate is for another key than this PC's")]
    OtherKey,
    /// No policy came along.
    #[error("the broker sent a policy that brings nothing new")]
    NoPolicy,
}

/// The documents to believe: up the chain from the root that the token pins.
///
/// # Errors
/// [`EnrolError`]: then this is another organisation's broker, or somebody in between.
pub fn believe<'a>(
    token: &EnrolToken,
    roots: impl ExactSizeIterator<Item = &'a [u8]>,
) -> Result<Trust, EnrolError> {
    if roots.len() > ROOTS_LIMIT {
        return Err(EnrolError::TooManyRoots(roots.len()));
    }
    let roots = roots.map(Envelope::parse).collect::<Result<Vec<_>, _>>()?;
    let trust = Trust::pinned(&roots, token.root_sha256)?;
    if trust.org() != &token.org {
        return Err(EnrolError::Organisation { token: token.org.to_string(), root: trust.org().to_string() });
    }
    Ok(trust)
}

/// The group the token brings a PC into, as the organisation's enrol key says.
///
/// # Errors
/// [`EnrolError`].
pub fn group(
    token: &EnrolToken,
    trust: &Trust,
    certificate: &[u8],
    now: Timestamp,
) -> Result<GroupId, EnrolError> {
    let verified = verify_token_cert(trust.root(), &Envelope::parse(certificate)?)?;
    let certificate = verified.document();
    if certificate.token_id != token.id || certificate.token_key != *public(token)? {
        return Err(EnrolError::OtherToken);
    }
    if now > certificate.not_after {
        return Err(EnrolError::Expired);
    }
    Ok(certificate.group.clone())
}

fn public(token: &EnrolToken) -> Result<Box<PublicKey>, EnrolError> {
    use distans_trust::keys::Signer;
    Ok(Box::new(token.key()?.public().clone()))
}

/// Who this PC says it is.
#[derive(Debug, Clone, Copy)]
pub struct Newcomer<'a> {
    /// The id it chose at random.
    pub device: DeviceId,
    /// Its key.
    pub key: &'a PublicKey,
    /// Its group, from [`group`].
    pub group: &'a GroupId,
    /// Its host name.
    pub hostname: &'a str,
}

/// The token's word for this PC's key, as JSON.
///
/// # Errors
/// [`EnrolError`].
pub fn endorse(
    token: &EnrolToken,
    newcomer: Newcomer<'_>,
    nonce: [u8; 16],
    now: Timestamp,
) -> Result<Vec<u8>, EnrolError> {
    let request = EndorseRequest {
        org: &token.org,
        device: newcomer.device,
        key: newcomer.key,
        group: newcomer.group,
        hostname: newcomer.hostname,
        nonce,
    };
    Ok(endorse_key(&request, &token.key()?, now)?.to_json())
}

/// Checks the broker's answer. What it stages is to be written to disk before it is in force.
///
/// # Errors
/// [`EnrolError`].
pub fn accept(trust: &Trust, key: &PublicKey, answer: &Enrolled) -> Result<Staged, EnrolError> {
    check_certificate(key, &answer.certificate)?;
    let policy = Envelope::parse(&answer.policy)?;
    trust.stage(&[], Some(&policy))?.ok_or(EnrolError::NoPolicy)
}

/// Checks that an outer certificate is for our key. Who issued it is the broker's business
/// alone: only the broker looks at it.
///
/// # Errors
/// [`EnrolError`].
pub fn check_certificate(key: &PublicKey, certificate: &[u8]) -> Result<(), EnrolError> {
    if certs::inspect(certificate)?.spki != key.spki() {
        return Err(EnrolError::OtherKey);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Organisation, now};
    use distans_trust::device::verify_enrolment;
    use distans_trust::hash::Sha256;
    use distans_trust::keys::{P256Key, Signer};

    #[test]
    fn a_token_leads_to_documents_group_and_an_endorsement_the_broker_believes() {
        let organisation = Organisation::new();
        let (token, certificate) = organisation.token("kontor");
        let trust =
            believe(&token, organisation.roots().iter().map(Vec::as_slice)).expect("the token's roots");
        let group = group(&token, &trust, &certificate, now()).expect("a group");
        assert_eq!(group.as_str(), "kontor");
        let key = P256Key::generate().expect("a key");
        let device = DeviceId::from_bytes([2; 16]);
        let newcomer = Newcomer { device, key: key.public(), group: &group, hostname: "PC-ORSA-014" };
        let endorsement = endorse(&token, newcomer, [9; 16], now()).expect("endorsed");
        let verified = verify_enrolment(
            trust.root(),
            &organisation.policy(|_| {}),
            &Envelope::parse(&certificate).expect("an envelope"),
            &Envelope::parse(&endorsement).expect("an envelope"),
            key.public().spki(),
            now(),
        );
        assert_eq!(verified.expect("believed").id(), device);
    }

    #[test]
    fn another_organisations_broker_is_not_believed() {
        let (ours, theirs) = (Organisation::new(), Organisation::new());
        let (token, certificate) = ours.token("kontor");
        let refused = believe(&token, theirs.roots().iter().map(Vec::as_slice)).expect_err("other roots");
        assert!(matches!(refused, EnrolError::Trust(TrustError::NotPinned(_))), "{refused}");
        let mut forged = token.clone();
        forged.root_sha256 = Sha256::of(b"x");
        assert!(believe(&forged, ours.roots().iter().map(Vec::as_slice)).is_err());
        let trust = believe(&token, ours.roots().iter().map(Vec::as_slice)).expect("ours");
        let (other, other_certificate) = ours.token("skola");
        assert!(matches!(group(&token, &trust, &other_certificate, now()), Err(EnrolError::OtherToken)));
        assert!(matches!(group(&other, &trust, &certificate, now()), Err(EnrolError::OtherToken)));
        let (_, their_certificate) = theirs.token("kontor");
        assert!(matches!(group(&token, &trust, &their_certificate, now()), Err(EnrolError::TokenCert(_))));
    }

    #[test]
    fn an_expired_token_is_said_to_be_so() {
        let organisation = Organisation::new();
        let (token, certificate) = organisation.token("kontor");
        let trust = believe(&token, organisation.roots().iter().map(Vec::as_slice)).expect("roots");
        let late = now().plus(std::time::Duration::from_secs(40 * 86_400));
        assert!(matches!(group(&token, &trust, &certificate, late), Err(EnrolError::Expired)));
    }
}
