//! Messages between technician and agent, inside the end-to-end session.
//!
//! The control stream (inner TLS) carries [`ToAgent`] and [`ToTechnician`] frames: asking,
//! granting, ending. Each operation has a sealed stream of its own and speaks in
//! [`op_frame`] units there, so that a slow reader of one never holds up another.

pub mod op_frame;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::ids::{OpId, SessionId};
use crate::link::{DocumentVersions, Documents, Unsupported};
use crate::ops::diagnose::Diagnose;
use crate::ops::files::{Get, Put};
use crate::ops::forward::{Connect, Forward};
use crate::ops::look::{Logs, Look, Top};
use crate::ops::people::{Chat, Message};
use crate::ops::power::{Power, Wake};
use crate::ops::repair::Repair;
use crate::ops::shell::{Recordings, Shell, Size};
use crate::scope::ScopeSet;
use crate::text::Untrusted;
use crate::version::VersionRange;

/// Longest purpose, in characters.
pub const PURPOSE_LIMIT: usize = 500;

/// Longest ticket, in characters.
pub const TICKET_LIMIT: usize = 64;

/// Most arguments of a command, and most bytes of all of them together.
pub const ARGUMENTS_LIMIT: (usize, usize) = (1024, 48 * 1024);

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
    /// A look around: processes, services, network, software, users. Scope `diagnose`.
    #[n(2)]
    Look(#[n(0)] Look),
    /// The system's log. Scope `diagnose`.
    #[n(3)]
    Logs(#[n(0)] Logs),
    /// Load and processes, again and again. Scope `diagnose`.
    #[n(4)]
    Top(#[n(0)] Top),
    /// One named repair. Scope `repair`.
    #[n(5)]
    Repair(#[n(0)] Repair),
    /// A terminal. Scope `shell`, or `shell:system`.
    #[n(6)]
    Shell(#[n(0)] Shell),
    /// Files from the PC. Scope `files`.
    #[n(7)]
    Get(#[n(0)] Get),
    /// Files to the PC. Scope `files`.
    #[n(8)]
    Put(#[n(0)] Put),
    /// Connections through the PC, as long as this runs. Scope `forward`.
    #[n(9)]
    Forward(#[n(0)] Forward),
    /// One connection of a `Forward`, on a stream of its own: not journalled, not resumed.
    #[n(10)]
    Connect(#[n(0)] Connect),
    /// Text for the person at the PC, perhaps with a question. Scope `message`.
    #[n(11)]
    Message(#[n(0)] Message),
    /// A conversation with the person at the PC. Scope `message`.
    #[n(12)]
    Chat(#[n(0)] Chat),
    /// Restart, shut down, sign out, lock. Scope `power`.
    #[n(13)]
    Power(#[n(0)] Power),
    /// Wakes another PC on the same network segment. Scope `wake`.
    #[n(14)]
    Wake(#[n(0)] Wake),
    /// Recordings of shells. Scope `recordings`.
    #[n(15)]
    Recordings(#[n(0)] Recordings),
}

impl Op {
    /// Most input bytes the technician sends beyond the last `InputTaken`, or `None` if the
    /// operation takes no input. The agent holds that much, so that it keeps reading and a
    /// `Cancel` never waits behind input nobody takes.
    pub const fn input_window(&self) -> Option<u64> {
        const USUAL: u64 = 256 * 1024;
        match self {
            Self::Run(run) if run.stdin => Some(USUAL),
            Self::Put(_) => Some(4 * 1024 * 1024),
            Self::Shell(_) | Self::Get(_) | Self::Top(_) | Self::Chat(_) => Some(USUAL),
            _ => None,
        }
    }

    /// Most output bytes the agent holds, and so sends, beyond the last `Received`. Small where
    /// somebody sits and waits for the end of what was stopped, large where bulk is moved.
    pub const fn output_window(&self) -> u64 {
        match self {
            Self::Shell(_) => 128 * 1024,
            Self::Get(_) => 4 * 1024 * 1024,
            _ => 1024 * 1024,
        }
    }
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
    /// The technician's terminal has a new size.
    #[n(4)]
    Resize(#[n(0)] Size),
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
    // 2 was a whole diagnosis in one message; it comes as items now (`ops::diagnose`).
    /// Not allowed or not possible; nothing was done.
    #[n(3)]
    Refused(#[n(0)] Denied),
    /// Input bytes the process has taken so far, for an operation with input. Sent as they are
    /// taken (at least once per [`Op::input_window`] / 4), and at once after `Started` when the
    /// technician comes back with a repeated request, who then sends on from that offset.
    #[n(4)]
    InputTaken(#[n(0)] u64),
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
