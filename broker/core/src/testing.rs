//! For tests: a small organisation with real keys and signed documents, and a PC that wants in.

use std::collections::BTreeMap;
use std::time::Duration;

use distans_proto::enrol::Enrol;
use distans_proto::ids::{DeviceId, OrgId, TechnicianId, TokenId};
use distans_proto::scope::{Scope, ScopeSet};
use distans_proto::time::Timestamp;
use distans_trust::device::{EndorseRequest, endorse};
use distans_trust::documents::{Head, Role, make};
use distans_trust::enrolment::TokenCert;
use distans_trust::keys::{Ed25519Key, P256Key, PublicKey, Signer};
use distans_trust::policy::{Consent, Group, Policy, Revoked, Technician, TimeSource};
use distans_trust::root::{Ca, Roles, Root};
use distans_trust::store::Trust;

/// The moment at which all of it is valid.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_780_000_000);

/// The one group.
pub(crate) const GROUP: &str = "kontor";

const DAY: Duration = Duration::from_secs(86_400);

/// The organisation's id.
pub(crate) fn org() -> OrgId {
    "mora".parse().expect("a label")
}

/// A technician's id.
pub(crate) fn technician(name: &str) -> TechnicianId {
    name.parse().expect("a label")
}

/// Keys and documents. Anna may keep records, Bo may not.
pub(crate) struct Organisation {
    pub(crate) trust: Trust,
    enrol: Ed25519Key,
}

/// A token with its certificate.
pub(crate) struct Token {
    pub(crate) id: TokenId,
    pub(crate) cert: Vec<u8>,
    key: Ed25519Key,
}

/// A PC with its key.
pub(crate) struct Pc {
    pub(crate) id: DeviceId,
    pub(crate) private: P256Key,
    number: u8,
}

fn head(version: u64, days: u32) -> Head {
    Head { org: org(), version, issued: NOW, expires: NOW.plus(DAY * days), crit: Vec::new() }
}

impl Organisation {
    /// With a policy changed by `change`.
    pub(crate) fn new(change: impl Fn(&mut Policy)) -> Self {
        Self::made(change, Vec::new())
    }

    /// Whose root lists that technician CA.
    pub(crate) fn with_technician_ca(ca: &[u8]) -> Self {
        Self::made(|_| {}, vec![Ca(ca.to_vec())])
    }

    fn made(change: impl Fn(&mut Policy), technician_ca: Vec<Ca>) -> Self {
        let [root, policy, enrol] = [1, 2, 3].map(|seed| Ed25519Key::from_seed(&[seed; 32]).expect("a key"));
        let role = |key: &Ed25519Key| Role { keyids: vec![key.public().id()], threshold: 1 };
        let keys = [&root, &policy, &enrol].map(|key| (key.public().id(), key.public().clone()));
        let document = Root {
            head: head(1, 3650),
            keys: BTreeMap::from(keys),
            roles: Roles {
                root: role(&root),
                policy: role(&policy),
                enrol: role(&enrol),
                fresh: None,
                release: None,
                approval: None,
                log: None,
            },
            technician_ca,
            device_ca: Vec::new(),
            service_ca: Vec::new(),
            signer_key: None,
            audit_recipients: Vec::new(),
            min_protocol: 1,
            extra: BTreeMap::new(),
        };
        let root = make(&document, &[&root]).expect("a root");
        let mut document = roster();
        change(&mut document);
        let policy = make(&document, &[&policy]).expect("a policy");
        let trust = Trust::first_use(&[root]).expect("trust");
        let trust = trust.stage(&[], Some(&policy)).expect("holds").expect("new").commit();
        Self { trust, enrol }
    }

    /// A token for two PCs, valid for a week.
    pub(crate) fn token(&self, number: u8) -> Token {
        let key = Ed25519Key::from_seed(&[100 + number; 32]).expect("a key");
        let head = head(1, 7);
        let id = TokenId::from_bytes([number; 16]);
        let cert = TokenCert {
            not_after: head.expires,
            head,
            token_id: id,
            token_key: key.public().clone(),
            group: GROUP.parse().expect("a label"),
            max_uses: 2,
        };
        Token { id, cert: make(&cert, &[&self.enrol]).expect("a certificate").to_json(), key }
    }
}

fn roster() -> Policy {
    let group = || GROUP.parse().expect("a label");
    let records = ScopeSet::EMPTY.with(Scope::Records);
    let entry = |name: &str, scopes: ScopeSet| Technician {
        id: technician(name),
        name: name.into(),
        scopes: scopes.with(Scope::Diagnose),
        groups: vec![group()],
        long_term_keys: Vec::new(),
        hours: None,
    };
    Policy {
        head: head(1, 30),
        organisation: "Mora".into(),
        technicians: vec![entry("anna", records), entry("bo", ScopeSet::EMPTY)],
        groups: vec![Group { id: group(), name: "Kontor".into() }],
        consent: Consent::default(),
        unattended: Vec::new(),
        strong: ScopeSet::EMPTY,
        revoked: Revoked::default(),
        max_cert_hours: 12,
        recording: Default::default(),
        max_session_min: 480,
        restart: Vec::new(),
        min_agent: None,
        doctor: Vec::new(),
        time: TimeSource::Os,
        forward: Vec::new(),
        files: Vec::new(),
        extra: BTreeMap::new(),
    }
}

impl Pc {
    /// The PC of that number.
    pub(crate) fn new(number: u8) -> Self {
        let private = P256Key::generate().expect("a key");
        Self { id: DeviceId::from_bytes([number; 16]), private, number }
    }

    /// Its public key.
    pub(crate) fn key(&self) -> &PublicKey {
        self.private.public()
    }

    /// Its request to be taken in with `token`.
    pub(crate) fn enrol(&self, organisation: &Organisation, token: &Token) -> Enrol {
        let hostname = format!("PC-{}", self.number);
        let request = EndorseRequest {
            org: organisation.trust.org(),
            device: self.id,
            key: self.key(),
            group: &GROUP.parse().expect("a label"),
            hostname: &hostname,
            nonce: [self.number; 16],
        };
        Enrol {
            token: token.id,
            device: self.id,
            csr: Vec::new(),
            endorsement: endorse(&request, &token.key, NOW).expect("an endorsement").to_json(),
            hostname: hostname.into(),
        }
    }
}
