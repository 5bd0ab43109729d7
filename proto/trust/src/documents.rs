//! What all signed documents have in common: the head, the order of checks, the errors.
//!
//! Order: type → length → signatures over the received bytes → strict JSON → `crit` →
//! organisation → the document's own rules. Nothing of a payload is looked at before its
//! signatures hold, except of a root, which carries the keys it is signed with.

use std::time::Duration;

use distans_proto::ids::OrgId;
use distans_proto::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::envelope::{Envelope, EnvelopeError};
use crate::hash::Sha256;
use crate::json::{self, JsonError};
use crate::keys::{KeyError, KeyId, PublicKey, Signer};
use crate::rfc3339;

/// Critical extensions this version understands: none yet. A document that needs another is
/// refused, so that an old program never half-obeys a new rule.
pub const KNOWN_CRITICAL: [&str; 0] = [];

/// Why a document is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// No envelope.
    #[error("unreadable document: {0}")]
    Envelope(#[from] EnvelopeError),
    /// Another kind of document.
    #[error("the document is a {found:?}, expected {expected:?}")]
    Type {
        /// What it must be.
        expected: &'static str,
        /// What it says.
        found: String,
    },
    /// Not enough valid signatures of the keys that may sign it.
    #[error("{doc_type}: {valid} valid signatures of the keys that may sign it, {threshold} are needed")]
    Signatures {
        /// Which kind of document.
        doc_type: &'static str,
        /// How many keys signed.
        valid: usize,
        /// How many must.
        threshold: usize,
    },
    /// The payload is not acceptable JSON.
    #[error("{doc_type}: {error}")]
    Payload {
        /// Which kind of document.
        doc_type: &'static str,
        /// What is wrong.
        error: JsonError,
    },
    /// It demands something this version does not understand.
    #[error("{doc_type}: needs {name:?}, which this version does not know; update this program")]
    Critical {
        /// Which kind of document.
        doc_type: &'static str,
        /// The first unknown demand.
        name: String,
    },
    /// It belongs to somebody else.
    #[error("{doc_type}: belongs to organisation {found}, expected {expected}")]
    Organisation {
        /// Which kind of document.
        doc_type: &'static str,
        /// Ours.
        expected: OrgId,
        /// Theirs.
        found: OrgId,
    },
    /// It breaks one of its own rules.
    #[error("{doc_type}: {rule}")]
    Rule {
        /// Which kind of document.
        doc_type: &'static str,
        /// Which rule and how.
        rule: String,
    },
}

/// What every payload begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The organisation.
    pub org: OrgId,
    /// From 1 upward; never falls.
    pub version: u64,
    /// When it was signed.
    #[serde(with = "rfc3339")]
    pub issued: Timestamp,
    /// Until when it counts.
    #[serde(with = "rfc3339")]
    pub expires: Timestamp,
    /// Names of parts that a reader must understand or refuse the document.
    pub crit: Vec<String>,
}

/// A typed payload.
pub trait Document: Serialize + DeserializeOwned {
    /// The envelope's type.
    const TYPE: &'static str;
    /// Longest payload, in bytes.
    const LIMIT: usize;
    /// Longest time from issue to expiry.
    const LIFE: Duration;

    /// The common head.
    fn head(&self) -> &Head;

    /// The document's own rules, beyond its shape. One line that says what is wrong.
    ///
    /// # Errors
    /// The rule that is broken.
    fn rules(&self) -> Result<(), String>;
}

/// A document whose signatures were checked, with the bytes they cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<D> {
    document: D,
    envelope: Envelope,
    sha256: Sha256,
}

impl<D> Verified<D> {
    pub(crate) fn new(document: D, envelope: Envelope) -> Self {
        let sha256 = envelope.sha256();
        Self { document, envelope, sha256 }
    }

    /// The document.
    pub const fn document(&self) -> &D {
        &self.document
    }

    /// As it came.
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// SHA-256 of its payload.
    pub const fn sha256(&self) -> Sha256 {
        self.sha256
    }
}

/// Opens an envelope that must be signed by at least `threshold` of `keys`.
///
/// # Errors
/// [`DocumentError`], in the order the module states.
pub fn open<'a, D: Document>(
    envelope: &Envelope,
    keys: impl IntoIterator<Item = &'a PublicKey>,
    threshold: usize,
    org: &OrgId,
) -> Result<Verified<D>, DocumentError> {
    check_type::<D>(envelope)?;
    check_signatures::<D>(envelope, keys, threshold)?;
    let document: D = read(envelope)?;
    if &document.head().org != org {
        return Err(DocumentError::Organisation {
            doc_type: D::TYPE,
            expected: org.clone(),
            found: document.head().org.clone(),
        });
    }
    Ok(Verified::new(document, envelope.clone()))
}

pub(crate) fn check_type<D: Document>(envelope: &Envelope) -> Result<(), DocumentError> {
    if envelope.doc_type == D::TYPE {
        return Ok(());
    }
    Err(DocumentError::Type { expected: D::TYPE, found: envelope.doc_type.chars().take(40).collect() })
}

pub(crate) fn check_signatures<'a, D: Document>(
    envelope: &Envelope,
    keys: impl IntoIterator<Item = &'a PublicKey>,
    threshold: usize,
) -> Result<(), DocumentError> {
    let valid = envelope.count_verified(keys);
    if valid < threshold.max(1) {
        return Err(DocumentError::Signatures { doc_type: D::TYPE, valid, threshold: threshold.max(1) });
    }
    Ok(())
}

/// Payload → document, strictly, with every check that needs no key.
pub(crate) fn read<D: Document>(envelope: &Envelope) -> Result<D, DocumentError> {
    check_type::<D>(envelope)?;
    let document: D = json::from_slice(&envelope.payload, D::LIMIT)
        .map_err(|error| DocumentError::Payload { doc_type: D::TYPE, error })?;
    check(&document)?;
    Ok(document)
}

fn check<D: Document>(document: &D) -> Result<(), DocumentError> {
    let head = document.head();
    if let Some(name) = head.crit.iter().find(|name| !KNOWN_CRITICAL.contains(&name.as_str())) {
        return Err(DocumentError::Critical { doc_type: D::TYPE, name: name.chars().take(40).collect() });
    }
    let rule = |rule: String| DocumentError::Rule { doc_type: D::TYPE, rule };
    if head.version == 0 {
        return Err(rule("version must be at least 1".into()));
    }
    if head.expires <= head.issued {
        return Err(rule("expires must be later than issued".into()));
    }
    if head.expires.since(head.issued) > D::LIFE {
        return Err(rule(format!("may count for at most {} days", D::LIFE.as_secs() / 86_400)));
    }
    document.rules().map_err(rule)
}

/// Why a document could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MakeError {
    /// It would be refused by its readers.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A key did not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Makes a signed envelope of `document`; refuses what a reader would refuse.
///
/// # Errors
/// [`MakeError`].
pub fn make<D: Document>(document: &D, keys: &[&dyn Signer]) -> Result<Envelope, MakeError> {
    let payload = serde_json::to_vec_pretty(document).map_err(|error| DocumentError::Payload {
        doc_type: D::TYPE,
        error: JsonError::Malformed(error.to_string()),
    })?;
    let mut envelope = Envelope::new(D::TYPE, payload);
    read::<D>(&envelope)?;
    for key in keys {
        envelope.sign(*key)?;
    }
    Ok(envelope)
}

/// Who may sign a kind of document: at least `threshold` of `keyids`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Which keys.
    pub keyids: Vec<KeyId>,
    /// How many of them.
    pub threshold: usize,
}
