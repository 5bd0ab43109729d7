//! What a journal adds up to.
//!
//! Rebuilt record by record at the start and kept up to date with every record appended, so
//! that the answer after `kill -9` is the same as before it: a repeated operation gets its
//! result, an interrupted one "unknown", a session its one receipt.

use std::collections::BTreeMap;
use std::time::Duration;

use distans_e2e::receipt::{EndReason, FIRST_HEAD, OperationLine};
use distans_proto::ids::{OpId, SessionId, TechnicianId};
use distans_proto::inner::{Op, OpResult, Outcome};
use distans_proto::scope::ScopeSet;
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;
use distans_trust::hash::Sha256;

use super::record::{GoingDown, GoingDownOver, OpAcknowledged, OpFinished, Record, Started};

/// How long results are kept for repeats, and sessions for the record.
pub const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// One session as the journal knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEntry {
    /// When it was granted.
    pub at: Timestamp,
    /// To whom.
    pub technician: TechnicianId,
    /// What.
    pub scopes: ScopeSet,
    /// Until when at most.
    pub expires: Timestamp,
    /// Purpose.
    pub purpose: Untrusted,
    /// The person was asked.
    pub asked: bool,
    /// Nobody was to be asked.
    pub unattended: bool,
    /// The account that answered (uid, SID), if the person was asked.
    pub account: Option<String>,
    /// What goes to the broker; `None` after it has it.
    pub papers: Option<Papers>,
    /// When and why it ended.
    pub ended: Option<(Timestamp, EndReason)>,
    /// Its operations, in order.
    pub operations: Vec<OpId>,
    /// True after the broker acknowledged the record.
    pub uploaded: bool,
    /// The machine was told to go down in it, and nobody has come back since.
    pub going_down: Option<GoingDown>,
}

/// The signed papers of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Papers {
    /// Envelope `grant`.
    pub grant: Vec<u8>,
    /// The technician's signature over it.
    pub grant_ack: Option<Vec<u8>>,
    /// Envelope `receipt`.
    pub receipt: Option<Vec<u8>>,
    /// The technician's signature over it.
    pub receipt_ack: Option<Vec<u8>>,
    /// The technician's certificate, DER.
    pub certificate: Vec<u8>,
}

/// One operation as the journal knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpEntry {
    /// In which session.
    pub session: SessionId,
    /// When it was begun.
    pub at: Timestamp,
    /// Its line in the receipt, as far as is known: see [`OpEntry::line`].
    line: OperationLine,
    /// How it ended; `None` while it runs.
    pub result: Option<OpResult>,
    /// True after the technician knows.
    pub acknowledged: bool,
    /// It takes the machine down, and does nothing before [`Record::GoingDown`].
    takes_the_pc_down: bool,
}

impl OpEntry {
    /// Its line in the receipt; without a result it stands as unknown.
    pub fn line(&self) -> OperationLine {
        match &self.result {
            Some(result) => OperationLine {
                outcome: result.outcome,
                exit: result.exit,
                bytes: result.bytes,
                ..self.line.clone()
            },
            None => self.line.clone(),
        }
    }
}

/// What is said of an operation that nobody saw the end of ("okänt utfall").
fn unknown() -> OpResult {
    let text = Some("the agent was interrupted while it ran".into());
    OpResult { outcome: Outcome::Unknown, exit: None, bytes: 0, text }
}

/// What is said of one that was to take the machine down and had not come so far.
fn not_done() -> OpResult {
    let text = Some("the agent was interrupted before the PC was told to go down; nothing was done".into());
    OpResult { outcome: Outcome::NotStarted, exit: None, bytes: 0, text }
}

/// What is said, at a start in the run `boot`, of an operation that told the machine to go down.
/// Only another run proves it; without one the order may still be on its way.
fn went_down(going: &GoingDown, boot: Option<&str>) -> OpResult {
    let Some(boot) = boot.filter(|boot| *boot != going.boot) else {
        let text = "the agent has started again, but the PC has not: the order may have been lost";
        return OpResult { outcome: Outcome::Unknown, exit: None, bytes: 0, text: Some(text.into()) };
    };
    let text = format!("the PC has started anew: run {boot}, before it {}", going.boot);
    OpResult { outcome: Outcome::Completed, exit: None, bytes: 0, text: Some(text.into()) }
}

/// All the journal holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    receipts: Sha256,
    sessions: BTreeMap<SessionId, SessionEntry>,
    operations: BTreeMap<OpId, OpEntry>,
    oldest: Option<Timestamp>,
    start: Option<Started>,
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// Of an empty journal.
    pub const fn new() -> Self {
        Self {
            receipts: FIRST_HEAD,
            sessions: BTreeMap::new(),
            operations: BTreeMap::new(),
            oldest: None,
            start: None,
        }
    }

    /// Head of the chain of this PC's receipts.
    pub const fn receipt_head(&self) -> Sha256 {
        self.receipts
    }

    /// The run of the machine in which the agent last started; `None` if the journal is older
    /// than this record.
    pub fn boot(&self) -> Option<&str> {
        self.start.as_ref().map(|start| start.boot.as_str())
    }

    /// Takes one record in. A record about something unknown changes nothing: the part of the
    /// journal that told of it has been compacted away.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::Begin(begin) => self.receipts = Sha256::from_bytes(begin.receipts),
            Record::Granted(granted) => {
                self.oldest = Some(self.oldest.map_or(granted.at, |oldest| oldest.min(granted.at)));
                self.sessions.entry(granted.session).or_insert_with(|| SessionEntry {
                    at: granted.at,
                    technician: granted.technician.clone(),
                    scopes: granted.scopes,
                    expires: granted.expires,
                    purpose: granted.purpose.clone(),
                    asked: granted.asked,
                    unattended: granted.unattended,
                    account: granted.account.clone(),
                    papers: Some(Papers {
                        grant: granted.grant.clone(),
                        certificate: granted.certificate.clone(),
                        ..Papers::default()
                    }),
                    ended: None,
                    operations: Vec::new(),
                    uploaded: false,
                    going_down: None,
                });
            }
            Record::GrantAcked(acked) => {
                if let Some(papers) = self.papers(acked.session) {
                    papers.grant_ack = Some(acked.signature.clone());
                }
            }
            Record::OpAccepted(accepted) => {
                if let Some(session) = self.sessions.get_mut(&accepted.session)
                    && !self.operations.contains_key(&accepted.op)
                {
                    session.operations.push(accepted.op);
                    self.operations.insert(
                        accepted.op,
                        OpEntry {
                            session: accepted.session,
                            at: accepted.at,
                            line: OperationLine::new(accepted.op, &accepted.content, &unknown()),
                            result: None,
                            acknowledged: false,
                            takes_the_pc_down: matches!(&accepted.content, Op::Power(power) if power.action.takes_the_pc_down()),
                        },
                    );
                }
            }
            Record::OpFinished(finished) => {
                if let Some(operation) = self.operations.get_mut(&finished.op) {
                    operation.result.get_or_insert_with(|| finished.result.clone());
                }
            }
            Record::OpAcknowledged(acknowledged) => {
                if let Some(operation) = self.operations.get_mut(&acknowledged.op) {
                    operation.acknowledged = true;
                }
            }
            Record::SessionEnded(ended) => {
                if let Some(session) = self.sessions.get_mut(&ended.session) {
                    session.ended.get_or_insert((ended.at, ended.reason));
                }
            }
            Record::Receipt(receipt) => {
                if let Some(papers) = self.papers(receipt.session)
                    && papers.receipt.is_none()
                {
                    papers.receipt = Some(receipt.envelope.clone());
                    self.receipts = Sha256::from_bytes(receipt.head);
                }
            }
            Record::ReceiptAcked(acked) => {
                if let Some(papers) = self.papers(acked.session) {
                    papers.receipt_ack = Some(acked.signature.clone());
                }
            }
            Record::Uploaded(uploaded) => {
                if let Some(session) = self.sessions.get_mut(&uploaded.session) {
                    session.uploaded = true;
                    session.papers = None;
                }
            }
            Record::Started(started) => self.start = Some(started.clone()),
            Record::GoingDown(going) => {
                if let Some(session) = self.sessions.get_mut(&going.session) {
                    session.going_down = Some(going.clone());
                }
            }
            Record::GoingDownOver(GoingDownOver { session }) => {
                if let Some(session) = self.sessions.get_mut(session) {
                    session.going_down = None;
                }
            }
        }
    }

    fn papers(&mut self, session: SessionId) -> Option<&mut Papers> {
        self.sessions.get_mut(&session)?.papers.as_mut()
    }

    /// A session.
    pub fn session(&self, session: SessionId) -> Option<&SessionEntry> {
        self.sessions.get(&session)
    }

    /// An operation, whichever session it ran in.
    pub fn operation(&self, op: OpId) -> Option<&OpEntry> {
        self.operations.get(&op)
    }

    /// Sessions without an end: after a start, those that `kill -9` left behind.
    pub fn open_sessions(&self) -> impl Iterator<Item = (SessionId, &SessionEntry)> {
        self.sessions
            .iter()
            .filter(|(_, session)| session.ended.is_none())
            .map(|(id, session)| (*id, session))
    }

    /// Sessions that ended and have no receipt yet; each is to get exactly one.
    pub fn without_receipt(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.iter().filter_map(|(id, session)| {
            let papers = session.papers.as_ref()?;
            (session.ended.is_some() && papers.receipt.is_none()).then_some(*id)
        })
    }

    /// Sessions whose receipt the broker does not have yet.
    pub fn to_upload(&self) -> impl Iterator<Item = (SessionId, &Papers)> {
        self.sessions.iter().filter_map(|(id, session)| {
            let papers = session.papers.as_ref()?;
            papers.receipt.is_some().then_some((*id, papers))
        })
    }

    /// At a start in the run `boot` of the machine: the records that say of every operation left
    /// running how it ended. Of most nobody knows ("okänt utfall"); one that told the machine to
    /// go down has done so if this is another run.
    pub fn interrupted(&self, now: Timestamp, boot: Option<&str>) -> Vec<Record> {
        self.operations
            .iter()
            .filter(|(_, operation)| operation.result.is_none())
            .map(|(op, operation)| {
                let going = self.sessions.get(&operation.session).and_then(|entry| entry.going_down.as_ref());
                let result = match going.filter(|going| going.op == *op) {
                    Some(going) => went_down(going, boot),
                    None if operation.takes_the_pc_down => not_done(),
                    None => unknown(),
                };
                Record::OpFinished(OpFinished { op: *op, at: now, result })
            })
            .collect()
    }

    /// The lines of a session's receipt, in order.
    pub fn lines(&self, session: SessionId) -> Vec<OperationLine> {
        let operations = self.sessions.get(&session).map(|session| session.operations.as_slice());
        operations.unwrap_or_default().iter().filter_map(|op| Some(self.operations.get(op)?.line())).collect()
    }

    /// True if compacting would make the journal smaller by something worth the writing.
    pub fn worth_compacting(&self, now: Timestamp) -> bool {
        // One day of slack, so that a busy PC does not rewrite its journal for every session.
        self.oldest.is_some_and(|oldest| now.since(oldest) > KEPT + Duration::from_secs(86_400))
    }

    /// True if a session is to stay: it is not over, not with the broker yet, or younger than
    /// [`KEPT`].
    fn keeps_session(&self, session: SessionId, now: Timestamp) -> bool {
        self.sessions.get(&session).is_some_and(|entry| match &entry.ended {
            Some((ended, _)) => !entry.uploaded || now.since(*ended) <= KEPT,
            None => true,
        })
    }

    /// True if a record stays when the journal is compacted at `now`.
    pub fn keeps(&self, record: &Record, now: Timestamp) -> bool {
        let session = match record {
            Record::Begin(_) => return false, // the new file has its own
            Record::Started(started) => return self.start.as_ref() == Some(started),
            Record::GoingDown(GoingDown { session, .. })
            | Record::GoingDownOver(GoingDownOver { session }) => *session,
            Record::Granted(granted) => granted.session,
            Record::GrantAcked(acked) | Record::ReceiptAcked(acked) => acked.session,
            Record::OpAccepted(accepted) => accepted.session,
            Record::OpFinished(OpFinished { op, .. }) | Record::OpAcknowledged(OpAcknowledged { op }) => {
                match self.operations.get(op) {
                    Some(operation) => operation.session,
                    None => return false,
                }
            }
            Record::SessionEnded(ended) => ended.session,
            Record::Receipt(receipt) => receipt.session,
            Record::Uploaded(uploaded) => uploaded.session,
        };
        self.keeps_session(session, now)
    }
}

#[cfg(test)]
mod tests;
