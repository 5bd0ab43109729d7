//! Ed25519 keys for documents, P-256 keys for PCs, technicians and certificates.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    UnparsedPublicKey,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
pub use zeroize::Zeroizing;

use crate::hash::Sha256;

/// SPKI of an Ed25519 key: this, then 32 bytes.
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// SPKI of an uncompressed P-256 key: this, then 65 bytes.
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Longest SPKI taken, in bytes; room for the post-quantum keys of later versions.
const SPKI_LIMIT: usize = 8 * 1024;

/// What is wrong with a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    Randomness,
    /// Not a private key of this kind.
    #[error("not a PKCS#8 private key of type {0}")]
    NotPrivate(Algorithm),
    /// Not a public key.
    #[error("not a public key (SPKI, DER)")]
    NotPublic,
    /// The library refused to sign.
    #[error("signing failed")]
    Signing,
    /// A key id must be 32 hexadecimal digits.
    #[error("a key id must be 32 hexadecimal digits")]
    NotAKeyId,
}

/// Kinds of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519.
    Ed25519,
    /// ECDSA on P-256 with SHA-256, signatures in ASN.1.
    P256,
    /// A kind this version does not know. Such a key may be listed; nothing it signs is believed.
    Unknown,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Ed25519 => "Ed25519",
            Self::P256 => "P-256",
            Self::Unknown => "unknown",
        })
    }
}

/// Name of a key: the first 16 bytes of the SHA-256 of its SPKI, hexadecimal in text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 16]);

impl KeyId {
    /// The id of the key with this SPKI.
    pub fn of_spki(spki: &[u8]) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&Sha256::of(spki).as_bytes()[..16]);
        Self(id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(|_| KeyError::NotAKeyId)?;
        bytes.try_into().map(Self).map_err(|_| KeyError::NotAKeyId)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A public key, kept as its SPKI. As JSON: base64 of the SPKI.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    spki: Vec<u8>,
}

impl PublicKey {
    /// Takes an SPKI in DER.
    ///
    /// # Errors
    /// [`KeyError::NotPublic`] if it is no DER sequence of a sensible length.
    pub fn from_spki(spki: &[u8]) -> Result<Self, KeyError> {
        if spki.first() != Some(&0x30) || spki.len() > SPKI_LIMIT {
            return Err(KeyError::NotPublic);
        }
        Ok(Self { spki: spki.to_vec() })
    }

    /// The SPKI, DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Its name in envelopes.
    pub fn id(&self) -> KeyId {
        KeyId::of_spki(&self.spki)
    }

    /// SHA-256 of the SPKI.
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(&self.spki)
    }

    /// What kind it is.
    pub fn algorithm(&self) -> Algorithm {
        self.split().0
    }

    /// True if `signature` over `message` was made with this key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let (algorithm, raw) = self.split();
        match algorithm {
            Algorithm::Ed25519 => UnparsedPublicKey::new(&ED25519, raw).verify(message, signature).is_ok(),
            Algorithm::P256 => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, raw).verify(message, signature).is_ok()
            }
            Algorithm::Unknown => false,
        }
    }

    /// The bare key: 32 bytes, or a P-256 point; empty for an unknown kind.
    pub fn raw(&self) -> &[u8] {
        self.split().1
    }

    fn split(&self) -> (Algorithm, &[u8]) {
        if let Some(raw) = self.spki.strip_prefix(&ED25519_SPKI).filter(|raw| raw.len() == 32) {
            return (Algorithm::Ed25519, raw);
        }
        if let Some(raw) = self.spki.strip_prefix(&P256_SPKI).filter(|raw| raw.len() == 65) {
            return (Algorithm::P256, raw);
        }
        (Algorithm::Unknown, &[])
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PublicKey({} {})", self.algorithm(), self.id())
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&data_encoding::BASE64.encode(&self.spki))
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let spki = data_encoding::BASE64.decode(text.as_bytes()).map_err(de::Error::custom)?;
        Self::from_spki(&spki).map_err(de::Error::custom)
    }
}

/// Something that signs: a key in memory now, a card or a signing service later.
pub trait Signer {
    /// The public half.
    fn public(&self) -> &PublicKey;

    /// A signature over `message`.
    ///
    /// # Errors
    /// [`KeyError::Signing`].
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError>;
}

/// An Ed25519 private key.
pub struct Ed25519Key {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl Ed25519Key {
    /// A fresh key from the operating system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Randomness`].
    pub fn generate() -> Result<Self, KeyError> {
        Self::from_seed(&*random::<32>()?)
    }

    /// The key with this seed.
    ///
    /// # Errors
    /// [`KeyError::NotPrivate`].
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        Self::wrap(Ed25519KeyPair::from_seed_unchecked(seed))
    }

    /// From PKCS#8, DER.
    ///
    /// # Errors
    /// [`KeyError::NotPrivate`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        Self::wrap(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der))
    }

    fn wrap(pair: Result<Ed25519KeyPair, aws_lc_rs::error::KeyRejected>) -> Result<Self, KeyError> {
        let pair = pair.map_err(|_| KeyError::NotPrivate(Algorithm::Ed25519))?;
        let spki = [&ED25519_SPKI[..], pair.public_key().as_ref()].concat();
        Ok(Self { pair, public: PublicKey { spki } })
    }

    /// PKCS#8, DER; wiped when dropped.
    ///
    /// # Errors
    /// [`KeyError::NotPrivate`].
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let document = self.pair.to_pkcs8v1().map_err(|_| KeyError::NotPrivate(Algorithm::Ed25519))?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }
}

impl Signer for Ed25519Key {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.pair.try_sign(message).map_err(|_| KeyError::Signing)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl fmt::Debug for Ed25519Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Ed25519Key({})", self.public.id())
    }
}

/// A P-256 private key.
pub struct P256Key {
    pair: EcdsaKeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
    public: PublicKey,
}

impl P256Key {
    /// A fresh key from the operating system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Randomness`].
    pub fn generate() -> Result<Self, KeyError> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())
            .map_err(|_| KeyError::Randomness)?;
        Self::from_pkcs8(document.as_ref())
    }

    /// From PKCS#8, DER.
    ///
    /// # Errors
    /// [`KeyError::NotPrivate`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der)
            .map_err(|_| KeyError::NotPrivate(Algorithm::P256))?;
        let spki = [&P256_SPKI[..], pair.public_key().as_ref()].concat();
        Ok(Self { pair, pkcs8: Zeroizing::new(der.to_vec()), public: PublicKey { spki } })
    }

    /// PKCS#8, DER.
    pub fn to_pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// For rustls.
    pub fn to_rustls(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.pkcs8.to_vec()))
    }

    /// This key with its certificate (leaf alone: every chain here is one long), for rustls.
    ///
    /// # Errors
    /// [`KeyError::NotPrivate`].
    pub fn certified(
        &self,
        leaf: CertificateDer<'static>,
    ) -> Result<Arc<rustls::sign::CertifiedKey>, KeyError> {
        let key = rustls::crypto::aws_lc_rs::sign::any_ecdsa_type(&self.to_rustls())
            .map_err(|_| KeyError::NotPrivate(Algorithm::P256))?;
        Ok(Arc::new(rustls::sign::CertifiedKey::new(vec![leaf], key)))
    }
}

impl Signer for P256Key {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.pair.sign(&SystemRandom::new(), message).map_err(|_| KeyError::Signing)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl fmt::Debug for P256Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "P256Key({})", self.public.id())
    }
}

/// `N` random bytes from the operating system; wiped when dropped.
///
/// # Errors
/// [`KeyError::Randomness`].
pub fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, KeyError> {
    let mut bytes = Zeroizing::new([0; N]);
    SystemRandom::new().fill(&mut *bytes).map_err(|_| KeyError::Randomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_sign_and_read_back() {
        let ed25519 = Ed25519Key::generate().expect("a key");
        let p256 = P256Key::generate().expect("a key");
        let ed25519_again =
            Ed25519Key::from_pkcs8(&ed25519.to_pkcs8().expect("PKCS#8")).expect("the same key");
        let p256_again = P256Key::from_pkcs8(p256.to_pkcs8()).expect("the same key");
        assert_eq!(ed25519.public(), ed25519_again.public());
        let pairs: [(&dyn Signer, &dyn Signer); 2] = [(&ed25519, &ed25519_again), (&p256, &p256_again)];
        for (key, again) in pairs {
            let signature = again.sign(b"hej").expect("a signature");
            assert!(key.public().verifies(b"hej", &signature));
            assert!(!key.public().verifies(b"nej", &signature));
            let json = serde_json::to_vec(key.public()).expect("JSON");
            assert_eq!(&serde_json::from_slice::<PublicKey>(&json).expect("a key"), key.public());
        }
        assert!(!ed25519.public().verifies(b"hej", &p256.sign(b"hej").expect("a signature")));
    }

    #[test]
    fn a_key_of_unknown_kind_is_kept_and_never_believed() {
        let key = PublicKey::from_spki(&[0x30, 0x03, 0x01, 0x02, 0x03]).expect("kept");
        assert_eq!(key.algorithm(), Algorithm::Unknown);
        assert!(!key.verifies(b"", b""));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_no_keys_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(P256Key::from_pkcs8(&bytes).is_err());
            prop_assert!(Ed25519Key::from_pkcs8(&bytes).is_err());
            if let Ok(key) = PublicKey::from_spki(&bytes) {
                prop_assert!(!key.verifies(b"message", &bytes));
            }
        }
    }
}
