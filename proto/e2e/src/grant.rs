//! The grant: what a technician may do on one PC for how long, signed at the PC.
//!
//! The agent signs it after its policy and its person have said yes; the technician's session
//! key signs it too. From then on every operation is measured against it.

use distans_proto::ids::{DeviceId, OrgId, SessionId, TechnicianId};
use distans_proto::scope::ScopeSet;
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;
use distans_trust::hash::Sha256;
use distans_trust::keys::PublicKey;
use distans_trust::rfc3339;
use serde::{Deserialize, Serialize};

use crate::session::Binding;
use crate::signed::{Payload, Signed, SignedError};

/// How the scopes came to be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentHow {
    /// The person at the PC was asked and said yes.
    Asked,
    /// Policy lets all of it be announced only.
    Announced,
    /// A rule of the policy for PCs where nobody is asked.
    Unattended,
}

/// Who agreed, and to what text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Account of the person who answered; none where nobody was asked.
    pub who: Option<Untrusted>,
    /// How.
    pub how: ConsentHow,
    /// The granted scopes that were announced and not asked for.
    pub announced: ScopeSet,
    /// SHA-256 of the CBOR of the question (`local::Ask`) as it was shown, its nonce included,
    /// so that nobody can guess the text back from the hash.
    pub text_sha256: Option<Sha256>,
}

/// A grant's payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The organisation.
    pub org: OrgId,
    /// The session.
    pub session: SessionId,
    /// Epoch of the attachment in which it was given.
    pub epoch: u8,
    /// Who may.
    pub technician: TechnicianId,
    /// SHA-256 of that technician's certificate, DER.
    pub certificate_sha256: Sha256,
    /// Where.
    pub device: DeviceId,
    /// What.
    pub scopes: ScopeSet,
    /// Who agreed.
    pub consent: Consent,
    /// Version of the policy it was measured against.
    pub policy_version: u64,
    /// From when.
    #[serde(with = "rfc3339")]
    pub start: Timestamp,
    /// Until when.
    #[serde(with = "rfc3339")]
    pub expires: Timestamp,
    /// Ties it to the handshake in which it was given.
    pub binding: Sha256,
    /// Demands on the reader; none in this version.
    pub crit: Vec<String>,
}

impl Payload for Grant {
    const TYPE: &'static str = "grant";
    const LIMIT: usize = 16 * 1024;

    fn critical(&self) -> &[String] {
        &self.crit
    }
}

/// What a technician's program knows about the grant it should get.
#[derive(Debug, Clone)]
pub struct Expected<'a> {
    /// Its organisation.
    pub org: &'a OrgId,
    /// The session it asked for.
    pub session: SessionId,
    /// The PC it asked.
    pub device: DeviceId,
    /// Itself.
    pub technician: &'a TechnicianId,
    /// SHA-256 of the certificate it showed.
    pub certificate_sha256: Sha256,
    /// What it asked for; `None` when coming back to a session of an earlier program.
    pub scopes: Option<ScopeSet>,
    /// Of the handshake in which it asked; `None` when coming back.
    pub binding: Option<&'a Binding>,
    /// Its clock.
    pub now: Timestamp,
}

/// A grant that is genuine and yet not the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// Not a grant of this PC.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// A field has another value than it should.
    #[error("the grant's {0} is not that of this session; it was given elsewhere")]
    Elsewhere(&'static str),
    /// More than was asked for.
    #[error("the grant gives more than was asked for")]
    Wider,
    /// Over.
    #[error("the grant has expired")]
    Expired,
}

/// Opens a grant as the technician: genuine, this session's, no wider than asked, and not over.
///
/// # Errors
/// [`GrantError`].
pub fn open(
    bytes: &[u8],
    device_key: &PublicKey,
    expected: &Expected<'_>,
) -> Result<Signed<Grant>, GrantError> {
    let signed = Signed::<Grant>::open(bytes, device_key)?;
    let grant = signed.payload();
    let same = |is_same: bool, field| if is_same { Ok(()) } else { Err(GrantError::Elsewhere(field)) };
    same(grant.org == *expected.org, "organisation")?;
    same(grant.session == expected.session, "session")?;
    same(grant.device == expected.device, "PC")?;
    same(grant.technician == *expected.technician, "technician")?;
    same(grant.certificate_sha256 == expected.certificate_sha256, "certificate")?;
    same(expected.binding.is_none_or(|binding| grant.binding.as_bytes() == binding), "handshake")?;
    if expected.scopes.is_some_and(|asked| !grant.scopes.is_subset(asked)) {
        return Err(GrantError::Wider);
    }
    if grant.expires <= expected.now {
        return Err(GrantError::Expired);
    }
    Ok(signed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use distans_proto::scope::Scope;
    use distans_trust::keys::{P256Key, Signer};

    const SESSION: SessionId = SessionId::from_bytes([1; 16]);
    const DEVICE: DeviceId = DeviceId::from_bytes([2; 16]);
    const BINDING: Binding = [3; 32];

    fn asked() -> ScopeSet {
        ScopeSet::EMPTY.with(Scope::Diagnose).with(Scope::Command)
    }

    fn grant() -> Grant {
        Grant {
            org: "mora".parse().expect("label"),
            session: SESSION,
            epoch: 1,
            technician: "anna".parse().expect("label"),
            certificate_sha256: Sha256::of(b"certificate"),
            device: DEVICE,
            scopes: asked(),
            consent: Consent {
                who: Some("kalle".into()),
                how: ConsentHow::Asked,
                announced: ScopeSet::EMPTY.with(Scope::Diagnose),
                text_sha256: Some(Sha256::of(b"text")),
            },
            policy_version: 7,
            start: Timestamp::from_secs(1_772_350_200),
            expires: Timestamp::from_secs(1_772_353_800),
            binding: Sha256::from_bytes(BINDING),
            crit: Vec::new(),
        }
    }

    fn open_with(
        bytes: &[u8],
        key: &PublicKey,
        change: impl Fn(&mut Expected<'_>),
    ) -> Result<(), GrantError> {
        let (org, technician) = ("mora".parse().expect("label"), "anna".parse().expect("label"));
        let mut expected = Expected {
            org: &org,
            session: SESSION,
            device: DEVICE,
            technician: &technician,
            certificate_sha256: Sha256::of(b"certificate"),
            scopes: Some(asked()),
            binding: Some(&BINDING),
            now: Timestamp::from_secs(1_772_350_201),
        };
        change(&mut expected);
        open(bytes, key, &expected).map(|_| ())
    }

    #[test]
    fn a_grant_is_signed_by_both_and_reads_back() {
        let (device, technician) = (P256Key::generate().expect("key"), P256Key::generate().expect("key"));
        let mut at_agent = Signed::sign(grant(), &device).expect("signed");
        let mut at_technician = Signed::<Grant>::open(&at_agent.to_json(), device.public()).expect("opens");
        assert_eq!(at_technician.payload(), &grant());
        let signature = at_technician.countersign(&technician).expect("signed");
        let wrong = at_agent.take_countersignature(device.public(), signature.clone());
        assert_eq!(wrong, Err(SignedError::Countersignature("grant")));
        assert!(!at_agent.is_countersigned_by(technician.public()));
        at_agent.take_countersignature(technician.public(), signature).expect("holds");
        assert!(at_agent.is_countersigned_by(technician.public()));
        assert_eq!(at_agent.sha256(), at_technician.sha256());
        assert_eq!(at_agent.to_json(), at_technician.to_json());
    }

    #[test]
    fn a_grant_of_another_session_or_wider_than_asked_is_refused() {
        let device = P256Key::generate().expect("key");
        let bytes = Signed::sign(grant(), &device).expect("signed").to_json();
        let open = |change: &dyn Fn(&mut Expected<'_>)| open_with(&bytes, device.public(), change);
        assert_eq!(open(&|_| {}), Ok(()));
        assert_eq!(open(&|expected| expected.binding = None), Ok(()));
        let elsewhere = |field| Err(GrantError::Elsewhere(field));
        assert_eq!(open(&|expected| expected.binding = Some(&[4; 32])), elsewhere("handshake"));
        assert_eq!(open(&|expected| expected.session = SessionId::from_bytes([9; 16])), elsewhere("session"));
        assert_eq!(open(&|expected| expected.device = DeviceId::from_bytes([9; 16])), elsewhere("PC"));
        assert_eq!(
            open(&|expected| expected.certificate_sha256 = Sha256::of(b"other")),
            elsewhere("certificate")
        );
        let less = ScopeSet::EMPTY.with(Scope::Diagnose);
        assert_eq!(open(&|expected| expected.scopes = Some(less)), Err(GrantError::Wider));
        assert_eq!(
            open(&|expected| expected.now = Timestamp::from_secs(1_772_353_800)),
            Err(GrantError::Expired)
        );
        let other = P256Key::generate().expect("key");
        assert_eq!(
            open_with(&bytes, other.public(), |_| {}),
            Err(GrantError::Signed(SignedError::Device("grant")))
        );
    }

    #[test]
    fn a_demand_this_version_does_not_know_is_refused() {
        let device = P256Key::generate().expect("key");
        let bytes =
            Signed::sign(Grant { crit: vec!["moon".into()], ..grant() }, &device).expect("signed").to_json();
        let refused = Signed::<Grant>::open(&bytes, device.public());
        assert_eq!(refused, Err(SignedError::Critical { kind: "grant", extension: "moon".into() }));
    }
}
