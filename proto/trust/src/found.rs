//! Founding an organisation: its keys, its first root and its first policy.
//!
//! The same door for `distans admin init` and for tests, so that tests stand on documents as
//! they really are.

use std::collections::BTreeMap;
use std::time::Duration;

use distans_proto::ids::{GroupId, OrgId};
use distans_proto::scope::ScopeSet;
use distans_proto::time::Timestamp;

use crate::documents::{Document, Head, Role};
use crate::issue::{CaRole, IssueError, new_ca};
use crate::keys::{Ed25519Key, KeyError, P256Key, PublicKey, Signer};
use crate::policy::{CERT_HOURS_LIMIT, Consent, Group, Policy, Revoked, TimeSource};
use crate::root::{Ca, Roles, Root};

/// Life of a root document.
pub const ROOT_LIFE: Duration = Duration::from_secs(3650 * 86_400);

/// The keys of an organisation that stay offline.
#[derive(Debug)]
pub struct FounderKeys {
    /// Sign roots: the IT chief's and the deputy's. One is enough.
    pub root: Vec<Ed25519Key>,
    /// Signs policies.
    pub policy: Ed25519Key,
    /// Signs token certificates.
    pub enrol: Ed25519Key,
    /// Issues technicians' certificates.
    pub technician_ca: P256Key,
    /// Issues the broker's certificate.
    pub service_ca: P256Key,
}

impl FounderKeys {
    /// Fresh ones: two root keys and one of each other kind.
    ///
    /// # Errors
    /// [`KeyError::Randomness`].
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self {
            root: vec![Ed25519Key::generate()?, Ed25519Key::generate()?],
            policy: Ed25519Key::generate()?,
            enrol: Ed25519Key::generate()?,
            technician_ca: P256Key::generate()?,
            service_ca: P256Key::generate()?,
        })
    }
}

/// What is to be founded.
#[derive(Debug, Clone)]
pub struct Founding<'a> {
    /// One DNS label.
    pub org: &'a OrgId,
    /// As people at the PCs know it.
    pub name: &'a str,
    /// DNS names of the broker.
    pub broker_names: &'a [String],
    /// Groups of PCs.
    pub groups: Vec<Group>,
    /// Now.
    pub now: Timestamp,
    /// Random serial numbers of the two CA certificates.
    pub serials: [[u8; 16]; 2],
}

/// The first root, to be signed by the root keys.
///
/// # Errors
/// [`IssueError`].
pub fn first_root(keys: &FounderKeys, founding: &Founding<'_>) -> Result<Root, IssueError> {
    let (org, now) = (founding.org, founding.now);
    let [technician_serial, service_serial] = founding.serials;
    let technician_ca = new_ca(CaRole::Technician, org, &keys.technician_ca, now, technician_serial)?;
    let service = CaRole::Service(founding.broker_names);
    let service_ca = new_ca(service, org, &keys.service_ca, now, service_serial)?;
    let root: Vec<PublicKey> = keys.root.iter().map(|key| key.public().clone()).collect();
    let (policy, enrol) = (keys.policy.public().clone(), keys.enrol.public().clone());
    let role = |keys: &[PublicKey]| Role { keyids: keys.iter().map(PublicKey::id).collect(), threshold: 1 };
    Ok(Root {
        head: head(org, now, ROOT_LIFE),
        roles: Roles {
            root: role(&root),
            policy: role(std::slice::from_ref(&policy)),
            enrol: role(std::slice::from_ref(&enrol)),
            fresh: None,
            release: None,
            approval: None,
            log: None,
        },
        keys: root.into_iter().chain([policy, enrol]).map(|key| (key.id(), key)).collect(),
        technician_ca: vec![Ca(technician_ca)],
        device_ca: Vec::new(),
        service_ca: vec![Ca(service_ca)],
        signer_key: None,
        audit_recipients: Vec::new(),
        min_protocol: 1,
        extra: BTreeMap::new(),
    })
}

/// The first policy: no technicians yet, consent by each scope's own default, nothing unattended.
pub fn first_policy(founding: &Founding<'_>) -> Policy {
    Policy {
        head: head(founding.org, founding.now, Policy::LIFE),
        organisation: founding.name.into(),
        technicians: Vec::new(),
        groups: founding.groups.clone(),
        consent: Consent::default(),
        unattended: Vec::new(),
        strong: ScopeSet::EMPTY,
        revoked: Revoked::default(),
        max_cert_hours: CERT_HOURS_LIMIT,
        recording: Default::default(),
        max_session_min: 8 * 60,
        restart: Vec::new(),
        min_agent: None,
        doctor: Vec::new(),
        time: TimeSource::Os, // the signing service, the other source, does not exist yet
        forward: Vec::new(),
        files: Vec::new(),
        extra: BTreeMap::new(),
    }
}

/// A group with its own id as name.
pub fn group(id: GroupId) -> Group {
    Group { name: id.as_str().into(), id }
}

/// The head of a successor of a document with this head: next version, new times.
pub fn next_head(held: &Head, now: Timestamp, life: Duration) -> Head {
    Head { version: held.version.saturating_add(1), ..head(&held.org, now, life) }
}

fn head(org: &OrgId, now: Timestamp, life: Duration) -> Head {
    let now = Timestamp::from_secs(now.as_secs());
    Head { org: org.clone(), version: 1, issued: now, expires: now.plus(life), crit: Vec::new() }
}
