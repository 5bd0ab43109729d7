//! Recordings of shells as files: encrypted while they are written, readable by the organisation's
//! auditors alone.
//!
//! ```text
//! "distans-recording-1\n" ‖ u32 BE length ‖ head (CBOR) ‖ sealed records (see `sealed`)
//! ```
//! A fresh key per file seals the records; the head holds that key once for each recipient that
//! the root document names, sealed with HPKE (RFC 9180: DHKEM P-256, HKDF-SHA256, AES-256-GCM)
//! and bound to what the recording is of. The PC forgets the key with the recording's end and
//! cannot read it again. A file without an end record was cut: its beginning still holds.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use data_encoding::BASE64;
use distans_proto::ids::{DeviceId, OpId, SessionId, TechnicianId};
use distans_proto::time::Timestamp;
use distans_trust::hash::Sha256;
use distans_trust::keys::{Algorithm, P256Key, PublicKey, random};
use minicbor::{Decode, Encode};
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_P256_HKDF_SHA256_AES_256 as SUITE;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey, HpkePublicKey};

use crate::sealed::{Direction, HEADER, Opener, Record, SealedError, Sealer, StreamKeys};

/// What a file begins with.
pub const MAGIC: &[u8] = b"distans-recording-1\n";

/// Most recipients of one recording.
pub const RECIPIENTS_LIMIT: usize = 16;

/// Largest head, in bytes.
const HEAD_LIMIT: usize = 16 * 1024;

/// Number of the one sealed stream under a file's key.
const STREAM: u64 = 0;

const INFO: &[u8] = b"distans/1 recording";

/// What a recipient's text begins with.
const PREFIX: &str = "distans-audit-1:";

/// Bytes of an uncompressed P-256 point.
const POINT: usize = 65;

/// Somebody who can read recordings: the public half of an audit key. As text, in the root
/// document, `distans-audit-1:` and base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient([u8; POINT]);

impl Recipient {
    /// Of a P-256 key.
    ///
    /// # Errors
    /// [`RecordingError::Recipient`] for a key of another kind.
    pub fn of(key: &PublicKey) -> Result<Self, RecordingError> {
        match (key.algorithm(), key.raw().try_into()) {
            (Algorithm::P256, Ok(point)) => Ok(Self(point)),
            _ => Err(RecordingError::Recipient),
        }
    }

    /// What stands for it in a recording's head.
    fn id(&self) -> Sha256 {
        Sha256::of(&self.0)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{PREFIX}{}", BASE64.encode(&self.0))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Recipient({})", self.id())
    }
}

impl FromStr for Recipient {
    type Err = RecordingError;

    fn from_str(text: &str) -> Result<Self, RecordingError> {
        let bytes = text.strip_prefix(PREFIX).and_then(|text| BASE64.decode(text.as_bytes()).ok());
        let point = bytes.and_then(|bytes| <[u8; POINT]>::try_from(bytes).ok());
        point.filter(|point| point[0] == 4).map(Self).ok_or(RecordingError::Recipient)
    }
}

/// Why a recording cannot be begun or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// No recipient, or too many.
    #[error("a recording needs 1 to {RECIPIENTS_LIMIT} recipients, the root document names {0}")]
    Recipients(usize),
    /// Not the text or key of a recipient.
    #[error(
        "not a recipient of recordings; one begins with {PREFIX} and is made by distans admin recording key"
    )]
    Recipient,
    /// The cryptographic library failed, or a recipient's key is no point of the curve.
    #[error("the recording's key cannot be sealed to a recipient")]
    Sealing,
    /// Not a recording, or a damaged one.
    #[error("not a recording of a shell, or its beginning is damaged")]
    Head,
    /// It is for others.
    #[error("the recording is not for this key; another audit key opens it")]
    OtherKey,
    /// A record does not hold.
    #[error("the recording was altered: {0}")]
    Sealed(#[from] SealedError),
}

/// What a recording is of.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct About {
    /// Where.
    #[n(0)]
    pub device: DeviceId,
    /// In which session.
    #[n(1)]
    pub session: SessionId,
    /// Which operation: its public id, as in the receipt.
    #[n(2)]
    pub operation: OpId,
    /// By whom.
    #[n(3)]
    pub technician: TechnicianId,
    /// When it began.
    #[n(4)]
    pub started: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Head {
    /// [`About`], encoded.
    #[cbor(n(0), with = "minicbor::bytes")]
    about: Vec<u8>,
    #[n(1)]
    keys: Vec<SealedKey>,
}

/// The file's key for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct SealedKey {
    /// SHA-256 of the recipient's point.
    #[cbor(n(0), with = "minicbor::bytes")]
    recipient: Vec<u8>,
    /// HPKE's encapsulated secret.
    #[cbor(n(1), with = "minicbor::bytes")]
    secret: Vec<u8>,
    /// The key.
    #[cbor(n(2), with = "minicbor::bytes")]
    key: Vec<u8>,
}

/// Begins a recording: the file's first bytes, and what seals all that follows.
///
/// # Errors
/// [`RecordingError`].
pub fn begin(about: &About, recipients: &[Recipient]) -> Result<(Vec<u8>, Sealer), RecordingError> {
    if recipients.is_empty() || recipients.len() > RECIPIENTS_LIMIT {
        return Err(RecordingError::Recipients(recipients.len()));
    }
    let key = random::<32>().map_err(|_| RecordingError::Sealing)?;
    let bytes = minicbor::to_vec(about).map_err(|_| RecordingError::Head)?;
    let seal = |recipient: &Recipient| {
        let public = HpkePublicKey(recipient.0.to_vec());
        let sealed = SUITE.seal(INFO, &bytes, key.as_slice(), &public);
        let (secret, key) = sealed.map_err(|_| RecordingError::Sealing)?;
        Ok(SealedKey { recipient: recipient.id().as_bytes().to_vec(), secret: secret.0, key })
    };
    let keys = recipients.iter().map(seal).collect::<Result<_, RecordingError>>()?;
    let keys = minicbor::to_vec(Head { about: bytes, keys }).map_err(|_| RecordingError::Head)?;
    let length = u32::try_from(keys.len()).map_err(|_| RecordingError::Head)?.to_be_bytes();
    let sealer = Sealer::new(&StreamKeys::derive(&key, about.session, STREAM, Direction::ToTechnician)?)?;
    Ok(([MAGIC, &length, &keys].concat(), sealer))
}

/// A recording that was opened and whose every record holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// What it is of.
    pub about: About,
    /// The recording itself: asciicast version 3.
    pub cast: Vec<u8>,
    /// False if it was cut before its end: the PC was switched off, or the file was cut.
    pub complete: bool,
}

/// Opens a whole file.
///
/// # Errors
/// [`RecordingError`]; nothing of an altered file is given.
pub fn open(file: &[u8], key: &P256Key) -> Result<Opened, RecordingError> {
    let (head, mut rest) = split(file)?;
    let about: About = minicbor::decode(&head.about).map_err(|_| RecordingError::Head)?;
    let file_key = unseal(&head, key)?;
    let keys = StreamKeys::derive(&file_key, about.session, STREAM, Direction::ToTechnician)?;
    let mut opener = Opener::new(&keys)?;
    let (mut cast, mut complete) = (Vec::new(), false);
    // Whoever cuts a file may cut inside a record: what is left of that one is no record.
    while let Some(header) = rest.first_chunk::<HEADER>() {
        let length = HEADER + Opener::body_length(*header)?;
        let Some((record, next)) = rest.split_at_checked(length) else { break };
        match opener.open(&mut record.to_vec())? {
            Record::Data(bytes) => cast.extend_from_slice(bytes),
            Record::End => complete = true,
            Record::Reset(_) => return Err(SealedError::Type(2, 2).into()),
        }
        rest = next;
    }
    Ok(Opened { about, cast, complete })
}

/// What a file is of, for whoever cannot read it; and its first bytes up to the records.
///
/// # Errors
/// [`RecordingError::Head`].
pub fn about(file: &[u8]) -> Result<About, RecordingError> {
    minicbor::decode(&split(file)?.0.about).map_err(|_| RecordingError::Head)
}

fn split(file: &[u8]) -> Result<(Head, &[u8]), RecordingError> {
    let rest = file.strip_prefix(MAGIC).ok_or(RecordingError::Head)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(RecordingError::Head)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| RecordingError::Head)?;
    if length > HEAD_LIMIT {
        return Err(RecordingError::Head);
    }
    let (head, rest) = rest.split_at_checked(length).ok_or(RecordingError::Head)?;
    Ok((minicbor::decode(head).map_err(|_| RecordingError::Head)?, rest))
}

fn unseal(head: &Head, key: &P256Key) -> Result<[u8; 32], RecordingError> {
    use distans_trust::keys::Signer as _;
    let recipient = Recipient::of(key.public())?;
    let own = |sealed: &&SealedKey| sealed.recipient == recipient.id().as_bytes();
    let sealed = head.keys.iter().find(own).ok_or(RecordingError::OtherKey)?;
    let private = PrivateKey::from_private_key_der(&ECDH_P256, key.to_pkcs8());
    let private = private.map_err(|_| RecordingError::OtherKey)?;
    let scalar: EcPrivateKeyBin<'_> = private.as_be_bytes().map_err(|_| RecordingError::OtherKey)?;
    let secret = EncapsulatedSecret(sealed.secret.clone());
    let private = HpkePrivateKey::from(scalar.as_ref().to_vec());
    let opened = SUITE.open(&secret, INFO, &head.about, &sealed.key, &private);
    let opened = opened.map_err(|_| RecordingError::Sealed(SealedError::Forged))?;
    opened.try_into().map_err(|_| RecordingError::Sealed(SealedError::Forged))
}

#[cfg(test)]
mod tests {
    use super::*;
    use distans_trust::keys::Signer;

    fn of() -> About {
        About {
            device: DeviceId::from_bytes([1; 16]),
            session: SessionId::from_bytes([2; 16]),
            operation: OpId::from_bytes([3; 16]),
            technician: "anna".parse().expect("a label"),
            started: Timestamp::from_secs(1_772_350_200),
        }
    }

    fn recipient(key: &P256Key) -> Recipient {
        Recipient::of(key.public()).expect("a P-256 key")
    }

    fn recorded(keys: &[&P256Key], end: bool) -> Vec<u8> {
        let recipients: Vec<Recipient> = keys.iter().map(|key| recipient(key)).collect();
        let (mut file, mut sealer) = begin(&of(), &recipients).expect("begun");
        sealer.data(b"{\"version\":3}\n", &mut file).expect("sealed");
        sealer.data("[0.1,\"o\",\"hemligt åäö\"]\n".as_bytes(), &mut file).expect("sealed");
        if end {
            sealer.end(&mut file).expect("sealed");
        }
        file
    }

    #[test]
    fn every_recipient_reads_it_and_nobody_else() {
        let [chief, deputy, stranger] = [(); 3].map(|()| P256Key::generate().expect("a key"));
        let file = recorded(&[&chief, &deputy], true);
        for key in [&chief, &deputy] {
            let opened = open(&file, key).expect("opens");
            assert!(opened.complete && opened.about == of());
            assert!(String::from_utf8_lossy(&opened.cast).contains("hemligt åäö"));
        }
        assert_eq!(open(&file, &stranger), Err(RecordingError::OtherKey));
        assert_eq!(about(&file), Ok(of()));
        assert!(!file.windows(7).any(|bytes| bytes == b"hemligt"));
        assert_eq!(begin(&of(), &[]).err(), Some(RecordingError::Recipients(0)));
    }

    #[test]
    fn a_cut_recording_says_so_and_an_altered_one_gives_nothing() {
        let key = P256Key::generate().expect("a key");
        let (cut, whole) = (recorded(&[&key], false), recorded(&[&key], true));
        assert!(!open(&cut, &key).expect("opens").complete);
        assert!(!open(&whole[..whole.len() - 1], &key).expect("opens").complete);
        let wrong = |place: usize| {
            let mut file = whole.clone();
            file[place] ^= 1;
            open(&file, &key)
        };
        for place in (0..whole.len()).step_by(7) {
            let opened = wrong(place);
            // A longer length makes the last record one that is cut.
            assert!(!opened.as_ref().is_ok_and(|opened| opened.complete), "byte {place}: {opened:?}");
        }
        let mut longer = whole;
        longer.extend_from_slice(&[0, 17, 0]);
        longer.extend_from_slice(&[0; 16]);
        assert_eq!(open(&longer, &key), Err(SealedError::AfterEnd.into()));
    }

    #[test]
    fn a_recipient_reads_back_from_its_text() {
        let recipient = recipient(&P256Key::generate().expect("a key"));
        assert_eq!(recipient.to_string().parse(), Ok(recipient));
        for wrong in ["", "age1qqq", "distans-audit-1:", "distans-audit-1:AAAA"] {
            assert_eq!(wrong.parse::<Recipient>(), Err(RecordingError::Recipient), "{wrong}");
        }
    }
}
