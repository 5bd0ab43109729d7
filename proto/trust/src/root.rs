//! The root document: which keys may sign what, and which CAs exist. Its own successor needs
//! the thresholds of both (see [`crate::store`]).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::documents::{self, Document, DocumentError, Head, Role, Verified};
use crate::envelope::{Envelope, base64_bytes};
use crate::keys::{KeyId, PublicKey};

/// Most certificates in one CA list.
pub const CA_LIMIT: usize = 8;

/// The organisation's root of trust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// Organisation, version, times.
    #[serde(flatten)]
    pub head: Head,
    /// Every key that has a role, by its id.
    pub keys: BTreeMap<KeyId, PublicKey>,
    /// Who may sign what.
    pub roles: Roles,
    /// Trust anchors of technicians' certificates, DER.
    pub technician_ca: Vec<Ca>,
    /// Trust anchors of devices' outer certificates, DER.
    pub device_ca: Vec<Ca>,
    /// Trust anchors of the broker's certificate, DER.
    pub service_ca: Vec<Ca>,
    /// The signing service's key, once there is one.
    #[serde(default)]
    pub signer_key: Option<PublicKey>,
    /// Who may read recordings of shells, each as `distans-audit-1:` and base64: see
    /// `distans_e2e::recording`.
    #[serde(default)]
    pub audit_recipients: Vec<String>,
    /// Lowest protocol version anybody here may speak.
    pub min_protocol: u16,
    /// What a newer version added; kept when the document is signed again.
    #[serde(flatten)]
    pub extra: BTreeMap<String, serde_json::Value>,
}

/// A CA certificate, DER; base64 in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ca(#[serde(with = "base64_bytes")] pub Vec<u8>);

/// Roles that sign documents. The optional ones come with later versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    /// Signs roots.
    pub root: Role,
    /// Signs policies.
    pub policy: Role,
    /// Signs token certificates.
    pub enrol: Role,
    /// Signs freshness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh: Option<Role>,
    /// Signs releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Role>,
    /// Approves releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Role>,
    /// Signs log checkpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Role>,
}

impl Roles {
    fn named(&self) -> impl Iterator<Item = (&'static str, &Role)> {
        [("root", &self.root), ("policy", &self.policy), ("enrol", &self.enrol)].into_iter().chain(
            [
                ("fresh", &self.fresh),
                ("release", &self.release),
                ("approval", &self.approval),
                ("log", &self.log),
            ]
            .into_iter()
            .filter_map(|(name, role)| Some((name, role.as_ref()?))),
        )
    }
}

impl Root {
    /// The keys of `role` (one of `self.roles`).
    pub fn keys_of<'a>(&'a self, role: &'a Role) -> impl Iterator<Item = &'a PublicKey> {
        role.keyids.iter().filter_map(|id| self.keys.get(id))
    }

    /// Opens a document of this organisation that must be signed by `role`.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub fn open<D: Document>(&self, envelope: &Envelope, role: &Role) -> Result<Verified<D>, DocumentError> {
        documents::open(envelope, self.keys_of(role), role.threshold, &self.head.org)
    }

    /// Opens a root that is trusted for another reason (pinned hash, first use): it must be
    /// signed by its own threshold.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub fn open_pinned(envelope: &Envelope) -> Result<Verified<Self>, DocumentError> {
        let root: Self = documents::read(envelope)?;
        let role = &root.roles.root;
        documents::check_signatures::<Self>(envelope, root.keys_of(role), role.threshold)?;
        Ok(Verified::new(root, envelope.clone()))
    }

    /// Opens this root's successor: signed by the thresholds of both.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub fn open_next(&self, envelope: &Envelope) -> Result<Verified<Self>, DocumentError> {
        let role = &self.roles.root;
        let next = self.open::<Self>(envelope, role)?;
        let own = &next.document().roles.root;
        documents::check_signatures::<Self>(envelope, next.document().keys_of(own), own.threshold)?;
        Ok(next)
    }
}

impl Document for Root {
    const TYPE: &'static str = "root";
    const LIMIT: usize = 64 * 1024;
    const LIFE: Duration = Duration::from_secs(3653 * 86_400);

    fn head(&self) -> &Head {
        &self.head
    }

    fn rules(&self) -> Result<(), String> {
        for (id, key) in &self.keys {
            if key.id() != *id {
                return Err(format!("the key listed as {id} is {}", key.id()));
            }
        }
        for (name, role) in self.roles.named() {
            if role.threshold == 0 || role.threshold > role.keyids.len() {
                return Err(format!(
                    "role {name} has threshold {} and {} keys",
                    role.threshold,
                    role.keyids.len()
                ));
            }
            for (index, id) in role.keyids.iter().enumerate() {
                if !self.keys.contains_key(id) {
                    return Err(format!("role {name} names the key {id}, which is not listed"));
                }
                if role.keyids[..index].contains(id) {
                    return Err(format!("role {name} names the key {id} twice"));
                }
            }
        }
        let lists = [
            ("technician_ca", &self.technician_ca),
            ("device_ca", &self.device_ca),
            ("service_ca", &self.service_ca),
        ];
        for (name, list) in lists {
            if list.len() > CA_LIMIT {
                return Err(format!(
                    "{name} lists {} certificates, at most {CA_LIMIT} are allowed",
                    list.len()
                ));
            }
            if let Some(index) = list.iter().position(|ca| crate::certs::anchor(&ca.0).is_err()) {
                return Err(format!("{name}[{index}] is no CA certificate"));
            }
        }
        Ok(())
    }
}
