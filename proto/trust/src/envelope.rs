//! A payload with signatures: `{type, payload, sigs: [{keyid, sig}]}`, base64 inside JSON.
//!
//! Signatures cover `"DSSEv1 " len(type) " " type " " len(payload) " " payload`: the bytes as
//! they came, never a re-encoding, and the type too, so that no document passes for another.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::hash::Sha256;
use crate::json::{self, JsonError};
use crate::keys::{KeyError, KeyId, PublicKey, Signer};

/// Longest envelope, in bytes of JSON: the largest payload in base64 and its signatures.
pub const ENVELOPE_LIMIT: usize = 1536 * 1024;

/// Most signatures in one envelope.
pub const SIGNATURES_LIMIT: usize = 16;

/// Why bytes are no envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not the JSON it should be.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// More signatures than allowed.
    #[error("{0} signatures, at most {SIGNATURES_LIMIT} are allowed")]
    TooManySignatures(usize),
}

/// One signature and which key made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Which key.
    pub keyid: KeyId,
    /// Ed25519: 64 bytes; P-256: ASN.1 DER.
    #[serde(with = "base64_bytes")]
    pub sig: Vec<u8>,
}

/// A payload with signatures. Reading one proves nothing: see [`Envelope::verified_by`] and
/// the document types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// What the payload is: `root`, `policy`, `token-cert`, `endorsement`, `grant`, `receipt`.
    #[serde(rename = "type")]
    pub doc_type: String,
    /// The payload's bytes as signed.
    #[serde(with = "base64_bytes")]
    pub payload: Vec<u8>,
    /// Signatures.
    pub sigs: Vec<Signature>,
}

impl Envelope {
    /// An unsigned one.
    pub fn new(doc_type: &str, payload: Vec<u8>) -> Self {
        Self { doc_type: doc_type.to_owned(), payload, sigs: Vec::new() }
    }

    /// Reads the JSON form strictly.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let envelope: Self = json::from_slice(bytes, ENVELOPE_LIMIT)?;
        if envelope.sigs.len() > SIGNATURES_LIMIT {
            return Err(EnvelopeError::TooManySignatures(envelope.sigs.len()));
        }
        Ok(envelope)
    }

    /// The JSON form.
    pub fn to_json(&self) -> Vec<u8> {
        let sigs: Vec<_> = self
            .sigs
            .iter()
            .map(|one| serde_json::json!({"keyid": one.keyid.to_string(), "sig": data_encoding::BASE64.encode(&one.sig)}))
            .collect();
        serde_json::json!({
            "type": self.doc_type,
            "payload": data_encoding::BASE64.encode(&self.payload),
            "sigs": sigs,
        })
        .to_string()
        .into_bytes()
    }

    /// SHA-256 of the payload: the document's identity, whoever signed it since.
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(&self.payload)
    }

    /// What signatures cover.
    pub fn signing_input(&self) -> Vec<u8> {
        let head = format!("DSSEv1 {} {} {} ", self.doc_type.len(), self.doc_type, self.payload.len());
        [head.as_bytes(), &self.payload].concat()
    }

    /// Adds a signature by `key`; one that is there already by the same key is replaced.
    ///
    /// # Errors
    /// [`KeyError::Signing`].
    pub fn sign(&mut self, key: &dyn Signer) -> Result<(), KeyError> {
        let sig = key.sign(&self.signing_input())?;
        self.add_signature(key.public().id(), sig);
        Ok(())
    }

    /// Adds a signature made elsewhere; one that is there already by the same key is replaced.
    pub fn add_signature(&mut self, keyid: KeyId, sig: Vec<u8>) {
        self.sigs.retain(|one| one.keyid != keyid);
        self.sigs.push(Signature { keyid, sig });
    }

    /// True if `key` signed this envelope.
    pub fn verified_by(&self, key: &PublicKey) -> bool {
        let input = self.signing_input();
        let keyid = key.id();
        self.sigs.iter().any(|one| one.keyid == keyid && key.verifies(&input, &one.sig))
    }

    /// How many different keys of `keys` signed this envelope.
    pub fn count_verified<'a>(&self, keys: impl IntoIterator<Item = &'a PublicKey>) -> usize {
        let mut counted: Vec<KeyId> = Vec::new();
        for key in keys {
            if !counted.contains(&key.id()) && self.verified_by(key) {
                counted.push(key.id());
            }
        }
        counted.len()
    }
}

/// Bytes as base64 text, standard alphabet with padding; anything else is refused.
pub(crate) mod base64_bytes {
    use super::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&data_encoding::BASE64.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        data_encoding::BASE64.decode(text.as_bytes()).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Ed25519Key, P256Key};
    use proptest::prelude::*;

    #[test]
    fn the_signing_input_is_fixed() {
        let envelope = Envelope::new("root", b"{}".to_vec());
        assert_eq!(envelope.signing_input(), b"DSSEv1 4 root 2 {}");
    }

    #[test]
    fn an_envelope_reads_back_and_any_change_breaks_it() {
        let (one, two) = (Ed25519Key::generate().expect("a key"), P256Key::generate().expect("a key"));
        let mut envelope = Envelope::new("grant", b"payload".to_vec());
        envelope.sign(&one).expect("signed");
        envelope.sign(&two).expect("signed");
        envelope.sign(&two).expect("signed again");
        assert_eq!(envelope.sigs.len(), 2);
        let read = Envelope::parse(&envelope.to_json()).expect("reads back");
        assert_eq!(read, envelope);
        assert_eq!(read.count_verified([one.public(), two.public(), one.public()]), 2);
        let mut other_type = read.clone();
        other_type.doc_type = "receipt".into();
        assert!(!other_type.verified_by(one.public()));
        let mut other_payload = read;
        other_payload.payload.push(b' ');
        assert_eq!(other_payload.count_verified([one.public(), two.public()]), 0);
    }

    #[test]
    fn sloppy_envelopes_are_refused() {
        for text in [
            r#"{"type":"a","payload":"","sigs":[],"type":"b"}"#,
            r#"{"type":"a","payload":"e30","sigs":[]}"#,
            r#"{"type":"a","payload":"","sigs":[{"keyid":"00","sig":""}]}"#,
            r#"{"type":"a","sigs":[]}"#,
        ] {
            assert!(Envelope::parse(text.as_bytes()).is_err(), "{text} was taken");
        }
        let mut many = Envelope::new("a", Vec::new());
        for number in 0..=SIGNATURES_LIMIT {
            many.add_signature(KeyId::of_spki(&number.to_be_bytes()), Vec::new());
        }
        assert_eq!(
            Envelope::parse(&many.to_json()),
            Err(EnvelopeError::TooManySignatures(SIGNATURES_LIMIT + 1))
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Envelope::parse(&bytes);
        }

        #[test]
        fn any_payload_reads_back(doc_type in ".{0,20}", payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            let envelope = Envelope::new(&doc_type, payload);
            prop_assert_eq!(Envelope::parse(&envelope.to_json()).expect("reads back"), envelope);
        }
    }
}
