//! What this program believes: a chain of roots and a policy, and the only way to newer ones.
//!
//! A [`Trust`] is always valid: every root was signed by the thresholds of the one before and
//! its own, the policy by the newest root. It does no I/O. A change is *staged*: the caller
//! writes [`Staged::to_bytes`] to disk (fsync, rename) and only then calls [`Staged::commit`].

use std::time::Duration;

use distans_proto::ids::OrgId;
use distans_proto::link::{DocumentVersions, Documents};
use distans_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::documents::{DocumentError, Verified};
use crate::envelope::Envelope;
use crate::hash::Sha256;
use crate::json::{self, JsonError};
use crate::policy::Policy;
use crate::root::Root;

/// Most roots in one chain.
pub const CHAIN_LIMIT: usize = 64;

/// Longest stored form, in bytes.
pub const STORED_LIMIT: usize = 10 * 1024 * 1024;

/// How long after its expiry a policy still allows attended sessions.
pub const GRACE: Duration = Duration::from_secs(30 * 86_400);

const FORMAT: &str = "distans-trust/1";

/// Why documents were not taken. The state is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// A document does not hold.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// No root at all.
    #[error("no root document was given")]
    NoRoot,
    /// None of the roots is the one that was pinned.
    #[error("none of the root documents has the pinned hash {0}: this may be another organisation's broker")]
    NotPinned(Sha256),
    /// A version was left out.
    #[error("root version {got} does not follow version {have}; the versions between are needed")]
    Gap {
        /// Newest held.
        have: u64,
        /// Given.
        got: u64,
    },
    /// Older than what is held.
    #[error("{doc_type} version {got} is older than version {have}, which is held already")]
    Rollback {
        /// Which document.
        doc_type: &'static str,
        /// Held.
        have: u64,
        /// Given.
        got: u64,
    },
    /// Two different documents of one version: somebody with the keys lies to somebody.
    #[error("{doc_type} version {version} exists in two forms; tell the administrator at once")]
    Fork {
        /// Which document.
        doc_type: &'static str,
        /// Which version.
        version: u64,
    },
    /// The chain is too long.
    #[error("more than {CHAIN_LIMIT} root versions")]
    TooMany,
    /// The stored form cannot be read.
    #[error("the stored documents cannot be read: {0}")]
    Stored(String),
}

impl TrustError {
    /// True if this must wake the administrator: a fork, or a document signed by the wrong keys.
    pub const fn is_alarm(&self) -> bool {
        matches!(self, Self::Fork { .. } | Self::Document(DocumentError::Signatures { .. }))
    }
}

/// How much the documents allow at one moment (security.md §6, degrading).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Everything.
    Full,
    /// Only sessions that somebody at the PC agrees to.
    AttendedOnly,
    /// Nothing.
    Nothing,
}

/// Version and hash of the newest policy ever held, so that versions never fall even when a
/// new root makes the held policy void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Floor {
    version: u64,
    sha256: Sha256,
}

/// The verified documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// INVARIANT: not empty; each signed by the thresholds of the one before and its own.
    chain: Vec<Verified<Root>>,
    /// INVARIANT: signed by the last of `chain`.
    policy: Option<Verified<Policy>>,
    floor: Option<Floor>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: String,
    roots: Vec<Envelope>,
    policy: Option<Envelope>,
    policy_floor: Option<Floor>,
}

impl Trust {
    /// Begins with the root whose payload has the hash `pin` and goes up through `roots`
    /// (oldest first; those before the pinned one are passed over).
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn pinned(roots: &[Envelope], pin: Sha256) -> Result<Self, TrustError> {
        let start = roots.iter().position(|root| root.sha256() == pin).ok_or(TrustError::NotPinned(pin))?;
        Self::from_chain(&roots[start..])
    }

    /// Begins with the first of `roots`, which the caller trusts for a reason of its own: it
    /// came by hand, or it is the very first.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn first_use(roots: &[Envelope]) -> Result<Self, TrustError> {
        Self::from_chain(roots)
    }

    fn from_chain(roots: &[Envelope]) -> Result<Self, TrustError> {
        let (first, rest) = roots.split_first().ok_or(TrustError::NoRoot)?;
        let mut trust = Self { chain: vec![Root::open_pinned(first)?], policy: None, floor: None };
        trust.take_roots(rest)?;
        Ok(trust)
    }

    /// Reads what [`Self::to_bytes`] wrote, verifying all of it again.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn restore(bytes: &[u8]) -> Result<Self, TrustError> {
        let broken = |error: JsonError| TrustError::Stored(error.to_string());
        let stored: Stored = json::from_slice(bytes, STORED_LIMIT).map_err(broken)?;
        if stored.format != FORMAT {
            return Err(TrustError::Stored(format!("the format is not {FORMAT}")));
        }
        let mut trust = Self::from_chain(&stored.roots)?;
        trust.floor = stored.policy_floor;
        if let Some(policy) = &stored.policy {
            trust.take_policy(policy)?;
        }
        Ok(trust)
    }

    /// The form to keep on disk.
    pub fn to_bytes(&self) -> Vec<u8> {
        let stored = Stored {
            format: FORMAT.into(),
            roots: self.chain.iter().map(|root| root.envelope().clone()).collect(),
            policy: self.policy.as_ref().map(|policy| policy.envelope().clone()),
            policy_floor: self.floor,
        };
        serde_json::to_vec(&stored).unwrap_or_default() // strings, numbers and lists cannot fail
    }

    /// Checks newer documents: roots oldest first, then the policy. `None` = nothing new.
    ///
    /// # Errors
    /// [`TrustError`]; ask [`TrustError::is_alarm`].
    pub fn stage(&self, roots: &[Envelope], policy: Option<&Envelope>) -> Result<Option<Staged>, TrustError> {
        let mut next = self.clone();
        next.take_roots(roots)?;
        if let Some(policy) = policy {
            next.take_policy(policy)?;
        }
        Ok((next != *self).then_some(Staged(next)))
    }

    /// As [`Self::stage`], from a message.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn stage_documents(&self, documents: &Documents) -> Result<Option<Staged>, TrustError> {
        if documents.roots.len() > CHAIN_LIMIT {
            return Err(TrustError::TooMany);
        }
        let parse = |bytes: &[u8]| Envelope::parse(bytes).map_err(DocumentError::from);
        let roots = documents.roots.iter().map(|bytes| parse(bytes)).collect::<Result<Vec<_>, _>>()?;
        let policy = documents.policy.as_ref().map(|bytes| parse(bytes)).transpose()?;
        self.stage(&roots, policy.as_ref())
    }

    /// What somebody who holds `held` lacks; `None` = nothing.
    pub fn newer_than(&self, held: DocumentVersions) -> Option<Documents> {
        let newer = |root: &&Verified<Root>| root.document().head.version > held.root;
        let roots: Vec<_> =
            self.chain.iter().filter(newer).map(|root| root.envelope().to_json().into()).collect();
        let policy = self.policy.as_ref().filter(|policy| policy.document().head.version > held.policy);
        let policy = policy.map(|policy| policy.envelope().to_json().into());
        (!roots.is_empty() || policy.is_some()).then_some(Documents { roots, policy })
    }

    /// Versions held; 0 = none.
    pub fn versions(&self) -> DocumentVersions {
        DocumentVersions {
            root: self.root().head.version,
            policy: self.policy().map_or(0, |policy| policy.head.version),
        }
    }

    /// The newest root.
    pub fn root(&self) -> &Root {
        self.newest().document()
    }

    /// SHA-256 of the newest root's payload: what a token pins.
    pub fn root_sha256(&self) -> Sha256 {
        self.newest().sha256()
    }

    /// Every root held, oldest first.
    pub fn roots(&self) -> impl ExactSizeIterator<Item = &Envelope> {
        self.chain.iter().map(Verified::envelope)
    }

    /// The policy, if one is held that the newest root's keys signed. It may be expired: see
    /// [`Self::standing`].
    pub fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref().map(Verified::document)
    }

    /// The policy with its hash and envelope.
    pub const fn verified_policy(&self) -> Option<&Verified<Policy>> {
        self.policy.as_ref()
    }

    /// The organisation.
    pub fn org(&self) -> &OrgId {
        &self.root().head.org
    }

    /// How much these documents allow at `now`.
    pub fn standing(&self, now: Timestamp) -> Standing {
        let Some(policy) = self.policy() else { return Standing::Nothing };
        let expires = policy.head.expires.min(self.root().head.expires);
        if now <= expires {
            Standing::Full
        } else if now <= expires.plus(GRACE) {
            Standing::AttendedOnly
        } else {
            Standing::Nothing
        }
    }

    fn newest(&self) -> &Verified<Root> {
        &self.chain[self.chain.len() - 1] // INVARIANT: not empty
    }

    fn take_roots(&mut self, roots: &[Envelope]) -> Result<(), TrustError> {
        for envelope in roots {
            if self.chain.iter().any(|held| held.sha256() == envelope.sha256()) {
                continue;
            }
            self.take_root(envelope)?;
        }
        Ok(())
    }

    fn take_root(&mut self, envelope: &Envelope) -> Result<(), TrustError> {
        // Only a root that our keys signed may say anything, also about forks and gaps.
        let held = self.newest();
        let have = held.document().head.version;
        let signed = held.document().open::<Root>(envelope, &held.document().roles.root)?;
        let got = signed.document().head.version;
        if self.chain.iter().any(|root| root.document().head.version == got) {
            return Err(TrustError::Fork { doc_type: "root", version: got });
        }
        if got < have {
            return Err(TrustError::Rollback { doc_type: "root", have, got });
        }
        if got != have.saturating_add(1) {
            return Err(TrustError::Gap { have, got });
        }
        if self.chain.len() == CHAIN_LIMIT {
            return Err(TrustError::TooMany);
        }
        let next = held.document().open_next(envelope)?;
        self.chain.push(next);
        self.recheck_policy();
        Ok(())
    }

    /// A new root may have taken the policy's keys away.
    fn recheck_policy(&mut self) {
        let root = &self.chain[self.chain.len() - 1];
        let root = root.document();
        if let Some(policy) = self.policy.take() {
            self.policy = root.open(policy.envelope(), &root.roles.policy).ok();
        }
    }

    fn take_policy(&mut self, envelope: &Envelope) -> Result<(), TrustError> {
        let root = self.root();
        let policy = root.open::<Policy>(envelope, &root.roles.policy)?;
        let (got, sha256) = (policy.document().head.version, policy.sha256());
        if let Some(floor) = self.floor {
            if got < floor.version {
                return Err(TrustError::Rollback { doc_type: "policy", have: floor.version, got });
            }
            if got == floor.version && sha256 != floor.sha256 {
                return Err(TrustError::Fork { doc_type: "policy", version: got });
            }
            if got == floor.version && self.policy.is_some() {
                return Ok(()); // the same payload; perhaps other signatures, which change nothing
            }
        }
        self.floor = Some(Floor { version: got, sha256 });
        self.policy = Some(policy);
        Ok(())
    }
}

/// A checked change that is not in force yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "write it to disk, then commit"]
pub struct Staged(Trust);

impl Staged {
    /// What must be on disk before [`Self::commit`].
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes()
    }

    /// What will be in force, for a look ahead.
    pub const fn preview(&self) -> &Trust {
        &self.0
    }

    /// Puts it in force. Call only after [`Self::to_bytes`] is on disk.
    pub fn commit(self) -> Trust {
        self.0
    }
}
