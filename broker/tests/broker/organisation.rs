//! An organisation with real keys: root, policy, tokens, certificates.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use distans_proto::ids::{OrgId, TokenId};
use distans_proto::scope::{Scope, ScopeSet};
use distans_proto::time::Timestamp;
use distans_trust::documents::{Head, Role, make};
use distans_trust::enrolment::TokenCert;
use distans_trust::envelope::Envelope;
use distans_trust::issue::{self, CaRole};
use distans_trust::keys::{Ed25519Key, P256Key, PublicKey, Signer};
use distans_trust::policy::{Consent, Group, Policy, Revoked, Technician, TimeSource};
use distans_trust::root::{Ca, Roles, Root};
use distans_trust::store::Trust;

pub(crate) const GROUP: &str = "kontor";

const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Timestamp::from_secs(i64::try_from(since.as_secs()).expect("before the end of time"))
}

pub(crate) fn org() -> OrgId {
    "mora".parse().expect("a label")
}

pub(crate) fn random16() -> [u8; 16] {
    *distans_trust::keys::random::<16>().expect("random bytes")
}

pub(crate) struct Organisation {
    root: Ed25519Key,
    policy: Ed25519Key,
    enrol: Ed25519Key,
    technicians: issue::Ca,
    service: issue::Ca,
    pub(crate) roots: Vec<Envelope>,
    pub(crate) trust: Trust,
}

pub(crate) struct Token {
    pub(crate) id: TokenId,
    pub(crate) key: Ed25519Key,
    pub(crate) cert: Envelope,
}

fn head(version: u64, life: Duration) -> Head {
    Head { org: org(), version, issued: now(), expires: now().plus(life), crit: Vec::new() }
}

fn ca(role: CaRole<'_>) -> issue::Ca {
    let key = P256Key::generate().expect("a key");
    let certificate = issue::new_ca(role, &org(), &key, now(), random16()).expect("a CA");
    issue::Ca::new(key, &certificate).expect("a CA")
}

impl Organisation {
    /// Whose root lists that device CA.
    pub(crate) fn new(device_ca: &[u8]) -> Self {
        let key = || Ed25519Key::generate().expect("a key");
        let (root, policy, enrol) = (key(), key(), key());
        let technicians = ca(CaRole::Technician);
        let service = ca(CaRole::Service(&["localhost".to_owned()]));
        let role = |key: &Ed25519Key| Role { keyids: vec![key.public().id()], threshold: 1 };
        let document = Root {
            head: head(1, DAY * 3650),
            keys: BTreeMap::from(
                [&root, &policy, &enrol].map(|key| (key.public().id(), key.public().clone())),
            ),
            roles: Roles {
                root: role(&root),
                policy: role(&policy),
                enrol: role(&enrol),
                fresh: None,
                release: None,
                approval: None,
                log: None,
            },
            technician_ca: vec![Ca(technicians.certificate().to_vec())],
            device_ca: vec![Ca(device_ca.to_vec())],
            service_ca: vec![Ca(service.certificate().to_vec())],
            signer_key: None,
            audit_recipients: Vec::new(),
            min_protocol: 1,
            extra: BTreeMap::new(),
        };
        let signers: [&dyn Signer; 1] = [&root];
        let roots = vec![make(&document, &signers).expect("a root")];
        let trust = Trust::first_use(&roots).expect("trust");
        let mut organisation = Self { root, policy, enrol, technicians, service, roots, trust };
        let first = organisation.next_policy(|_| {});
        organisation.take(&first);
        organisation
    }

    /// The next policy, not in force yet. Anna keeps records, Bo does not; both may command.
    pub(crate) fn next_policy(&self, change: impl Fn(&mut Policy)) -> Envelope {
        let version = self.trust.versions().policy + 1;
        let mut policy = roster(version);
        change(&mut policy);
        make(&policy, &[&self.policy]).expect("a policy")
    }

    /// A policy that somebody else signed.
    pub(crate) fn forged_policy(&self) -> Envelope {
        let version = self.trust.versions().policy + 1;
        make(&roster(version), &[&self.enrol]).expect("a policy")
    }

    pub(crate) fn take(&mut self, policy: &Envelope) {
        self.trust = self.trust.stage(&[], Some(policy)).expect("holds").expect("new").commit();
    }

    /// A second root with the same contents.
    pub(crate) fn next_root(&mut self) -> Envelope {
        let mut root = self.trust.root().clone();
        root.head.version += 1;
        let signers: [&dyn Signer; 1] = [&self.root];
        let root = make(&root, &signers).expect("a root");
        self.roots.push(root.clone());
        root
    }

    pub(crate) fn token(&self, max_uses: u32) -> Token {
        let key = Ed25519Key::generate().expect("a key");
        let head = head(1, DAY * 7);
        let id = TokenId::from_bytes(random16());
        let cert = TokenCert {
            not_after: head.expires,
            head,
            token_id: id,
            token_key: key.public().clone(),
            group: GROUP.parse().expect("a label"),
            max_uses,
        };
        Token { id, cert: make(&cert, &[&self.enrol]).expect("a certificate"), key }
    }

    pub(crate) fn certify_technician(&self, name: &str, key: &PublicKey) -> Vec<u8> {
        let id = name.parse().expect("a label");
        let life = Duration::from_secs(3600);
        self.technicians.issue_technician(&org(), &id, key, life, now(), random16()).expect("issued")
    }

    pub(crate) fn certify_broker(&self, key: &PublicKey) -> Vec<u8> {
        self.service.issue_broker("localhost", key, now(), random16()).expect("issued")
    }
}

fn roster(version: u64) -> Policy {
    let group = || GROUP.parse().expect("a label");
    let entry = |name: &str, scopes: &[Scope], groups| Technician {
        id: name.parse().expect("a label"),
        name: name.into(),
        scopes: scopes.iter().copied().collect(),
        groups,
        long_term_keys: Vec::new(),
        hours: None,
    };
    let all = [Scope::Diagnose, Scope::Command, Scope::Records];
    Policy {
        head: head(version, DAY * 30),
        organisation: "Mora".into(),
        technicians: vec![
            entry("anna", &all, vec![group()]),
            entry("bo", &all[..2], vec![group()]),
            entry("cia", &all[..2], Vec::new()),
        ],
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
