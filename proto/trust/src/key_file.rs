//! Private keys as text files: PKCS#8 in PEM, encrypted with a passphrase (scrypt, AES-256) or,
//! for demonstrations and for keys that unattended programs need, not encrypted.

use pkcs8::der::asn1::OctetString;
use pkcs8::der::pem::PemLabel;
use pkcs8::der::{Encode, SecretDocument};
use pkcs8::pkcs5::{pbes2, scrypt};
use pkcs8::{EncryptedPrivateKeyInfoOwned, EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use crate::keys::{Ed25519Key, KeyError, P256Key, random};

/// Longest key file, in bytes.
const FILE_LIMIT: usize = 16 * 1024;

/// scrypt cost: 2^17 blocks of 8, about 128 MiB and a fraction of a second.
const SCRYPT: (u8, u32, u32) = (17, 8, 1);

/// Why a key file cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// No PEM with a private key.
    #[error("no private key in PEM form (PKCS#8)")]
    NotPem,
    /// A passphrase is needed.
    #[error("the key is encrypted; its passphrase is needed")]
    PassphraseNeeded,
    /// Wrong passphrase, or a damaged file.
    #[error("wrong passphrase, or the key file is damaged")]
    WrongPassphrase,
    /// An empty passphrase protects nothing.
    #[error("the passphrase must not be empty")]
    EmptyPassphrase,
    /// The key itself.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// True if the key in `pem` is encrypted.
pub fn is_encrypted(pem: &str) -> bool {
    pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
}

/// A key file's text for an Ed25519 key; `None` = not encrypted.
///
/// # Errors
/// [`KeyFileError`].
pub fn write_ed25519(key: &Ed25519Key, passphrase: Option<&str>) -> Result<Zeroizing<String>, KeyFileError> {
    write(&key.to_pkcs8()?, passphrase)
}

/// A key file's text for a P-256 key; `None` = not encrypted.
///
/// # Errors
/// [`KeyFileError`].
pub fn write_p256(key: &P256Key, passphrase: Option<&str>) -> Result<Zeroizing<String>, KeyFileError> {
    write(key.to_pkcs8(), passphrase)
}

/// Reads an Ed25519 key file.
///
/// # Errors
/// [`KeyFileError`].
pub fn read_ed25519(pem: &str, passphrase: Option<&str>) -> Result<Ed25519Key, KeyFileError> {
    Ok(Ed25519Key::from_pkcs8(read(pem, passphrase)?.as_bytes())?)
}

/// Reads a P-256 key file.
///
/// # Errors
/// [`KeyFileError`].
pub fn read_p256(pem: &str, passphrase: Option<&str>) -> Result<P256Key, KeyFileError> {
    Ok(P256Key::from_pkcs8(read(pem, passphrase)?.as_bytes())?)
}

fn write(pkcs8: &[u8], passphrase: Option<&str>) -> Result<Zeroizing<String>, KeyFileError> {
    let not_pem = |_| KeyFileError::NotPem;
    let Some(passphrase) = passphrase else {
        let document = SecretDocument::try_from(pkcs8).map_err(not_pem)?;
        return document.to_pem(PrivateKeyInfoRef::PEM_LABEL, LineEnding::LF).map_err(not_pem);
    };
    if passphrase.is_empty() {
        return Err(KeyFileError::EmptyPassphrase);
    }
    let failed = |_| KeyFileError::Key(KeyError::Randomness);
    let (log_n, r, p) = SCRYPT;
    let cost = scrypt::Params::new(log_n, r, p).map_err(|_| KeyFileError::NotPem)?;
    let salt = random::<16>()?;
    let scheme =
        pbes2::Parameters::generate_scrypt_aes256cbc(cost, &*salt, *random::<16>()?).map_err(failed)?;
    let encrypted = scheme.encrypt(passphrase, pkcs8).map_err(failed)?;
    let info = EncryptedPrivateKeyInfoOwned {
        encryption_algorithm: scheme.into(),
        encrypted_data: OctetString::new(encrypted).map_err(not_pem)?,
    };
    let document = SecretDocument::try_from(info.to_der().map_err(not_pem)?).map_err(not_pem)?;
    document.to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF).map_err(not_pem)
}

fn read(pem: &str, passphrase: Option<&str>) -> Result<SecretDocument, KeyFileError> {
    if pem.len() > FILE_LIMIT {
        return Err(KeyFileError::NotPem);
    }
    let (label, document) = SecretDocument::from_pem(pem.trim_start()).map_err(|_| KeyFileError::NotPem)?;
    if label == PrivateKeyInfoRef::PEM_LABEL {
        return Ok(document);
    }
    if label != EncryptedPrivateKeyInfoRef::PEM_LABEL {
        return Err(KeyFileError::NotPem);
    }
    let passphrase = passphrase.ok_or(KeyFileError::PassphraseNeeded)?;
    let info = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|_| KeyFileError::NotPem)?;
    info.decrypt(passphrase).map_err(|_| KeyFileError::WrongPassphrase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Signer;
    use proptest::prelude::*;

    #[test]
    fn keys_read_back_with_and_without_passphrase() {
        let ed25519 = Ed25519Key::generate().expect("a key");
        let plain = write_ed25519(&ed25519, None).expect("written");
        assert!(!is_encrypted(&plain));
        assert_eq!(read_ed25519(&plain, None).expect("read").public(), ed25519.public());

        let p256 = P256Key::generate().expect("a key");
        let sealed = write_p256(&p256, Some("långt och hemligt")).expect("written");
        assert!(is_encrypted(&sealed));
        assert_eq!(read_p256(&sealed, Some("långt och hemligt")).expect("read").public(), p256.public());
        assert_eq!(read_p256(&sealed, None).err(), Some(KeyFileError::PassphraseNeeded));
        assert_eq!(read_p256(&sealed, Some("fel")).err(), Some(KeyFileError::WrongPassphrase));
        assert!(read_ed25519(&sealed, Some("långt och hemligt")).is_err());
        assert_eq!(write_p256(&p256, Some("")).err(), Some(KeyFileError::EmptyPassphrase));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "(-----BEGIN PRIVATE KEY-----\n)?[A-Za-z0-9+/=\n-]{0,200}") {
            prop_assert!(read_ed25519(&text, None).is_err());
        }
    }
}
