//! One organisation for all tests, founded by the same door as real ones.

use std::time::Duration;

use distans_proto::ids::{DeviceId, GroupId, OrgId, TechnicianId, TokenId};
use distans_proto::scope::{Scope, ScopeSet};
use distans_proto::time::Timestamp;
use distans_trust::documents::{self, Head};
use distans_trust::enrolment::TokenCert;
use distans_trust::envelope::Envelope;
use distans_trust::found::{self, FounderKeys, Founding};
use distans_trust::issue::{Ca, CaRole, new_ca};
use distans_trust::keys::{Ed25519Key, P256Key, Signer};
use distans_trust::policy::{Policy, Technician};
use distans_trust::root::{self, Root};
use distans_trust::store::Trust;

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn label<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a label")
}

/// Mora with a device CA, one group and one technician.
pub(crate) struct Mora {
    pub(crate) keys: FounderKeys,
    pub(crate) device_key: P256Key,
    pub(crate) root: Root,
    pub(crate) policy: Policy,
}

impl Mora {
    pub(crate) fn found() -> Self {
        let org: OrgId = label("mora");
        let keys = FounderKeys::generate().expect("keys");
        let founding = Founding {
            org: &org,
            name: "Mora, Orsa och Älvdalens IT-enhet",
            broker_names: &["broker.mora.test".to_owned()],
            groups: vec![found::group(label("kontor"))],
            now: NOW,
            serials: [[1; 16], [2; 16]],
        };
        let device_key = P256Key::generate().expect("a key");
        let device_ca = new_ca(CaRole::Device, &org, &device_key, NOW, [3; 16]).expect("a CA");
        let mut root = found::first_root(&keys, &founding).expect("a root");
        root.device_ca.push(root::Ca(device_ca));
        let mut policy = found::first_policy(&founding);
        policy.technicians.push(technician("anna"));
        Self { keys, device_key, root, policy }
    }

    pub(crate) fn root_keys(&self) -> Vec<&dyn Signer> {
        self.keys.root.iter().map(|key| key as &dyn Signer).collect()
    }

    pub(crate) fn signed_root(&self) -> Envelope {
        documents::make(&self.root, &self.root_keys()).expect("a signed root")
    }

    pub(crate) fn signed_policy(&self) -> Envelope {
        documents::make(&self.policy, &[&self.keys.policy]).expect("a signed policy")
    }

    pub(crate) fn trust(&self) -> Trust {
        let trust = Trust::first_use(&[self.signed_root()]).expect("trust");
        trust.stage(&[], Some(&self.signed_policy())).expect("holds").expect("new").commit()
    }

    pub(crate) fn technician_ca(&self) -> Ca {
        let key = P256Key::from_pkcs8(self.keys.technician_ca.to_pkcs8()).expect("a key");
        Ca::new(key, &self.root.technician_ca[0].0).expect("a CA")
    }

    pub(crate) fn service_ca(&self) -> Ca {
        let key = P256Key::from_pkcs8(self.keys.service_ca.to_pkcs8()).expect("a key");
        Ca::new(key, &self.root.service_ca[0].0).expect("a CA")
    }

    pub(crate) fn device_ca(&self) -> Ca {
        let key = P256Key::from_pkcs8(self.device_key.to_pkcs8()).expect("a key");
        Ca::new(key, &self.root.device_ca[0].0).expect("a CA")
    }

    /// A token certificate for the group kontor and its key.
    pub(crate) fn token(&self) -> (Envelope, Ed25519Key) {
        let key = Ed25519Key::generate().expect("a key");
        let cert = self.token_cert(&key);
        (documents::make(&cert, &[&self.keys.enrol]).expect("a token"), key)
    }

    pub(crate) fn token_cert(&self, key: &Ed25519Key) -> TokenCert {
        TokenCert {
            head: Head {
                org: label("mora"),
                version: 1,
                issued: NOW,
                expires: NOW.plus(7 * DAY),
                crit: Vec::new(),
            },
            token_id: TokenId::from_bytes([9; 16]),
            token_key: key.public().clone(),
            group: label("kontor"),
            max_uses: 5,
            not_after: NOW.plus(7 * DAY),
        }
    }
}

pub(crate) fn technician(id: &str) -> Technician {
    Technician {
        id: label::<TechnicianId>(id),
        name: "Anna Berg".into(),
        scopes: ScopeSet::EMPTY.with(Scope::Diagnose).with(Scope::Command),
        groups: vec![label::<GroupId>("kontor")],
        long_term_keys: Vec::new(),
        hours: None,
    }
}

pub(crate) fn device() -> DeviceId {
    DeviceId::from_bytes(*b"0123456789abcdef")
}
