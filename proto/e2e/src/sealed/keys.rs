//! Keys of one stream in one direction, from the attachment's master secret.

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk};
use distans_proto::ids::SessionId;
use zeroize::Zeroizing;

use super::{Direction, SealedError};

const STREAM_INFO: &[u8] = b"distans/1 stream\0";
const KEY: usize = 32;
const IV: usize = 12;

/// Length of what is asked of HKDF: key and nonce base together.
struct KeyAndIv;

impl KeyType for KeyAndIv {
    fn len(&self) -> usize {
        KEY + IV
    }
}

/// Key and nonce base of one stream in one direction.
pub struct StreamKeys {
    material: Zeroizing<[u8; KEY + IV]>,
}

impl StreamKeys {
    /// HKDF-Expand-SHA256 of the master secret over session, stream and direction.
    ///
    /// # Errors
    /// [`SealedError::Keys`] if the cryptographic library fails.
    pub fn derive(
        master: &[u8; 32],
        session: SessionId,
        stream: u64,
        direction: Direction,
    ) -> Result<Self, SealedError> {
        let direction: [u8; 1] = match direction {
            Direction::ToAgent => [0],
            Direction::ToTechnician => [1],
        };
        let stream = stream.to_be_bytes();
        let info = [STREAM_INFO, session.as_bytes(), &stream, &direction];
        let mut material = Zeroizing::new([0; KEY + IV]);
        Prk::new_less_safe(HKDF_SHA256, master)
            .expand(&info, KeyAndIv)
            .and_then(|expanded| expanded.fill(material.as_mut_slice()))
            .map_err(|_| SealedError::Keys)?;
        Ok(Self { material })
    }

    pub(super) fn cipher(&self) -> Result<Cipher, SealedError> {
        let key = UnboundKey::new(&AES_256_GCM, &self.material[..KEY]).map_err(|_| SealedError::Keys)?;
        let mut iv = [0; IV];
        iv.copy_from_slice(&self.material[KEY..]);
        Ok(Cipher { key: LessSafeKey::new(key), iv, sequence: 0 })
    }

    #[cfg(test)]
    pub(super) fn parts(&self) -> (&[u8], &[u8]) {
        self.material.split_at(KEY)
    }
}

/// A key and the number of the next record.
pub(super) struct Cipher {
    pub(super) key: LessSafeKey,
    iv: [u8; IV],
    pub(super) sequence: u32,
}

impl Cipher {
    /// Most records under one key.
    pub(super) const END: u32 = 1 << 24;

    /// The next record's nonce: the base with the record's number XORed into its last 8 bytes.
    pub(super) fn next_nonce(&mut self) -> Result<Nonce, SealedError> {
        if self.sequence >= Self::END {
            return Err(SealedError::Exhausted);
        }
        let mut nonce = self.iv;
        for (byte, number) in nonce[4..].iter_mut().zip(u64::from(self.sequence).to_be_bytes()) {
            *byte ^= number;
        }
        self.sequence += 1;
        Ok(Nonce::assume_unique_for_key(nonce))
    }
}
