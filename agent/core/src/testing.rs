//! An organisation with its keys and documents, for the tests of this package.

use std::collections::BTreeMap;
use std::time::Duration;

use distans_proto::ids::{DeviceId, GroupId, TokenId};
use distans_proto::time::Timestamp;
use distans_trust::documents::{Head, Role, make};
use distans_trust::enrolment::TokenCert;
use distans_trust::envelope::Envelope;
use distans_trust::hash::Sha256;
use distans_trust::keys::{Ed25519Key, Signer, random};
use distans_trust::policy::Policy;
use distans_trust::rfc3339;
use distans_trust::root::{Roles, Root};
use distans_trust::store::Trust;
use distans_trust::token::EnrolToken;
use serde_json::{Value, json};

use crate::rights::{Caller, Place};

pub(crate) const DEVICE: DeviceId = DeviceId::from_bytes([2; 16]);

pub(crate) fn at(text: &str) -> Timestamp {
    rfc3339::parse(text).expect("a time")
}

/// Noon of a working day, inside the policy's life.
pub(crate) fn now() -> Timestamp {
    at("2026-03-04T11:00:00Z")
}

/// A technician whose certificate holds for eight hours from [`now`].
pub(crate) fn caller(id: &str) -> Caller {
    Caller {
        id: id.parse().expect("a label"),
        certificate: Sha256::of(id.as_bytes()),
        key: Sha256::of(b"key"),
        expires: now().plus(Duration::from_secs(8 * 3600)),
    }
}

pub(crate) fn place<'a>(trust: &'a Trust, group: &'a GroupId, now: Timestamp) -> Place<'a> {
    Place { trust, device: DEVICE, group, now, agent: "0.1.0" }
}

/// One key for all roles.
pub(crate) struct Organisation {
    key: Ed25519Key,
    root: Envelope,
}

impl Organisation {
    pub(crate) fn new() -> Self {
        let key = Ed25519Key::generate().expect("a key");
        let role = Role { keyids: vec![key.public().id()], threshold: 1 };
        let root = Root {
            head: Head {
                org: "mora".parse().expect("a label"),
                version: 1,
                issued: at("2026-01-01T00:00:00Z"),
                expires: at("2035-12-01T00:00:00Z"),
                crit: Vec::new(),
            },
            keys: BTreeMap::from([(key.public().id(), key.public().clone())]),
            roles: Roles {
                root: role.clone(),
                policy: role.clone(),
                enrol: role,
                fresh: None,
                release: None,
                approval: None,
                log: None,
            },
            technician_ca: Vec::new(),
            device_ca: Vec::new(),
            service_ca: Vec::new(),
            signer_key: None,
            audit_recipients: Vec::new(),
            min_protocol: 1,
            extra: BTreeMap::new(),
        };
        let root = make(&root, &[&key]).expect("a root");
        Self { key, root }
    }

    pub(crate) fn roots(&self) -> Vec<Vec<u8>> {
        vec![self.root.to_json()]
    }

    /// A policy with anna (diagnose, command, records on kontor) and bo (all, on both groups),
    /// changed by `change`.
    #[expect(clippy::unused_self, reason = "reads better as a policy of the organisation")]
    pub(crate) fn policy(&self, change: impl FnOnce(&mut Value)) -> Policy {
        let mut value = json!({
            "org": "mora", "version": 7, "crit": [],
            "issued": "2026-03-01T00:00:00Z", "expires": "2026-03-29T00:00:00Z",
            "organisation": "Mora, Orsa och Älvdalens IT-enhet",
            "technicians": [
                {"id": "anna", "name": "Anna Berg", "scopes": ["diagnose", "command", "records"], "groups": ["kontor"]},
                {"id": "bo", "name": "Bo Ek", "scopes": ["diagnose", "command", "command:system"], "groups": ["kontor", "skola"]},
            ],
            "groups": [{"id": "kontor", "name": "Kontor"}, {"id": "skola", "name": "Skola"}],
            "time": "os",
        });
        change(&mut value);
        serde_json::from_value(value).expect("a policy")
    }

    /// What a PC believes that holds this organisation's root alone.
    pub(crate) fn trust_without_policy(&self) -> Trust {
        Trust::first_use(std::slice::from_ref(&self.root)).expect("a root")
    }

    /// What a PC believes that holds [`Organisation::policy`].
    pub(crate) fn trust(&self, change: impl FnOnce(&mut Value)) -> Trust {
        let policy = make(&self.policy(change), &[&self.key]).expect("a policy");
        let staged = self.trust_without_policy().stage(&[], Some(&policy)).expect("verified");
        staged.expect("something new").commit()
    }

    /// A token for `group`, and its certificate.
    pub(crate) fn token(&self, group: &str) -> (EnrolToken, Vec<u8>) {
        let id = TokenId::from_bytes(*random::<16>().expect("randomness"));
        let seed = random::<32>().expect("randomness");
        let token =
            EnrolToken::new("mora".parse().expect("a label"), "localhost:4433", self.root.sha256(), id, seed);
        let token = token.expect("a token");
        let not_after = now().plus(Duration::from_secs(7 * 86_400));
        let certificate = TokenCert {
            head: Head {
                org: "mora".parse().expect("a label"),
                version: 1,
                issued: now().minus(Duration::from_secs(3600)),
                expires: not_after,
                crit: Vec::new(),
            },
            token_id: id,
            token_key: token.key().expect("a key").public().clone(),
            group: group.parse().expect("a label"),
            max_uses: 5,
            not_after,
        };
        (token, make(&certificate, &[&self.key]).expect("a certificate").to_json())
    }
}
