//! The receipt: what was done in a session, signed by the PC and by the technician.
//!
//! A copy goes to the broker, which is not to learn what was run. So an operation's line names
//! kind, result and size, and of the content only a commitment: a hash that also covers the
//! operation's random id, which the broker never sees. Whoever holds the id and the content
//! (the PC's journal, the technician's log) can show later that they belong to the line.

use distans_proto::ids::{DeviceId, OpId, OrgId, SessionId, TechnicianId};
use distans_proto::inner::{Op, OpResult, Outcome};
use distans_proto::scope::Scope;
use distans_proto::time::Timestamp;
use distans_trust::hash::Sha256;
use distans_trust::rfc3339;
use serde::{Deserialize, Serialize};

use crate::signed::{Payload, Signed};

/// Most operations in one session: so many lines fit in one receipt. The next one is refused,
/// and the technician opens a new session.
pub const OPERATIONS_LIMIT: usize = 2048;

/// What kind of thing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Facts and findings.
    Diagnose,
    /// One command as the signed-in user.
    Command,
    /// One command as root or SYSTEM.
    CommandSystem,
    /// A look around.
    Look,
    /// The system's log.
    Logs,
    /// Load and processes, again and again.
    Top,
    /// One named repair.
    Repair,
    /// A terminal as the signed-in user.
    Shell,
    /// A terminal as root or SYSTEM.
    ShellSystem,
    /// Files from the PC.
    Get,
    /// Files to the PC.
    Put,
    /// Connections through the PC.
    Forward,
    /// Text for the person at the PC.
    Message,
    /// A conversation with the person at the PC.
    Chat,
    /// Restart, shut down, sign out, lock.
    Power,
    /// A wake-up call to another PC.
    Wake,
    /// Recordings of shells.
    Recordings,
}

impl OperationKind {
    /// The kind of an operation.
    pub const fn of(op: &Op) -> Self {
        match op {
            Op::Diagnose(_) => Self::Diagnose,
            Op::Run(run) if run.system => Self::CommandSystem,
            Op::Run(_) => Self::Command,
            Op::Look(_) => Self::Look,
            Op::Logs(_) => Self::Logs,
            Op::Top(_) => Self::Top,
            Op::Repair(_) => Self::Repair,
            Op::Shell(shell) if shell.system => Self::ShellSystem,
            Op::Shell(_) => Self::Shell,
            Op::Get(_) => Self::Get,
            Op::Put(_) => Self::Put,
            Op::Forward(_) | Op::Connect(_) => Self::Forward,
            Op::Message(_) => Self::Message,
            Op::Chat(_) => Self::Chat,
            Op::Power(_) => Self::Power,
            Op::Wake(_) => Self::Wake,
            Op::Recordings(_) => Self::Recordings,
        }
    }

    /// The scope it needs: the one table of it.
    pub const fn scope(self) -> Scope {
        match self {
            Self::Diagnose | Self::Look | Self::Logs | Self::Top => Scope::Diagnose,
            Self::Command => Scope::Command,
            Self::CommandSystem => Scope::CommandSystem,
            Self::Repair => Scope::Repair,
            Self::Shell => Scope::Shell,
            Self::ShellSystem => Scope::ShellSystem,
            Self::Get | Self::Put => Scope::Files,
            Self::Forward => Scope::Forward,
            Self::Message | Self::Chat => Scope::Message,
            Self::Power => Scope::Power,
            Self::Wake => Scope::Wake,
            Self::Recordings => Scope::Recordings,
        }
    }
}

/// One operation, without its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationLine {
    /// Stands for the operation's id: the first 16 bytes of SHA-256 over it.
    pub id: OpId,
    /// What kind.
    pub kind: OperationKind,
    /// Commitment to the content: SHA-256 over id and content.
    pub summary: Sha256,
    /// How it ended.
    pub outcome: Outcome,
    /// Exit code, where there is one.
    pub exit: Option<i32>,
    /// Bytes of output.
    pub bytes: u64,
}

impl OperationLine {
    /// The line of an operation and its result.
    pub fn new(id: OpId, op: &Op, result: &OpResult) -> Self {
        Self {
            id: Self::public_id(id),
            kind: OperationKind::of(op),
            summary: Self::commitment(id, op),
            outcome: result.outcome,
            exit: result.exit,
            bytes: result.bytes,
        }
    }

    /// True if this is the line of that operation: for whoever holds id and content.
    pub fn is_of(&self, id: OpId, op: &Op) -> bool {
        self.id == Self::public_id(id)
            && self.kind == OperationKind::of(op)
            && self.summary == Self::commitment(id, op)
    }

    /// What stands for an operation's id in public.
    pub fn public_id(id: OpId) -> OpId {
        let hash = Sha256::of(&[b"distans/1 operation id\0", id.as_bytes().as_slice()].concat());
        let mut public = [0; 16];
        public.copy_from_slice(&hash.as_bytes()[..16]);
        OpId::from_bytes(public)
    }

    fn commitment(id: OpId, op: &Op) -> Sha256 {
        let mut input = [b"distans/1 operation\0", id.as_bytes().as_slice()].concat();
        // Encoding into memory does not fail: there is no I/O, and no encoder of ours refuses.
        input.extend(minicbor::to_vec(op).unwrap_or_default());
        Sha256::of(&input)
    }
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The technician ended it.
    Technician,
    /// The person at the PC stopped it.
    Person,
    /// Its time was up.
    Expired,
    /// No attachment for too long.
    Abandoned,
    /// The technician's rights were taken away.
    Revoked,
    /// The other side broke the protocol, for instance used a stream id twice.
    Violation,
    /// The agent was stopped or restarted.
    AgentStopped,
}

impl EndReason {
    /// In words, as the end of "the session ended: …".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Technician => "the technician ended it",
            Self::Person => "the person at the PC stopped it",
            Self::Expired => "its time was up",
            Self::Abandoned => "the technician did not come back",
            Self::Revoked => "the technician's rights were taken away",
            Self::Violation => "the protocol was broken",
            Self::AgentStopped => "the agent was stopped",
        }
    }
}

/// A receipt's payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The organisation.
    pub org: OrgId,
    /// The session.
    pub session: SessionId,
    /// Where.
    pub device: DeviceId,
    /// By whom.
    pub technician: TechnicianId,
    /// Identity of the grant, [`Signed::sha256`].
    pub grant_sha256: Sha256,
    /// Version of the policy in force at the end.
    pub policy_version: u64,
    /// What was done, in order, at most [`OPERATIONS_LIMIT`].
    pub operations: Vec<OperationLine>,
    /// When it began.
    #[serde(with = "rfc3339")]
    pub start: Timestamp,
    /// When it ended.
    #[serde(with = "rfc3339")]
    pub end: Timestamp,
    /// Why it ended.
    pub reason: EndReason,
    /// Of the recording's file, if one was made; of several the SHA-256 over their SHA-256s in the
    /// order they were begun.
    pub recording_sha256: Option<Sha256>,
    /// Head of this PC's chain of receipts before this one; see [`next_head`].
    pub chain_head: Sha256,
    /// The newest checkpoint of the broker's log that the PC has seen.
    pub checkpoint: Option<String>,
    /// Demands on the reader; none in this version.
    pub crit: Vec<String>,
}

impl Payload for Receipt {
    const TYPE: &'static str = "receipt";
    const LIMIT: usize = 640 * 1024;

    fn critical(&self) -> &[String] {
        &self.crit
    }
}

/// Head of a PC's chain before its first receipt.
pub const FIRST_HEAD: Sha256 = Sha256::from_bytes([0; 32]);

/// Head of the chain after `receipt`: a receipt left out later shows as a gap.
pub fn next_head(receipt: &Signed<Receipt>) -> Sha256 {
    let before = receipt.payload().chain_head;
    Sha256::of(&[before.as_bytes().as_slice(), receipt.sha256().as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use distans_proto::frame::RECORD_LIMIT;
    use distans_proto::inner::Run;
    use distans_trust::keys::{P256Key, Signer};

    fn command(argument: &str) -> Op {
        Op::Run(Run {
            argv: vec!["ipconfig".into(), argument.into()],
            system: false,
            stdin: false,
            timeout_s: 0,
        })
    }

    fn line(id: OpId, op: &Op) -> OperationLine {
        let result =
            OpResult { outcome: Outcome::SessionEnded, exit: Some(i32::MIN), bytes: u64::MAX, text: None };
        OperationLine::new(id, op, &result)
    }

    fn receipt(operations: Vec<OperationLine>, chain_head: Sha256) -> Receipt {
        Receipt {
            org: "mora".parse().expect("label"),
            session: SessionId::from_bytes([1; 16]),
            device: DeviceId::from_bytes([2; 16]),
            technician: "anna".parse().expect("label"),
            grant_sha256: Sha256::of(b"grant"),
            policy_version: 7,
            operations,
            start: Timestamp::from_secs(1_772_350_200),
            end: Timestamp::from_secs(1_772_350_300),
            reason: EndReason::Technician,
            recording_sha256: None,
            chain_head,
            checkpoint: None,
            crit: Vec::new(),
        }
    }

    #[test]
    fn a_line_shows_nothing_of_the_content_and_yet_proves_it() {
        let id = OpId::from_bytes([5; 16]);
        let line = line(id, &command("/all"));
        let shown = serde_json::to_string(&line).expect("JSON");
        assert!(!shown.contains("ipconfig") && !shown.contains(&id.to_string()), "{shown}");
        assert!(line.is_of(id, &command("/all")));
        assert!(!line.is_of(id, &command("/release")));
        assert!(!line.is_of(OpId::from_bytes([6; 16]), &command("/all")));
    }

    #[test]
    fn the_longest_receipt_fits_in_a_record_frame() {
        let device = P256Key::generate().expect("key");
        let operations = vec![line(OpId::from_bytes([255; 16]), &command("")); OPERATIONS_LIMIT];
        let mut signed = Signed::sign(receipt(operations, FIRST_HEAD), &device).expect("signed");
        signed.countersign(&P256Key::generate().expect("key")).expect("signed");
        // Beside it in a record: a grant and a certificate.
        assert!(signed.to_json().len() + 32 * 1024 < RECORD_LIMIT, "{} bytes", signed.to_json().len());
        let read = Signed::<Receipt>::open(&signed.to_json(), device.public()).expect("reads back");
        assert_eq!(read.payload(), signed.payload());
    }

    #[test]
    fn the_chain_moves_with_every_receipt() {
        let device = P256Key::generate().expect("key");
        let first = Signed::sign(receipt(Vec::new(), FIRST_HEAD), &device).expect("signed");
        let second = Signed::sign(receipt(Vec::new(), next_head(&first)), &device).expect("signed");
        assert_ne!(next_head(&first), next_head(&second));
        assert_eq!(second.payload().chain_head, next_head(&first));
    }
}
