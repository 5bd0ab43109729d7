//! Messages on the control stream between an enrolled agent and the broker, and the header of
//! a relayed stream.
//!
//! The agent opens one bidirectional stream and both sides send frames on it: control messages
//! within [`crate::frame::CONTROL_LIMIT`], except `Documents` within
//! [`crate::frame::DOCUMENTS_LIMIT`] and `Receipt` within [`crate::frame::RECORD_LIMIT`]. The broker opens a further stream to the agent for every
//! relayed stream and starts it with a [`RelayHeader`] frame; what follows is opaque to it.

use minicbor::{Decode, Encode};

use crate::enrol::Refused;
use crate::facts::{Facts, Severity};
use crate::ids::{DeviceId, SessionId};
use crate::text::Untrusted;
use crate::time::Timestamp;
use crate::version::VersionRange;

/// From the agent.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ToBroker {
    /// First message of a connection.
    #[n(0)]
    Hello(#[n(0)] AgentHello),
    /// Facts for the fleet list; after `Welcome` and when they changed.
    #[n(1)]
    Inventory(#[n(0)] Box<Facts>),
    /// A new outer certificate for the same key, please.
    #[n(2)]
    Renew(#[n(0)] Renew),
    /// A session's signed record; kept by the agent until `ReceiptStored`.
    #[n(3)]
    Receipt(#[n(0)] SessionRecord),
    /// The other side sent a message this version does not know.
    #[n(4)]
    Unsupported(#[n(0)] Unsupported),
    /// What is wrong with the PC as far as its facts tell; after the first `Inventory` and when
    /// it changed.
    #[n(5)]
    Findings(#[n(0)] Standing),
}

/// From the broker.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ToAgent {
    /// The connection stands; "connected" means that this has arrived.
    #[n(0)]
    Welcome(#[n(0)] Welcome),
    /// Signed documents newer than the agent's.
    #[n(1)]
    Documents(#[n(0)] Documents),
    /// The answer to `Renew`.
    #[n(2)]
    Renewed(#[n(0)] Renewed),
    /// The record with this hash is on the broker's disk.
    #[n(3)]
    ReceiptStored(#[n(0)] ReceiptStored),
    /// A message was refused; the connection goes on.
    #[n(4)]
    Refused(#[n(0)] Refused),
    /// The broker stops; come back after so long.
    #[n(5)]
    GoAway(#[n(0)] GoAway),
    /// The other side sent a message this version does not know.
    #[n(6)]
    Unsupported(#[n(0)] Unsupported),
}

/// Who speaks and what it has.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AgentHello {
    /// Protocol versions the agent speaks.
    #[n(0)]
    pub versions: VersionRange,
    /// Program version, for the fleet list.
    #[n(1)]
    pub program: Untrusted,
    /// Versions of the signed documents it holds.
    #[n(2)]
    pub documents: DocumentVersions,
    /// Host name now.
    #[n(3)]
    pub hostname: Untrusted,
}

/// Versions of root and policy somebody holds; 0 = none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DocumentVersions {
    /// Root.
    #[n(0)]
    pub root: u64,
    /// Policy.
    #[n(1)]
    pub policy: u64,
}

/// The broker's first message.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Welcome {
    /// Protocol versions the broker speaks.
    #[n(0)]
    pub versions: VersionRange,
    /// The broker's clock. A hint for `doctor`, never trusted for rights.
    #[n(1)]
    pub now: Timestamp,
    /// When the agent's outer certificate ends.
    #[n(2)]
    pub certificate_ends: Timestamp,
}

/// Signed documents: the roots in order, each one version above the one before; then the policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Documents {
    /// Root envelopes the receiver lacks, oldest first.
    #[n(0)]
    pub roots: Vec<minicbor::bytes::ByteVec>,
    /// Policy envelope, if newer.
    #[n(1)]
    pub policy: Option<minicbor::bytes::ByteVec>,
}

/// Most findings in one [`Standing`]; the worst are told.
pub const NOTED_LIMIT: usize = 32;

/// Longest name of a rule in one [`Noted`], in characters.
pub const RULE_LIMIT: usize = 64;

/// What is wrong with a PC now, worst first; empty if all is well. At most [`NOTED_LIMIT`] are
/// told, and the broker keeps no more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Standing {
    /// Each rule once.
    #[n(0)]
    pub findings: Vec<Noted>,
}

/// A finding by name only: the figures and the advice are read end to end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct Noted {
    /// How bad.
    #[n(0)]
    pub severity: Severity,
    /// Name of the rule, at most [`RULE_LIMIT`] characters.
    #[n(1)]
    pub rule: Untrusted,
}

/// Asks for a new outer certificate.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Renew {
    /// PKCS#10 request, DER.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub csr: Vec<u8>,
}

/// A new outer certificate.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Renewed {
    /// DER.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub certificate: Vec<u8>,
}

/// A finished session as it is kept: what was granted, what was done, who signed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SessionRecord {
    /// Envelope of type `grant`, signed by the device, countersigned by the technician.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub grant: Vec<u8>,
    /// Envelope of type `receipt`, signed by the device; countersigned unless the technician was gone.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub receipt: Vec<u8>,
    /// The technician's certificate, DER, so that the countersignatures can be checked later.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub certificate: Vec<u8>,
}

/// Acknowledges a record after it is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReceiptStored {
    /// Which session's.
    #[n(0)]
    pub session: SessionId,
}

/// The broker stops or drains.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GoAway {
    /// Why.
    #[n(0)]
    pub reason: Untrusted,
    /// Seconds after which to try again; the agent adds jitter.
    #[n(1)]
    pub retry_after_s: u32,
}

/// The number of a message that was not understood, as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Unsupported {
    /// Variant number.
    #[n(0)]
    pub number: Option<u64>,
}

/// First frame of every stream the broker opens to an agent. A hint for routing: everything
/// that counts is proved end to end.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RelayHeader {
    /// The session the stream belongs to.
    #[n(0)]
    pub session: SessionId,
    /// The PC the technician named; an agent that is not it closes the stream.
    #[n(1)]
    pub device: DeviceId,
}
