//! A grant as the client's own tests need it.

use distans_e2e::grant::{Consent, ConsentHow, Grant};
use distans_e2e::signed::Signed;
use distans_proto::ids::{DeviceId, SessionId};
use distans_proto::scope::ScopeSet;
use distans_proto::time::Timestamp;
use distans_trust::hash::Sha256;
use distans_trust::keys::P256Key;

/// `device` grants `scopes` to Anna for an hour.
pub(super) fn grant(device: &P256Key, scopes: ScopeSet) -> Signed<Grant> {
    let grant = Grant {
        org: "mora".parse().expect("a label"),
        session: SessionId::from_bytes([1; 16]),
        epoch: 1,
        technician: "anna".parse().expect("a label"),
        certificate_sha256: Sha256::of(b"certificate"),
        device: DeviceId::from_bytes([2; 16]),
        scopes,
        consent: Consent { who: None, how: ConsentHow::Announced, announced: scopes, text_sha256: None },
        policy_version: 1,
        start: Timestamp::from_secs(0),
        expires: Timestamp::from_secs(3600),
        binding: Sha256::of(b"binding"),
        crit: Vec::new(),
    };
    Signed::sign(grant, device).expect("signed")
}
