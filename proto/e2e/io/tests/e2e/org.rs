//! A small organisation: one technician, one PC, and the documents that let them meet.

use std::sync::Arc;
use std::time::Duration;

use distans_e2e::tls::{agent_config, technician_config};
use distans_proto::ids::{DeviceId, GroupId, OrgId, SessionId, TechnicianId, TokenId};
use distans_proto::scope::Scope;
use distans_proto::time::Timestamp;
use distans_trust::device::{EndorseRequest, VerifiedDevice, endorse, verify_endorsement};
use distans_trust::documents::{Document, Head, Role, make};
use distans_trust::enrolment::TokenCert;
use distans_trust::hash::Sha256;
use distans_trust::issue::{Ca, CaRole, new_ca};
use distans_trust::keys::{Ed25519Key, P256Key, Signer};
use distans_trust::outer::Snapshot;
use distans_trust::policy::{Consent, Group, Policy, Technician};
use distans_trust::root::{self, Roles, Root};
use distans_trust::store::Trust;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ServerConfig};

pub(crate) const SESSION: SessionId = SessionId::from_bytes([0x51; 16]);
pub(crate) const DEVICE: DeviceId = DeviceId::from_bytes([0xDE; 16]);

/// 2026-03-01 07:30 UTC: nothing here reads a clock.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_772_350_200);

/// A clock that stands, so many seconds from [`NOW`].
#[derive(Debug)]
pub(crate) struct Clock(pub(crate) i64);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(NOW.as_secs() + self.0).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

pub(crate) struct Org {
    org: OrgId,
    technician: TechnicianId,
    technician_ca: Ca,
    trust: Trust,
    pub(crate) device_key: P256Key,
    pub(crate) device: VerifiedDevice,
}

fn head<D: Document>(org: &OrgId) -> Head {
    Head { org: org.clone(), version: 1, issued: NOW, expires: NOW.plus(D::LIFE), crit: Vec::new() }
}

fn ca(role: CaRole<'_>, org: &OrgId) -> Ca {
    let key = P256Key::generate().expect("key");
    let certificate = new_ca(role, org, &key, NOW, [1; 16]).expect("CA");
    Ca::new(key, &certificate).expect("key and certificate belong together")
}

impl Org {
    pub(crate) fn new() -> Self {
        let org: OrgId = "mora".parse().expect("label");
        let group: GroupId = "kontor".parse().expect("label");
        let technician: TechnicianId = "anna".parse().expect("label");
        let keys: [Ed25519Key; 3] = std::array::from_fn(|_| Ed25519Key::generate().expect("key"));
        let token_key = Ed25519Key::generate().expect("key");
        let technician_ca = ca(CaRole::Technician, &org);
        let role = |key: &Ed25519Key| Role { keyids: vec![key.public().id()], threshold: 1 };
        let root = Root {
            head: head::<Root>(&org),
            keys: keys.iter().map(|key| (key.public().id(), key.public().clone())).collect(),
            roles: Roles {
                root: role(&keys[0]),
                policy: role(&keys[1]),
                enrol: role(&keys[2]),
                fresh: None,
                release: None,
                approval: None,
                log: None,
            },
            technician_ca: vec![root::Ca(technician_ca.certificate().to_vec())],
            device_ca: vec![root::Ca(ca(CaRole::Device, &org).certificate().to_vec())],
            service_ca: vec![root::Ca(
                ca(CaRole::Service(&["localhost".to_owned()]), &org).certificate().to_vec(),
            )],
            signer_key: None,
            audit_recipients: Vec::new(),
            min_protocol: 1,
            extra: Default::default(),
        };
        let policy = Policy {
            head: head::<Policy>(&org),
            organisation: "Mora".into(),
            technicians: vec![Technician {
                id: technician.clone(),
                name: "Anna Berg".into(),
                scopes: [Scope::Diagnose, Scope::Command].into_iter().collect(),
                groups: vec![group.clone()],
                long_term_keys: Vec::new(),
                hours: None,
            }],
            groups: vec![Group { id: group.clone(), name: "Kontor".into() }],
            consent: Consent::default(),
            unattended: Vec::new(),
            strong: Default::default(),
            revoked: Default::default(),
            max_cert_hours: 12,
            recording: Default::default(),
            max_session_min: 60,
            restart: Vec::new(),
            min_agent: None,
            forward: Vec::new(),
            files: Vec::new(),
            doctor: Vec::new(),
            time: Default::default(),
            extra: Default::default(),
        };
        let mut token = TokenCert {
            head: head::<TokenCert>(&org),
            token_id: TokenId::from_bytes([7; 16]),
            token_key: token_key.public().clone(),
            group: group.clone(),
            max_uses: 1,
            not_after: NOW,
        };
        token.not_after = token.head.expires;
        let root_envelope = make(&root, &[&keys[0]]).expect("root");
        let policy_envelope = make(&policy, &[&keys[1]]).expect("policy");
        let token_envelope = make(&token, &[&keys[2]]).expect("token");
        let trust = Trust::pinned(std::slice::from_ref(&root_envelope), root_envelope.sha256())
            .expect("root")
            .stage(&[], Some(&policy_envelope))
            .expect("policy")
            .expect("is newer")
            .commit();

        let device_key = P256Key::generate().expect("key");
        let request = EndorseRequest {
            org: &org,
            device: DEVICE,
            key: device_key.public(),
            group: &group,
            hostname: "PC-ORSA-014",
            nonce: [3; 16],
        };
        let endorsement = endorse(&request, &token_key, NOW).expect("endorsement");
        let device = verify_endorsement(&root, &policy, &token_envelope, &endorsement, NOW).expect("device");
        Self { org, technician, technician_ca, trust, device_key, device }
    }

    /// The technician's certificate and key.
    pub(crate) fn login(&self) -> Arc<CertifiedKey> {
        let key = P256Key::generate().expect("key");
        let life = Duration::from_secs(12 * 3600);
        let leaf = self
            .technician_ca
            .issue_technician(&self.org, &self.technician, key.public(), life, NOW, [2; 16])
            .expect("certificate");
        key.certified(CertificateDer::from(leaf)).expect("usable")
    }

    pub(crate) fn technician(&self) -> Arc<ClientConfig> {
        Arc::new(technician_config(self.login(), &self.device, Arc::new(Clock(0))).expect("config"))
    }

    pub(crate) fn agent(&self) -> Arc<ServerConfig> {
        self.agent_with(&self.device_key, 0)
    }

    pub(crate) fn agent_with(&self, key: &P256Key, clock: i64) -> Arc<ServerConfig> {
        let technicians = Arc::new(Snapshot::new(&self.trust));
        let config = agent_config(key, technicians, Duration::ZERO, Arc::new(Clock(clock)));
        Arc::new(config.expect("config"))
    }

    pub(crate) fn certificate_is_known(&self, leaf: &[u8]) -> Sha256 {
        let time = distans_trust::certs::CheckTime::exact(NOW);
        let identity =
            Snapshot::new(&self.trust).technician(&CertificateDer::from(leaf), time).expect("known");
        assert_eq!(identity.id, self.technician);
        identity.sha256
    }
}
