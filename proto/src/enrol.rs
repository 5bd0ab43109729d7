//! Messages between a PC that has no certificate yet and the broker.
//!
//! One bidirectional stream per question: [`EnrolRequest`], then [`EnrolReply`], both as frames
//! of at most [`crate::frame::DOCUMENTS_LIMIT`]. A PC fetches the root documents first, over a
//! connection it cannot verify yet, compares their hash with its token and only then comes
//! back over a verified connection.

use minicbor::{Decode, Encode};

use crate::ids::{DeviceId, TokenId};
use crate::text::Untrusted;

/// What an unknown PC may ask.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum EnrolRequest {
    /// All root documents, oldest first. Public; needs no certificate.
    #[n(0)]
    Roots(#[n(0)] RootsQuery),
    /// Take this PC in.
    #[n(1)]
    Enrol(#[n(0)] Enrol),
    /// The certificate of a token, so that the PC learns its group from the organisation's
    /// enrol key and not from the broker. Public; needs no certificate.
    #[n(2)]
    TokenCert(#[n(0)] TokenCertQuery),
}

/// Asks for the root documents.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RootsQuery {}

/// Asks for a token's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TokenCertQuery {
    /// Which token.
    #[n(0)]
    pub token: TokenId,
}

/// Asks to be enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Enrol {
    /// Which token.
    #[n(0)]
    pub token: TokenId,
    /// The id the PC chose for itself at random.
    #[n(1)]
    pub device: DeviceId,
    /// PKCS#10 request, DER; proves possession of the device key.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub csr: Vec<u8>,
    /// Signed `endorsement` envelope (security.md §4), made with the token's key.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub endorsement: Vec<u8>,
    /// The PC's name for itself; also inside the endorsement.
    #[n(4)]
    pub hostname: Untrusted,
}

/// The broker's answer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum EnrolReply {
    /// Every root document, oldest first.
    #[n(0)]
    Roots(#[n(0)] Roots),
    /// Taken in.
    #[n(1)]
    Enrolled(#[n(0)] Enrolled),
    /// Not taken in.
    #[n(2)]
    Refused(#[n(0)] Refused),
    /// A token's certificate.
    #[n(3)]
    TokenCert(#[n(0)] TokenCert),
}

/// Root documents as signed envelopes, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Roots {
    /// Envelopes.
    #[n(0)]
    pub roots: Vec<minicbor::bytes::ByteVec>,
}

/// A token's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TokenCert {
    /// Envelope of type `token-cert`.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub envelope: Vec<u8>,
}

/// What a newly enrolled PC needs.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Enrolled {
    /// The outer device certificate, DER, 90 days.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub certificate: Vec<u8>,
    /// The newest policy's envelope.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub policy: Vec<u8>,
}

/// Why the broker says no; used on every kind of stream.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Refused {
    /// Machine-readable reason.
    #[n(0)]
    pub code: RefusalCode,
    /// One sentence: what was wrong and what to do.
    #[n(1)]
    pub text: Untrusted,
}

/// Reasons for a refusal. New ones may come; unknown ones read as [`RefusalCode::Other`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum RefusalCode {
    /// None of the others; see the text.
    Other = 0,
    /// The message was malformed or not allowed here.
    BadRequest = 1,
    /// Nothing has that name or id.
    NotFound = 2,
    /// The technician's rights, or the lack of a certificate, do not allow it.
    NotAllowed = 3,
    /// The PC has no connection to the broker now.
    Offline = 4,
    /// A limit of the broker is reached; try later.
    Busy = 5,
    /// The token is unknown, used up, expired, frozen or revoked.
    Token = 6,
    /// A signature or proof does not hold.
    BadProof = 7,
    /// It conflicts with what is recorded already.
    Conflict = 8,
    /// The broker cannot store it, for instance because its disk is full.
    Storage = 9,
}

impl RefusalCode {
    /// Every code, in wire order.
    pub const ALL: [Self; 10] = [
        Self::Other,
        Self::BadRequest,
        Self::NotFound,
        Self::NotAllowed,
        Self::Offline,
        Self::Busy,
        Self::Token,
        Self::BadProof,
        Self::Conflict,
        Self::Storage,
    ];

    /// The name in JSON output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::BadRequest => "bad_request",
            Self::NotFound => "not_found",
            Self::NotAllowed => "not_allowed",
            Self::Offline => "offline",
            Self::Busy => "busy",
            Self::Token => "token",
            Self::BadProof => "bad_proof",
            Self::Conflict => "conflict",
            Self::Storage => "storage",
        }
    }
}

impl<C> Encode<C> for RefusalCode {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.u8(*self as u8)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for RefusalCode {
    fn decode(decoder: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let number = decoder.u8()?;
        Ok(Self::ALL.into_iter().find(|code| *code as u8 == number).unwrap_or(Self::Other))
    }
}
