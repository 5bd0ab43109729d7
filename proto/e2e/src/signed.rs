//! A payload signed by the PC and countersigned by the technician: how grants and receipts travel.
//!
//! Holding a [`Signed`] is the proof that the PC's signature was checked; there is no other way
//! to make one than signing or opening. The countersignature is over the same input.

use distans_trust::envelope::{Envelope, EnvelopeError};
use distans_trust::hash::Sha256;
use distans_trust::json::{self, JsonError};
use distans_trust::keys::{KeyError, PublicKey, Signer};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why something signed by two is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// No envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Another kind of document.
    #[error("a document of type {found:?} where a {expected} should be")]
    Type {
        /// What it should be.
        expected: &'static str,
        /// What it is, shortened.
        found: String,
    },
    /// Not signed by the PC.
    #[error("the {0} is not signed by this PC's key")]
    Device(&'static str),
    /// The countersignature does not hold.
    #[error("the countersignature of the {0} is not by this technician's session key")]
    Countersignature(&'static str),
    /// Signed, but not the payload it should be.
    #[error("the {kind} cannot be read: {source}")]
    Payload {
        /// Document type.
        kind: &'static str,
        /// What is wrong.
        source: JsonError,
    },
    /// It needs something this version does not know.
    #[error("the {kind} demands {extension:?}, unknown to this version; update this program")]
    Critical {
        /// Document type.
        kind: &'static str,
        /// The first unknown demand, shortened.
        extension: String,
    },
    /// The private key did not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What can be signed by two.
pub trait Payload: Serialize + DeserializeOwned {
    /// Type in the envelope.
    const TYPE: &'static str;
    /// Longest payload, bytes of JSON.
    const LIMIT: usize;
    /// What a reader must know to read it rightly; this version knows nothing of the kind.
    fn critical(&self) -> &[String];
}

/// A payload with the PC's signature, checked, and perhaps the technician's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<P> {
    envelope: Envelope,
    payload: P,
}

impl<P: Payload> Signed<P> {
    /// Signs as the PC.
    ///
    /// # Errors
    /// [`SignedError::Key`], or [`SignedError::Payload`] if the payload outgrew its limit.
    pub fn sign(payload: P, device: &dyn Signer) -> Result<Self, SignedError> {
        let unreadable = |source| SignedError::Payload { kind: P::TYPE, source };
        let bytes = serde_json::to_vec(&payload).map_err(|error| unreadable(error.into()))?;
        if bytes.len() > P::LIMIT {
            return Err(unreadable(JsonError::TooLong { length: bytes.len(), limit: P::LIMIT }));
        }
        let mut envelope = Envelope::new(P::TYPE, bytes);
        envelope.sign(device)?;
        Ok(Self { envelope, payload })
    }

    /// Opens an envelope's JSON bytes after checking the PC's signature.
    ///
    /// # Errors
    /// [`SignedError`].
    pub fn open(bytes: &[u8], device: &PublicKey) -> Result<Self, SignedError> {
        let envelope = Envelope::parse(bytes)?;
        if envelope.doc_type != P::TYPE {
            let found = envelope.doc_type.chars().take(40).collect();
            return Err(SignedError::Type { expected: P::TYPE, found });
        }
        if !envelope.verified_by(device) {
            return Err(SignedError::Device(P::TYPE));
        }
        let payload: P = json::from_slice(&envelope.payload, P::LIMIT)
            .map_err(|source| SignedError::Payload { kind: P::TYPE, source })?;
        if let Some(extension) = payload.critical().first() {
            let extension = extension.chars().take(40).collect();
            return Err(SignedError::Critical { kind: P::TYPE, extension });
        }
        Ok(Self { envelope, payload })
    }

    /// What was signed.
    pub const fn payload(&self) -> &P {
        &self.payload
    }

    /// The technician's signature over the same input, to be sent to the PC. It is kept here too.
    ///
    /// # Errors
    /// [`SignedError::Key`].
    pub fn countersign(&mut self, technician: &dyn Signer) -> Result<Vec<u8>, SignedError> {
        let signature = technician.sign(&self.envelope.signing_input())?;
        self.envelope.add_signature(technician.public().id(), signature.clone());
        Ok(signature)
    }

    /// Takes the technician's signature after checking it.
    ///
    /// # Errors
    /// [`SignedError::Countersignature`]; nothing is changed then.
    pub fn take_countersignature(
        &mut self,
        technician: &PublicKey,
        signature: Vec<u8>,
    ) -> Result<(), SignedError> {
        if !technician.verifies(&self.envelope.signing_input(), &signature) {
            return Err(SignedError::Countersignature(P::TYPE));
        }
        self.envelope.add_signature(technician.id(), signature);
        Ok(())
    }

    /// True if this technician's session key has signed it too.
    pub fn is_countersigned_by(&self, technician: &PublicKey) -> bool {
        self.envelope.verified_by(technician)
    }

    /// Its identity: SHA-256 of the payload's bytes, whoever signed since.
    pub fn sha256(&self) -> Sha256 {
        self.envelope.sha256()
    }

    /// The envelope's JSON bytes, with all signatures so far.
    pub fn to_json(&self) -> Vec<u8> {
        self.envelope.to_json()
    }
}
