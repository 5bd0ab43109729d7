//! Messages between the agent and the helper in the user's session, over a checked local socket
//! or pipe, as frames within [`crate::frame::CONTROL_LIMIT`].
//!
//! The helper only answers questions that carry a nonce, and may stop sessions. It can never
//! ask for anything.

use minicbor::{Decode, Encode};

use crate::ids::{SessionId, TechnicianId};
use crate::scope::ScopeSet;
use crate::text::Untrusted;
use crate::time::Timestamp;
use crate::version::VersionRange;

/// From the agent to the helper.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ToHelper {
    /// First message.
    #[n(0)]
    Hello(#[n(0)] LocalHello),
    /// Asks the person.
    #[n(1)]
    Ask(#[n(0)] Ask),
    /// The question is void: answered elsewhere, timed out or the technician left.
    #[n(2)]
    Withdraw(#[n(0)] Nonce),
    /// A session is on; shown for as long as it lasts.
    #[n(3)]
    Started(#[n(0)] Started),
    /// A session is over.
    #[n(4)]
    Ended(#[n(0)] Over),
}

/// From the helper to the agent.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum FromHelper {
    /// First message.
    #[n(0)]
    Hello(#[n(0)] LocalHello),
    /// The person's answer.
    #[n(1)]
    Answer(#[n(0)] Answer),
    /// The person ends this session now.
    #[n(2)]
    Stop(#[n(0)] Over),
}

/// Versions spoken on the local socket.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LocalHello {
    /// Versions.
    #[n(0)]
    pub versions: VersionRange,
}

/// 16 random bytes that tie an answer to its question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(map)]
pub struct Nonce {
    /// The bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub bytes: [u8; 16],
}

/// A question to the person at the PC.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Ask {
    /// Ties the answer to it.
    #[n(0)]
    pub nonce: Nonce,
    /// The session.
    #[n(1)]
    pub session: SessionId,
    /// The technician's name from the signed policy, never from the wire.
    #[n(2)]
    pub technician_name: Untrusted,
    /// The technician's id.
    #[n(3)]
    pub technician: TechnicianId,
    /// The organisation's name from the signed policy.
    #[n(4)]
    pub organisation: Untrusted,
    /// Ticket, as the technician wrote it.
    #[n(5)]
    pub ticket: Option<Untrusted>,
    /// Purpose, as the technician wrote it: quoted plain text.
    #[n(6)]
    pub purpose: Untrusted,
    /// What the person is asked to allow.
    #[n(7)]
    pub scopes: ScopeSet,
    /// What policy gives besides, without asking; shown, not asked.
    #[n(8)]
    pub announced: ScopeSet,
    /// For how long, minutes.
    #[n(9)]
    pub minutes: u16,
    /// Silence means no after so many seconds.
    #[n(10)]
    pub timeout_s: u16,
}

/// The person's answer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Answer {
    /// Of the question.
    #[n(0)]
    pub nonce: Nonce,
    /// What is allowed, a part of what was asked; empty = no.
    #[n(1)]
    pub allowed: ScopeSet,
}

/// A session is on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Started {
    /// The session.
    #[n(0)]
    pub session: SessionId,
    /// The technician's name from the signed policy.
    #[n(1)]
    pub technician_name: Untrusted,
    /// The organisation's name from the signed policy.
    #[n(2)]
    pub organisation: Untrusted,
    /// What was granted.
    #[n(3)]
    pub scopes: ScopeSet,
    /// Purpose.
    #[n(4)]
    pub purpose: Untrusted,
    /// Until when at most.
    #[n(5)]
    pub ends: Timestamp,
}

/// Names a session that ends.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Over {
    /// The session.
    #[n(0)]
    pub session: SessionId,
}
