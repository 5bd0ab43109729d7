//! Records of a sealed stream: AES-256-GCM, one key per stream and direction.
//!
//! `u16 BE n ‖ AEAD(payload ≤ 16384 ‖ type)`, where n counts the ciphertext with its tag, the
//! two length bytes are associated data and the nonce counts records. A stream ends with an
//! end or reset record; if the transport ends before it, the stream was cut.

use std::fmt;

use aws_lc_rs::aead::Aad;

mod keys;
#[cfg(test)]
mod tests;

use keys::Cipher;
pub use keys::StreamKeys;

/// Most plaintext bytes in one record.
pub const PAYLOAD_LIMIT: usize = 16_384;

/// Bytes of the length in front of a record.
pub const HEADER: usize = 2;

/// Bytes a record is longer than its payload: length, type, tag.
pub const OVERHEAD: usize = HEADER + 1 + TAG;

const TAG: usize = 16;
const SMALLEST: usize = 1 + TAG;
const LARGEST: usize = PAYLOAD_LIMIT + 1 + TAG;

const DATA: u8 = 0;
const END: u8 = 1;
const RESET: u8 = 2;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the technician to the agent.
    ToAgent,
    /// From the agent to the technician.
    ToTechnician,
}

/// Why a record was not sealed or not taken. After any of these the stream is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealedError {
    /// The cryptographic library gave no keys.
    #[error("no keys for a sealed stream")]
    Keys,
    /// The announced length cannot be that of a record.
    #[error("sealed record of {0} bytes, allowed are {SMALLEST} to {LARGEST}")]
    Length(usize),
    /// The record is not the one the other side made for this place of this stream.
    #[error("sealed record was altered, moved or belongs elsewhere")]
    Forged,
    /// An unknown type, or a payload its type does not have.
    #[error("sealed record of type {0} with {1} payload bytes is not known")]
    Type(u8, usize),
    /// The transport ended before the stream's end record.
    #[error("sealed stream was cut before its end")]
    Truncated,
    /// More after the end record.
    #[error("more after the end of a sealed stream")]
    AfterEnd,
    /// The stream's last record number is used up.
    #[error("sealed stream is full after 2^24 records; open another")]
    Exhausted,
    /// The payload is longer than one record carries.
    #[error("payload of {0} bytes, a record carries at most {PAYLOAD_LIMIT}")]
    Payload(usize),
}

/// One record, opened.
#[derive(Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// Bytes of the stream.
    Data(&'a [u8]),
    /// The stream ends here, whole.
    End,
    /// The other side gives the stream up, with its reason's number.
    Reset(u16),
}

/// Seals one stream in one direction.
pub struct Sealer {
    cipher: Cipher,
    ended: bool,
}

impl Sealer {
    /// With the stream's keys, from record 0. Never twice with the same keys.
    ///
    /// # Errors
    /// [`SealedError::Keys`].
    pub fn new(keys: &StreamKeys) -> Result<Self, SealedError> {
        Ok(Self { cipher: keys.cipher()?, ended: false })
    }

    /// Makes the last bytes of `buffer` a data record, in place: they are, from `start`,
    /// [`HEADER`] bytes of any value and then the payload.
    ///
    /// # Errors
    /// [`SealedError::Payload`], [`SealedError::Exhausted`] or [`SealedError::AfterEnd`];
    /// the buffer's bytes from `start` are then not to be sent.
    pub fn seal_in_place(&mut self, buffer: &mut Vec<u8>, start: usize) -> Result<(), SealedError> {
        self.seal_as(DATA, buffer, start)
    }

    /// Appends a data record with `payload` to `out`.
    ///
    /// # Errors
    /// As [`Self::seal_in_place`].
    pub fn data(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), SealedError> {
        self.append(DATA, payload, out)
    }

    /// Appends the end record.
    ///
    /// # Errors
    /// As [`Self::seal_in_place`].
    pub fn end(&mut self, out: &mut Vec<u8>) -> Result<(), SealedError> {
        self.append(END, &[], out)?;
        self.ended = true;
        Ok(())
    }

    /// Appends a reset record: the stream is given up.
    ///
    /// # Errors
    /// As [`Self::seal_in_place`].
    pub fn reset(&mut self, reason: u16, out: &mut Vec<u8>) -> Result<(), SealedError> {
        self.append(RESET, &reason.to_be_bytes(), out)?;
        self.ended = true;
        Ok(())
    }

    fn append(&mut self, kind: u8, payload: &[u8], out: &mut Vec<u8>) -> Result<(), SealedError> {
        let start = out.len();
        out.extend_from_slice(&[0; HEADER]);
        out.extend_from_slice(payload);
        self.seal_as(kind, out, start)
    }

    fn seal_as(&mut self, kind: u8, buffer: &mut Vec<u8>, start: usize) -> Result<(), SealedError> {
        if self.ended {
            return Err(SealedError::AfterEnd);
        }
        let body = start + HEADER;
        let payload = buffer.len().saturating_sub(body);
        let length = u16::try_from(payload + 1 + TAG)
            .ok()
            .filter(|_| payload <= PAYLOAD_LIMIT && body <= buffer.len())
            .ok_or(SealedError::Payload(payload))?
            .to_be_bytes();
        buffer.push(kind);
        buffer[start..body].copy_from_slice(&length);
        let nonce = self.cipher.next_nonce()?;
        let tag = self
            .cipher
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(length), &mut buffer[body..])
            .map_err(|_| SealedError::Keys)?;
        buffer.extend_from_slice(tag.as_ref());
        Ok(())
    }
}

/// Opens one stream in one direction.
pub struct Opener {
    cipher: Cipher,
    ended: bool,
    broken: bool,
}

impl Opener {
    /// With the stream's keys, from record 0.
    ///
    /// # Errors
    /// [`SealedError::Keys`].
    pub fn new(keys: &StreamKeys) -> Result<Self, SealedError> {
        Ok(Self { cipher: keys.cipher()?, ended: false, broken: false })
    }

    /// How many bytes follow a record's header.
    ///
    /// # Errors
    /// [`SealedError::Length`].
    pub fn body_length(header: [u8; HEADER]) -> Result<usize, SealedError> {
        let length = usize::from(u16::from_be_bytes(header));
        if (SMALLEST..=LARGEST).contains(&length) { Ok(length) } else { Err(SealedError::Length(length)) }
    }

    /// Opens the next record in place: header and body as they came, whole.
    ///
    /// # Errors
    /// Any of [`SealedError`]; every further call then fails too.
    pub fn open<'a>(&mut self, record: &'a mut [u8]) -> Result<Record<'a>, SealedError> {
        if self.ended {
            return Err(SealedError::AfterEnd);
        }
        if self.broken {
            return Err(SealedError::Forged);
        }
        // Stays set if anything below fails: what follows a bad record is never looked at.
        self.broken = true;
        let opened = Self::open_once(&mut self.cipher, record)?;
        self.broken = false;
        self.ended = !matches!(opened, Record::Data(_));
        Ok(opened)
    }

    fn open_once<'a>(cipher: &mut Cipher, record: &'a mut [u8]) -> Result<Record<'a>, SealedError> {
        let whole = record.len();
        let (header, body) = record.split_first_chunk_mut::<HEADER>().ok_or(SealedError::Length(whole))?;
        if Self::body_length(*header)? != body.len() {
            return Err(SealedError::Length(body.len()));
        }
        let nonce = cipher.next_nonce()?;
        let plain =
            cipher.key.open_in_place(nonce, Aad::from(*header), body).map_err(|_| SealedError::Forged)?;
        // The smallest record holds a type, so the plaintext is never empty.
        let (kind, payload) = plain.split_last().ok_or(SealedError::Forged)?;
        match (*kind, payload) {
            (DATA, payload) => Ok(Record::Data(payload)),
            (END, []) => Ok(Record::End),
            (RESET, &[high, low]) => Ok(Record::Reset(u16::from_be_bytes([high, low]))),
            (kind, payload) => Err(SealedError::Type(kind, payload.len())),
        }
    }

    /// To be asked when the transport has ended.
    ///
    /// # Errors
    /// [`SealedError::Truncated`] if no end or reset record came.
    pub fn at_transport_end(&self) -> Result<(), SealedError> {
        if self.ended { Ok(()) } else { Err(SealedError::Truncated) }
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sealer").field("sequence", &self.cipher.sequence).finish_non_exhaustive()
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Opener").field("sequence", &self.cipher.sequence).finish_non_exhaustive()
    }
}
