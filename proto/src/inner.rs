//! Messages between technician and agent, inside the end-to-end session.
//!
//! The control stream (inner TLS) carries [`ToAgent`] and [`ToTechnician`] frames: asking,
//! granting, ending. Each operation has a sealed stream of its own and speaks in
//! [`op_frame`] units there, so that a slow reader of one never holds up another.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::facts::{Facts, Finding};
use crate::ids::{OpId, SessionId};
use crate::link::{DocumentVersions, Documents, Unsupported};
use crate::scope::ScopeSet;
use crate::text::Untrusted;
use crate::time::Timestamp;
use crate::version::VersionRange;

/// Longest purpose, in characters.
pub const PURPOSE_LIMIT: usize = 500;

/// Longest ticket, in characters.
pub const TICKET_LIMIT: usize = 64;

/// Most arguments of a command, and most bytes of all of them together.
pub const ARGUMENTS_LIMIT: (usize, usize) = (1024, 48 * 1024);

/// Most input bytes the technician sends beyond the last `InputTaken`; the agent holds that much,
/// so that it keeps reading and a `Cancel` never waits behind input nobody takes.
pub const INPUT_WINDOW: u64 = 256 * 1024;

/// From the technician, on the control stream.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ToAgent {
    /// First message; comes with the TLS Finished.
    #[n(0)]
    Hello(#[n(0)] Hello),
    /// Documents the agent lacks; answer to `NeedDocuments`.
    #[n(1)]
    Documents(#[n(0)] Documents),
    /// Asks for a new session.
    #[n(2)]
    Request(#[n(0)] Request),
    /// Comes back to a session that was granted.
    #[n(3)]
    Resume(#[n(0)] Resume),
    /// The grant, countersigned with the technician's session key.
    #[n(4)]
    GrantAck(#[n(0)] GrantAck),
    /// Ends the session.
    #[n(5)]
    End(#[n(0)] End),
    /// The receipt, countersigned.
    #[n(6)]
    ReceiptAck(#[n(0)] ReceiptAck),
    /// A message of the other side was not understood.
    #[n(7)]
    Unsupported(#[n(0)] Unsupported),
}

/// From the agent, on the control stream.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ToTechnician {
    /// Answer to `Hello`, at once.
    #[n(0)]
    Hello(#[n(0)] Hello),
    /// The technician's documents are newer; send them.
    #[n(1)]
    NeedDocuments(#[n(0)] DocumentVersions),
    /// The person at the PC is being asked; the answer comes within so many seconds.
    #[n(2)]
    Asking(#[n(0)] Asking),
    /// Granted: envelope of type `grant`, signed by the device.
    #[n(3)]
    Grant(#[n(0)] Grant),
    /// Not granted, or the session is over.
    #[n(4)]
    Denied(#[n(0)] Denied),
    /// Welcome back; a new epoch of the same grant.
    #[n(5)]
    Resumed(#[n(0)] Resumed),
    /// The session is over: envelope of type `receipt`, signed by the device.
    #[n(6)]
    Ended(#[n(0)] Ended),
    /// The receipt is on the agent's disk.
    #[n(7)]
    Closed(#[n(0)] Closed),
    /// A message of the other side was not understood.
    #[n(8)]
    Unsupported(#[n(0)] Unsupported),
}

/// Versions and documents of one side.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Hello {
    /// Protocol versions.
    #[n(0)]
    pub versions: VersionRange,
    /// Versions of the signed documents held.
    #[n(1)]
    pub documents: DocumentVersions,
    /// Program version.
    #[n(2)]
    pub program: Untrusted,
}

/// Asks for a session.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Request {
    /// Chosen by the technician at random.
    #[n(0)]
    pub session: SessionId,
    /// What is asked for.
    #[n(1)]
    pub scopes: ScopeSet,
    /// In the technician's own words, at most [`PURPOSE_LIMIT`] characters.
    #[n(2)]
    pub purpose: Untrusted,
    /// Ticket number, at most [`TICKET_LIMIT`] characters.
    #[n(3)]
    pub ticket: Option<Untrusted>,
    /// For how long, minutes.
    #[n(4)]
    pub minutes: u16,
    /// True: nobody shall be asked; only what policy allows unattended is granted.
    #[n(5)]
    pub unattended: bool,
}

/// Comes back.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Resume {
    /// The session.
    #[n(0)]
    pub session: SessionId,
}

/// Countersigned grant.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GrantAck {
    /// Raw ECDSA P-256 signature (ASN.1 DER) over the grant envelope's signing input.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub signature: Vec<u8>,
}

/// Ends the session.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct End {}

/// Countersigned receipt.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReceiptAck {
    /// As in [`GrantAck`], over the receipt envelope's signing input.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub signature: Vec<u8>,
}

/// The person is being asked.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Asking {
    /// Silence means no after so many seconds.
    #[n(0)]
    pub timeout_s: u16,
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Grant {
    /// Envelope of type `grant`.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub envelope: Vec<u8>,
    /// Epoch of this attachment, for the prefaces of sealed streams.
    #[n(1)]
    pub epoch: u8,
}

/// Back in a session.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Resumed {
    /// Epoch of this attachment.
    #[n(0)]
    pub epoch: u8,
    /// The same grant again.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub envelope: Vec<u8>,
}

/// Who or what said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum DeniedBy {
    /// The person at the PC said no.
    #[n(0)]
    Person,
    /// Nobody answered in time.
    #[n(1)]
    Silence,
    /// Somebody has to be asked and nobody can be.
    #[n(2)]
    NobodyToAsk,
    /// The technician's certificate or role.
    #[n(3)]
    Role,
    /// The PC's policy.
    #[n(4)]
    Policy,
    /// Time, protocol version or documents are not in order.
    #[n(5)]
    State,
    /// The session is unknown, ended or expired.
    #[n(6)]
    Session,
    /// A limit.
    #[n(7)]
    Limit,
}

/// Not granted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Denied {
    /// Who or what.
    #[n(0)]
    pub by: DeniedBy,
    /// Which rule, in one sentence.
    #[n(1)]
    pub text: Untrusted,
}

/// The session is over.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Ended {
    /// Envelope of type `receipt`.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub envelope: Vec<u8>,
}

/// All is kept.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Closed {}

/// First message of an operation's sealed stream.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OpRequest {
    /// Random; a repeat is answered from the journal and never run again.
    #[n(0)]
    pub id: OpId,
    /// What to do.
    #[n(1)]
    pub op: Op,
    /// Output bytes received already, when coming back to a running operation; else 0.
    #[n(2)]
    pub received: u64,
}

/// The operations of this version.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Op {
    /// Facts and findings. Scope `diagnose`.
    #[n(0)]
    Diagnose(#[n(0)] Diagnose),
    /// One command. Scope `command`, or `command:system`.
    #[n(1)]
    Run(#[n(0)] Run),
}

/// Asks for facts and findings.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Diagnose {
    /// The technician's clock, to compare with the PC's.
    #[n(0)]
    pub now: Timestamp,
}

/// Asks to run one command.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Run {
    /// Program and arguments, exactly as typed; no shell between.
    #[n(0)]
    pub argv: Vec<String>,
    /// As root or SYSTEM instead of the signed-in user.
    #[n(1)]
    pub system: bool,
    /// Input follows.
    #[n(2)]
    pub stdin: bool,
    /// The PC ends it after so many seconds; 0 = never.
    #[n(3)]
    pub timeout_s: u32,
}

/// From the technician on an operation's stream, after the request.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum OpInput {
    /// Output up to this offset has been written out; the agent may forget it.
    #[n(0)]
    Received(#[n(0)] u64),
    /// No more input.
    #[n(1)]
    InputEnd(#[n(0)] Closed),
    /// Stop it, with everything it started.
    #[n(2)]
    Cancel(#[n(0)] Closed),
    /// The result is known here; the agent may forget it.
    #[n(3)]
    Done(#[n(0)] Closed),
}

/// From the agent on an operation's stream.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum OpOutput {
    /// Journalled and begun.
    #[n(0)]
    Started(#[n(0)] Closed),
    /// Over.
    #[n(1)]
    Finished(#[n(0)] OpResult),
    /// Facts and findings.
    #[n(2)]
    Diagnosis(#[n(0)] Box<Diagnosis>),
    /// Not allowed or not possible; nothing was done.
    #[n(3)]
    Refused(#[n(0)] Denied),
    /// Input bytes the process has taken so far, for an operation with input. Sent as they are
    /// taken (at least once per [`INPUT_WINDOW`] / 4), and at once after `Started` when the
    /// technician comes back with a repeated request, who then sends on from that offset.
    #[n(4)]
    InputTaken(#[n(0)] u64),
}

/// Facts and what they mean.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Diagnosis {
    /// Facts.
    #[n(0)]
    pub facts: Facts,
    /// Findings, worst first.
    #[n(1)]
    pub findings: Vec<Finding>,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct OpResult {
    /// How.
    #[n(0)]
    pub outcome: Outcome,
    /// Exit code, where there is one.
    #[n(1)]
    pub exit: Option<i32>,
    /// Bytes of standard output and error together.
    #[n(2)]
    pub bytes: u64,
    /// More about it.
    #[n(3)]
    pub text: Option<Untrusted>,
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Outcome {
    /// It ran to its end; see the exit code.
    #[n(0)]
    Completed,
    /// It could not be started; see the text.
    #[n(1)]
    NotStarted,
    /// It was cancelled by the technician.
    #[n(2)]
    Cancelled,
    /// Its time limit was reached.
    #[n(3)]
    TimedOut,
    /// The session ended under it (Stop at the PC, time-out, revocation).
    #[n(4)]
    SessionEnded,
    /// The agent was interrupted while it ran: unknown ("okänt utfall").
    #[n(5)]
    Unknown,
}

/// Units on an operation's stream: messages and raw bytes, so that bulk data is not CBOR.
///
/// `u32 big-endian length of what follows ‖ kind u8 ‖ body`.
pub mod op_frame {
    use crate::frame::{FrameError, HEADER, body_length};

    /// Largest body of raw bytes.
    pub const BYTES_LIMIT: usize = 256 * 1024;

    /// What a unit's body is. Numbers are never reused.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[repr(u8)]
    pub enum Kind {
        /// A CBOR message: `OpRequest`, `OpInput` or `OpOutput`.
        Message = 0,
        /// Standard input, or standard output.
        Primary = 1,
        /// Standard error.
        Errors = 2,
    }

    /// Bytes in front of a body.
    pub const UNIT_HEADER: usize = HEADER + 1;

    /// The header of a unit with a body of `length` bytes.
    ///
    /// # Errors
    /// [`FrameError::TooLong`] over [`BYTES_LIMIT`].
    pub fn header(kind: Kind, length: usize) -> Result<[u8; UNIT_HEADER], FrameError> {
        let too_long = FrameError::TooLong { length, limit: BYTES_LIMIT };
        if length > BYTES_LIMIT {
            return Err(too_long);
        }
        let length = u32::try_from(length + 1).map_err(|_| too_long)?.to_be_bytes();
        Ok([length[0], length[1], length[2], length[3], kind as u8])
    }

    /// Kind and body length that a header announces.
    ///
    /// # Errors
    /// [`FrameError::TooLong`], or [`FrameError::Malformed`] for an empty unit or unknown kind.
    pub fn parse_header(header: [u8; UNIT_HEADER]) -> Result<(Kind, usize), FrameError> {
        let [a, b, c, d, kind] = header;
        let length = body_length([a, b, c, d], BYTES_LIMIT + 1)?
            .checked_sub(1)
            .ok_or_else(|| FrameError::Malformed("empty unit".into()))?;
        let kind = match kind {
            0 => Kind::Message,
            1 => Kind::Primary,
            2 => Kind::Errors,
            other => return Err(FrameError::Malformed(format!("unit kind {other}"))),
        };
        Ok((kind, length))
    }
}
