//! An organisation on paper: every key at hand, documents signed as a test wants them.
//!
//! The real administrator's program keeps these keys encrypted and apart. Attacks need them all
//! in one place: to sign what should be refused, next to what should not.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use distans_proto::ids::{GroupId, OrgId, TechnicianId, TokenId};
use distans_proto::scope::{Scope, ScopeSet};
use distans_proto::time::Timestamp;
use distans_trust::bundle::Bundle;
use distans_trust::documents::{Document, Head, Role, make};
use distans_trust::enrolment::TokenCert;
use distans_trust::envelope::Envelope;
use distans_trust::issue::{Ca, CaRole, new_ca, read_request};
use distans_trust::keys::{Ed25519Key, P256Key, PublicKey, Signer, random};
use distans_trust::policy::{Consent, ConsentMode, ConsentRule, Group, Policy, Technician, TimeSource};
use distans_trust::root::{self, Roles, Root};
use distans_trust::store::Trust;
use distans_trust::token::EnrolToken;

/// The clock: cores are handed the time, tests hand in the real one.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Keys that sign documents.
#[derive(Debug)]
pub struct Keys {
    /// Signs roots.
    pub root: Ed25519Key,
    /// Signs policies.
    pub policy: Ed25519Key,
    /// Signs token certificates.
    pub enrol: Ed25519Key,
}

/// The organisation.
#[derive(Debug)]
pub struct Org {
    /// Its id.
    pub id: OrgId,
    /// Keys that sign documents.
    pub keys: Keys,
    /// Certifies technicians.
    pub technician_ca: Ca,
    /// The key behind it, for certificates that [`Ca`] would not make.
    pub technician_ca_key: P256Key,
    /// Certifies the broker.
    pub service_ca: Ca,
    /// The newest root.
    pub root: Root,
    /// The newest policy.
    pub policy: Policy,
    roots: Vec<Envelope>,
    policy_envelope: Envelope,
}

/// The group all PCs of a test join, if it does not say otherwise.
pub fn kontor() -> Result<GroupId> {
    Ok("kontor".parse()?)
}

fn head<D: Document>(org: &OrgId, version: u64) -> Head {
    let issued = now();
    Head { org: org.clone(), version, issued, expires: issued.plus(D::LIFE), crit: Vec::new() }
}

fn ca(role: CaRole<'_>, org: &OrgId) -> Result<(Ca, P256Key)> {
    let key = P256Key::generate()?;
    let certificate = new_ca(role, org, &key, now(), *random::<16>()?)?;
    let again = P256Key::from_pkcs8(key.to_pkcs8())?;
    Ok((Ca::new(key, &certificate)?, again))
}

impl Org {
    /// Founds it: root 1, and policy 1 with `anna`, who may all but what needs the system's own account, in group
    /// `kontor`. Its device CA is a stand-in until the broker brings its own.
    ///
    /// # Errors
    /// If no keys can be made.
    pub fn found(name: &str) -> Result<Self> {
        let id: OrgId = name.parse()?;
        let keys = Keys {
            root: Ed25519Key::generate()?,
            policy: Ed25519Key::generate()?,
            enrol: Ed25519Key::generate()?,
        };
        let (technician_ca, technician_ca_key) = ca(CaRole::Technician, &id)?;
        let (service_ca, _) = ca(CaRole::Service(&["localhost".to_owned()]), &id)?;
        let role = |key: &Ed25519Key| Role { keyids: vec![key.public().id()], threshold: 1 };
        let public = [&keys.root, &keys.policy, &keys.enrol].map(|key| key.public().clone());
        let root = Root {
            head: head::<Root>(&id, 1),
            keys: public.into_iter().map(|key| (key.id(), key)).collect(),
            roles: Roles {
                root: role(&keys.root),
                policy: role(&keys.policy),
                enrol: role(&keys.enrol),
                fresh: None,
                release: None,
                approval: None,
                log: None,
            },
            technician_ca: vec![root::Ca(technician_ca.certificate().to_vec())],
            device_ca: vec![root::Ca(ca(CaRole::Device, &id)?.0.certificate().to_vec())],
            service_ca: vec![root::Ca(service_ca.certificate().to_vec())],
            signer_key: None,
            audit_recipients: Vec::new(),
            min_protocol: 1,
            extra: Default::default(),
        };
        let policy = Policy {
            head: head::<Policy>(&id, 1),
            organisation: "Mora, Orsa och Älvdalens IT-enhet".into(),
            technicians: vec![technician("anna", "Anna Berg")?],
            groups: vec![Group { id: kontor()?, name: "Kontor".into() }],
            consent: Consent::default(),
            unattended: Vec::new(),
            strong: ScopeSet::EMPTY,
            revoked: Default::default(),
            max_cert_hours: 12,
            recording: Default::default(),
            max_session_min: 60,
            restart: Vec::new(),
            min_agent: None,
            doctor: Vec::new(),
            time: TimeSource::Os,
            forward: Vec::new(),
            files: Vec::new(),
            extra: Default::default(),
        };
        let root_envelope = make(&root, &[&keys.root])?;
        let policy_envelope = make(&policy, &[&keys.policy])?;
        let roots = vec![root_envelope];
        Ok(Self {
            id,
            keys,
            technician_ca,
            technician_ca_key,
            service_ca,
            root,
            policy,
            roots,
            policy_envelope,
        })
    }

    /// Every root so far, oldest first.
    pub fn roots(&self) -> &[Envelope] {
        &self.roots
    }

    /// The newest policy, signed.
    pub const fn policy_envelope(&self) -> &Envelope {
        &self.policy_envelope
    }

    /// The documents as a receiver holds them after taking all of them.
    ///
    /// # Errors
    /// If they do not hold.
    pub fn trust(&self) -> Result<Trust> {
        let trust = Trust::first_use(&self.roots)?;
        let staged =
            trust.stage(&[], Some(&self.policy_envelope))?.context("the policy is not newer than none")?;
        Ok(staged.commit())
    }

    /// Signs the next policy.
    ///
    /// # Errors
    /// If it breaks a rule.
    pub fn change_policy(&mut self, change: impl FnOnce(&mut Policy)) -> Result<&Envelope> {
        let version = self.policy.head.version + 1;
        change(&mut self.policy);
        self.policy.head = head::<Policy>(&self.id, version);
        self.policy_envelope = make(&self.policy, &[&self.keys.policy])?;
        Ok(&self.policy_envelope)
    }

    /// Signs the next root.
    ///
    /// # Errors
    /// If it breaks a rule.
    pub fn change_root(&mut self, change: impl FnOnce(&mut Root)) -> Result<&Envelope> {
        let version = self.root.head.version + 1;
        change(&mut self.root);
        self.root.head = head::<Root>(&self.id, version);
        let envelope = make(&self.root, &[&self.keys.root])?;
        self.roots.push(envelope);
        self.roots.last().context("a root was added")
    }

    /// Makes a token for `group`, and its certificate for the broker.
    ///
    /// # Errors
    /// If no key can be made.
    pub fn token(&self, broker: &str, group: &GroupId, uses: u32) -> Result<(EnrolToken, Envelope)> {
        let seed = random::<32>()?;
        let id = TokenId::from_bytes(*random::<16>()?);
        let newest = self.roots.last().context("there is always a root")?;
        let token = EnrolToken::new(self.id.clone(), broker, newest.sha256(), id, seed)?;
        let issued = now();
        let not_after = issued.plus(Duration::from_secs(7 * 86_400));
        let certificate = TokenCert {
            head: Head { org: self.id.clone(), version: 1, issued, expires: not_after, crit: Vec::new() },
            token_id: id,
            token_key: token.key()?.public().clone(),
            group: group.clone(),
            max_uses: uses,
            not_after,
        };
        Ok((token, make(&certificate, &[&self.keys.enrol])?))
    }

    /// A technician's certificate for the key in a PKCS#10 request.
    ///
    /// # Errors
    /// If the request proves nothing.
    pub fn certify_technician(&self, id: &TechnicianId, request: &[u8]) -> Result<Vec<u8>> {
        self.certify_technician_key(id, &read_request(request)?, Duration::from_secs(12 * 3600))
    }

    /// A technician's certificate for a key.
    ///
    /// # Errors
    /// If the key or the life is not allowed.
    pub fn certify_technician_key(
        &self,
        id: &TechnicianId,
        key: &PublicKey,
        life: Duration,
    ) -> Result<Vec<u8>> {
        Ok(self.technician_ca.issue_technician(&self.id, id, key, life, now(), *random::<16>()?)?)
    }

    /// The broker's certificate for the key in a PKCS#10 request.
    ///
    /// # Errors
    /// If the request proves nothing.
    pub fn certify_broker(&self, request: &[u8]) -> Result<Vec<u8>> {
        Ok(self.service_ca.issue_broker("localhost", &read_request(request)?, now(), *random::<16>()?)?)
    }

    /// Roots and policy, to be handed over.
    pub fn bundle(&self) -> Bundle {
        let mut bundle = Bundle::default();
        bundle.roots.clone_from(&self.roots);
        bundle.policy = Some(self.policy_envelope.clone());
        bundle
    }
}

/// A technician for the roster, who may all but what needs the system's own account, in group `kontor`.
///
/// # Errors
/// If `id` is no label.
pub fn technician(id: &str, name: &str) -> Result<Technician> {
    Ok(Technician {
        id: id.parse()?,
        name: name.into(),
        scopes: Scope::ALL
            .into_iter()
            .filter(|scope| !matches!(scope, Scope::CommandSystem | Scope::ShellSystem))
            .collect(),
        groups: vec![kontor()?],
        long_term_keys: Vec::new(),
        hours: None,
    })
}

/// The rule that decides `scope` in group `kontor`.
///
/// # Errors
/// Never, as long as `kontor` is a label.
pub fn rule(scope: Scope, mode: ConsentMode) -> Result<ConsentRule> {
    Ok(ConsentRule { group: kontor()?, scope: scope.name().to_owned(), mode })
}
