//! Tokens and endorsements: the chain that makes a PC one of ours.

use distans_proto::ids::DeviceId;
use distans_proto::time::Timestamp;
use distans_trust::device::{self, DeviceError, EndorseRequest, VerifiedDevice};
use distans_trust::documents::{self, DocumentError};
use distans_trust::enrolment::TokenCert;
use distans_trust::envelope::Envelope;
use distans_trust::keys::{Ed25519Key, P256Key, Signer};

use crate::sample::{DAY, Mora, NOW, device, label};

struct Enrolment {
    mora: Mora,
    token_cert: Envelope,
    token: Ed25519Key,
    key: P256Key,
}

impl Enrolment {
    fn new() -> Self {
        let mora = Mora::found();
        let (token_cert, token) = mora.token();
        Self { mora, token_cert, token, key: P256Key::generate().expect("a key") }
    }

    fn endorse(&self, group: &str, by: &Ed25519Key, at: Timestamp) -> Envelope {
        let request = EndorseRequest {
            org: &label("mora"),
            device: device(),
            key: self.key.public(),
            group: &label(group),
            hostname: "PC-ORSA-014",
            nonce: [4; 16],
        };
        device::endorse(&request, by, at).expect("an endorsement")
    }

    fn good(&self) -> Envelope {
        self.endorse("kontor", &self.token, NOW.plus(DAY))
    }

    fn verify(&self, endorsement: &Envelope, at: Timestamp) -> Result<VerifiedDevice, DeviceError> {
        device::verify_endorsement(&self.mora.root, &self.mora.policy, &self.token_cert, endorsement, at)
    }

    fn enrol(&self, spki: &[u8], at: Timestamp) -> Result<VerifiedDevice, DeviceError> {
        let Mora { root, policy, .. } = &self.mora;
        device::verify_enrolment(root, policy, &self.token_cert, &self.good(), spki, at)
    }
}

#[test]
fn an_endorsed_device_is_known_by_its_key_and_stays_so_after_the_token_expired() {
    let case = Enrolment::new();
    let device = case.enrol(case.key.public().spki(), NOW.plus(DAY)).expect("enrolled");
    assert_eq!((device.id(), device.group().as_str()), (crate::sample::device(), "kontor"));
    assert_eq!(device.hostname().raw(), "PC-ORSA-014");
    assert!(device.has_key(case.key.public().spki()));
    assert_eq!(case.verify(&case.good(), NOW.plus(1000 * DAY)), Ok(device));
    let late = case.enrol(case.key.public().spki(), NOW.plus(8 * DAY));
    assert_eq!(late, Err(DeviceError::TokenExpired));
    let other = P256Key::generate().expect("a key");
    assert_eq!(case.enrol(other.public().spki(), NOW.plus(DAY)), Err(DeviceError::OtherKey));
}

#[test]
fn endorsements_that_do_not_hold_are_refused() {
    let case = Enrolment::new();
    let thief = Ed25519Key::generate().expect("a key");
    let forged = case.endorse("kontor", &thief, NOW);
    assert!(matches!(
        case.verify(&forged, NOW),
        Err(DeviceError::Document(DocumentError::Signatures { .. }))
    ));
    let elsewhere = case.endorse("skola", &case.token, NOW);
    assert_eq!(case.verify(&elsewhere, NOW), Err(DeviceError::Mismatch("group")));
    for at in [NOW.minus(3 * DAY), NOW.plus(10 * DAY)] {
        let made = case.endorse("kontor", &case.token, at);
        assert!(matches!(case.verify(&made, NOW.plus(30 * DAY)), Err(DeviceError::Time(_))), "{at:?}");
    }
    let future = case.endorse("kontor", &case.token, NOW.plus(5 * DAY));
    assert!(matches!(case.verify(&future, NOW), Err(DeviceError::Time(_))));
    assert!(case.verify(&case.token_cert, NOW).is_err(), "a token certificate is no endorsement");
}

#[test]
fn only_the_enrol_role_makes_tokens() {
    let case = Enrolment::new();
    let cert = case.mora.token_cert(&case.token);
    for key in [&case.mora.keys.policy as &dyn Signer, &case.mora.keys.root[0], &case.token] {
        let token_cert = documents::make(&cert, &[key]).expect("made");
        let root = &case.mora.root;
        assert!(device::verify_token_cert(root, &token_cert).is_err());
        assert!(
            device::verify_endorsement(root, &case.mora.policy, &token_cert, &case.good(), NOW.plus(DAY))
                .is_err()
        );
    }
    let edits: [fn(&mut TokenCert); 2] =
        [|cert| cert.max_uses = 0, |cert| cert.not_after = NOW.plus(6 * DAY)];
    for edit in edits {
        let mut cert = cert.clone();
        edit(&mut cert);
        assert!(documents::make(&cert, &[&case.mora.keys.enrol]).is_err());
    }
}

#[test]
fn what_policy_revokes_is_gone() {
    let mut case = Enrolment::new();
    let good = case.good();
    let at = NOW.plus(DAY);
    assert!(case.verify(&good, at).is_ok());
    let clean = case.mora.policy.revoked.clone();
    case.mora.policy.revoked.devices = vec![device()];
    assert_eq!(case.verify(&good, at), Err(DeviceError::Revoked("the device")));
    case.mora.policy.revoked = clean.clone();
    case.mora.policy.revoked.keys = vec![case.key.public().sha256()];
    assert_eq!(case.verify(&good, at), Err(DeviceError::Revoked("the device's key")));
    case.mora.policy.revoked = clean;
    case.mora.policy.revoked.tokens = vec![case.mora.token_cert(&case.token).token_id];
    assert!(matches!(case.verify(&good, at), Err(DeviceError::Revoked(_))));
    assert!(matches!(case.enrol(case.key.public().spki(), at), Err(DeviceError::Revoked(_))));
    case.mora.policy.revoked.tokens = Vec::new();
    case.mora.policy.revoked.devices = vec![DeviceId::from_bytes([0; 16])];
    assert!(case.verify(&good, at).is_ok(), "another device's revocation is not ours");
}
