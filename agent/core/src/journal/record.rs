//! What a record of the journal says. Numbers are never reused: journals outlive agents.

use distans_e2e::receipt::EndReason;
use distans_proto::ids::{OpId, SessionId, TechnicianId};
use distans_proto::inner::{Op, OpResult};
use distans_proto::scope::ScopeSet;
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;
use minicbor::{Decode, Encode};

use super::Hash;

/// One line of the journal. Numbers are never reused; journals outlive agents.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Record {
    /// First record of a file.
    #[n(0)]
    Begin(#[n(0)] Begin),
    /// A session was granted.
    #[n(1)]
    Granted(#[n(0)] Box<Granted>),
    /// The technician countersigned the grant.
    #[n(2)]
    GrantAcked(#[n(0)] Countersigned),
    /// An operation is about to be executed.
    #[n(3)]
    OpAccepted(#[n(0)] OpAccepted),
    /// An operation is over.
    #[n(4)]
    OpFinished(#[n(0)] OpFinished),
    /// The technician knows the result.
    #[n(5)]
    OpAcknowledged(#[n(0)] OpAcknowledged),
    /// A session is over.
    #[n(6)]
    SessionEnded(#[n(0)] SessionEnded),
    /// The receipt of a session.
    #[n(7)]
    Receipt(#[n(0)] Receipt),
    /// The technician countersigned the receipt.
    #[n(8)]
    ReceiptAcked(#[n(0)] Countersigned),
    /// The broker has the session's record on its disk.
    #[n(9)]
    Uploaded(#[n(0)] Uploaded),
    /// The agent has started.
    #[n(10)]
    Started(#[n(0)] Started),
    /// The machine is about to be told to go down, by an operation of a session.
    #[n(11)]
    GoingDown(#[n(0)] GoingDown),
    /// That did not happen, or the technician is back after it: what it allowed is used up.
    #[n(12)]
    GoingDownOver(#[n(0)] GoingDownOver),
}

/// Ties a file to the one it replaces.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Begin {
    /// Last hash of the file before; zeros for the first.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub before: Hash,
    /// When the file was begun.
    #[n(1)]
    pub at: Timestamp,
    /// Head of the chain of receipts then.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub receipts: Hash,
}

/// A grant, before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Granted {
    /// The session.
    #[n(0)]
    pub session: SessionId,
    /// When.
    #[n(1)]
    pub at: Timestamp,
    /// To whom.
    #[n(2)]
    pub technician: TechnicianId,
    /// What.
    #[n(3)]
    pub scopes: ScopeSet,
    /// Until when at most.
    #[n(4)]
    pub expires: Timestamp,
    /// Envelope of type `grant`, signed by the device.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub grant: Vec<u8>,
    /// The technician's certificate, DER.
    #[cbor(n(6), with = "minicbor::bytes")]
    pub certificate: Vec<u8>,
    /// Purpose, for the person at the PC after a restart of the agent.
    #[n(7)]
    pub purpose: Untrusted,
    /// True if the person was asked.
    #[n(8)]
    pub asked: bool,
    /// True if the technician asked for nobody to be asked.
    #[n(9)]
    pub unattended: bool,
    /// The account that answered (uid, SID), if the person was asked.
    #[n(10)]
    pub account: Option<String>,
}

/// A countersignature of grant or receipt.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Countersigned {
    /// The session.
    #[n(0)]
    pub session: SessionId,
    /// ECDSA P-256, ASN.1 DER, over the envelope's signing input.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub signature: Vec<u8>,
}

/// An operation, before it is executed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OpAccepted {
    /// The operation.
    #[n(0)]
    pub op: OpId,
    /// In which session.
    #[n(1)]
    pub session: SessionId,
    /// When.
    #[n(2)]
    pub at: Timestamp,
    /// What: with the id it proves the operation's line in the receipt.
    #[n(3)]
    pub content: Op,
}

/// An operation, after it is over and before anybody is told.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OpFinished {
    /// The operation.
    #[n(0)]
    pub op: OpId,
    /// When.
    #[n(1)]
    pub at: Timestamp,
    /// How.
    #[n(2)]
    pub result: OpResult,
}

/// A result that is known to the technician.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OpAcknowledged {
    /// The operation.
    #[n(0)]
    pub op: OpId,
}

/// A session that is over.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SessionEnded {
    /// The session.
    #[n(0)]
    pub session: SessionId,
    /// When.
    #[n(1)]
    pub at: Timestamp,
    /// Why.
    #[cbor(n(2), with = "reason")]
    pub reason: EndReason,
}

/// [`EndReason`] as a number that is never reused.
mod reason {
    use distans_e2e::receipt::EndReason;
    use minicbor::decode::{self as read, Decoder};
    use minicbor::encode::{self as write, Encoder};

    const NUMBERS: [EndReason; 7] = [
        EndReason::Technician,
        EndReason::Person,
        EndReason::Expired,
        EndReason::Abandoned,
        EndReason::Revoked,
        EndReason::Violation,
        EndReason::AgentStopped,
    ];

    pub(super) fn encode<C, W: write::Write>(
        reason: &EndReason,
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), write::Error<W::Error>> {
        let number =
            NUMBERS.iter().position(|known| known == reason).and_then(|number| u8::try_from(number).ok());
        encoder.u8(number.ok_or_else(|| write::Error::message("end reason without a number"))?)?.ok()
    }

    pub(super) fn decode<C>(decoder: &mut Decoder<'_>, _: &mut C) -> Result<EndReason, read::Error> {
        let number = usize::from(decoder.u8()?);
        NUMBERS.get(number).copied().ok_or_else(|| read::Error::message("unknown end reason"))
    }
}

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Receipt {
    /// The session.
    #[n(0)]
    pub session: SessionId,
    /// Envelope of type `receipt`, signed by the device.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub envelope: Vec<u8>,
    /// Head of the chain of receipts after it.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub head: Hash,
}

/// A session whose record the broker has.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Uploaded {
    /// The session.
    #[n(0)]
    pub session: SessionId,
}

/// A start of the agent.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Started {
    /// When.
    #[n(0)]
    pub at: Timestamp,
    /// Names the run of the machine; another after every start of it.
    #[n(1)]
    pub boot: String,
}

/// A machine that is about to go down.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GoingDown {
    /// In which session.
    #[n(0)]
    pub session: SessionId,
    /// By which operation; its result is known after the next start.
    #[n(1)]
    pub op: OpId,
    /// When.
    #[n(2)]
    pub at: Timestamp,
    /// Until when the session may be come back to; `None` = it ends with this run.
    #[n(3)]
    pub until: Option<Timestamp>,
    /// The run of the machine that ends.
    #[n(4)]
    pub boot: String,
}

/// A machine that did not go down, or is up again and was come back to.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GoingDownOver {
    /// In which session.
    #[n(0)]
    pub session: SessionId,
}
