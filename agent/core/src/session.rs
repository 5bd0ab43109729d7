//! Sessions: from a request to its one end.
//!
//! ```text
//!  request ─► Asking ─answer─► Offered ─signed, journalled─► WaitingAck ─GrantAck─► Live ─► Ended
//!     │          │ no, silence,    ▲                             │                   │        ▲
//!     ▼          ▼ nobody left     │ nothing to ask              └─ every reason of [`EndReason`]
//!   denied     denied  ────────────┘
//! ```
//! A granted session may have up to [`ATTACHMENTS_LIMIT`] attachments (control streams, each
//! with its own keys and epoch) or none for [`RESUME_WINDOW`]. From [`Phase::WaitingAck`] on it
//! owes exactly one receipt, whatever happens.

mod registry;
pub mod restart;

use std::time::{Duration, Instant};

use distans_e2e::receipt::EndReason;
use distans_proto::ids::SessionId;
use distans_proto::local::{Ask, Started};
use distans_proto::scope::ScopeSet;
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;

use crate::consent::Plan;
use crate::rights::Caller;

use restart::Waiting;

pub use registry::Sessions;

pub use distans_e2e::receipt::OPERATIONS_LIMIT;

/// Attachments of one session at once.
pub const ATTACHMENTS_LIMIT: usize = 8;

/// How long a session without attachment can be come back to.
pub const RESUME_WINDOW: Duration = Duration::from_secs(300);

/// How long the technician may take to acknowledge a grant.
pub const ACK_WINDOW: Duration = Duration::from_secs(60);

/// Sessions on one PC at once.
pub const SESSIONS_LIMIT: usize = 16;

/// Questions to the person at once.
pub const QUESTIONS_LIMIT: usize = 2;

/// Where a session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The person is being asked.
    Asking,
    /// Allowed; the grant is being signed and journalled.
    Offered,
    /// The grant is journalled; the technician has not countersigned yet.
    WaitingAck,
    /// Operations may be done.
    Live,
    /// Over.
    Ended(EndReason),
}

/// One session.
#[derive(Debug, Clone)]
pub struct Session {
    id: SessionId,
    caller: Caller,
    technician_name: Untrusted,
    organisation: Untrusted,
    purpose: Untrusted,
    unattended: bool,
    phase: Phase,
    plan: Plan,
    /// INVARIANT: empty before [`Phase::Offered`], never grows after.
    scopes: ScopeSet,
    expires: Timestamp,
    /// How long it may last, and from the grant on until when on a clock nobody can set: the
    /// session ends when the first of the two clocks says so.
    life: Duration,
    deadline: Option<Instant>,
    /// Live attachments' epochs.
    epochs: Vec<u8>,
    last_epoch: u8,
    /// Since when there is no attachment, or the acknowledgement is owed.
    waiting_since: Option<Instant>,
    /// How long it waits for an attachment.
    waiting: Waiting,
    operations: usize,
}

impl Session {
    /// Its id.
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Whose it is.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Where it is in its life.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// What is granted.
    pub const fn scopes(&self) -> ScopeSet {
        self.scopes
    }

    /// Until when at most.
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// True if its time is up by one of the two clocks.
    pub fn is_expired(&self, now: Timestamp, instant: Instant) -> bool {
        now >= self.expires || self.deadline.is_some_and(|deadline| instant >= deadline)
    }

    /// True if nobody was to be asked.
    pub const fn is_unattended(&self) -> bool {
        self.unattended
    }

    /// Operations begun so far.
    pub const fn operations(&self) -> usize {
        self.operations
    }

    /// True from a restart that the session may outlive until its technician is back.
    pub const fn waits_after_restart(&self) -> bool {
        self.waiting.until.is_some()
    }

    /// Epochs of the live attachments.
    pub fn epochs(&self) -> &[u8] {
        &self.epochs
    }

    /// True once a grant has been journalled and as long as the session is not over.
    pub const fn is_granted(&self) -> bool {
        matches!(self.phase, Phase::WaitingAck | Phase::Live)
    }

    /// What the helper shows for as long as it lasts; whether it is recorded is policy's to say.
    pub fn shown(&self) -> Started {
        Started {
            session: self.id,
            technician_name: self.technician_name.clone(),
            organisation: self.organisation.clone(),
            scopes: self.scopes,
            purpose: self.purpose.clone(),
            ends: self.expires,
            recorded: None,
        }
    }

    /// The next epoch: one more, modulo 256, past live ones. 0 stands for control streams.
    fn next_epoch(&mut self) -> u8 {
        let mut epoch = self.last_epoch;
        loop {
            epoch = epoch.wrapping_add(1);
            // Ends, because far fewer than 255 attachments live at once.
            if epoch != 0 && !self.epochs.contains(&epoch) {
                self.last_epoch = epoch;
                return epoch;
            }
        }
    }

    /// Why the session must end now, if it must.
    fn due(&self, now: Timestamp, instant: Instant) -> Option<EndReason> {
        let waited = self.waiting_since.map(|since| instant.saturating_duration_since(since));
        match self.phase {
            Phase::WaitingAck | Phase::Live if self.is_expired(now, instant) => Some(EndReason::Expired),
            Phase::WaitingAck if !self.epochs.is_empty() && waited? >= ACK_WINDOW => {
                Some(EndReason::Abandoned)
            }
            Phase::WaitingAck | Phase::Live
                if self.epochs.is_empty() && self.waiting.is_over(waited?, now) =>
            {
                Some(EndReason::Abandoned)
            }
            _ => None,
        }
    }
}

/// What to do about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Ask the person, then [`Sessions::answer`].
    Ask(Ask),
    /// Sign it, journal it, then [`Sessions::granted`].
    Offer(Offer),
}

/// What may be granted: the content of a grant before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The session.
    pub session: SessionId,
    /// What.
    pub scopes: ScopeSet,
    /// What of it was announced and not asked for.
    pub announced: ScopeSet,
    /// The name of the account that answered, if anybody was asked.
    pub who: Option<Untrusted>,
    /// The account itself (uid, SID).
    pub account: Option<String>,
    /// True if somebody was asked.
    pub asked: bool,
    /// True if nobody was to be asked.
    pub unattended: bool,
    /// From when.
    pub start: Timestamp,
    /// Until when.
    pub expires: Timestamp,
    /// Epoch of the first attachment.
    pub epoch: u8,
}

#[cfg(test)]
mod tests;
