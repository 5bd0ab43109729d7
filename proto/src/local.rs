//! Messages between the agent and the helper in the user's session, over a checked local socket
//! or pipe, as frames within [`crate::frame::CONTROL_LIMIT`].
//!
//! The helper only answers questions that carry a nonce, and may stop sessions. It can never
//! ask for anything.

use minicbor::{Decode, Encode};

use crate::ids::{SessionId, TechnicianId};
use crate::ops::power::PowerAction;
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
    // 5 to 9 are kept for messages and conversation.
    /// The PC is about to be restarted or the like; the person may cancel it. Taken back by
    /// `Withdraw`.
    #[n(10)]
    Warn(#[n(0)] Warn),
    /// A technician's message, perhaps with a question.
    #[n(5)]
    Note(#[n(0)] Note),
    /// A conversation with a technician is on.
    #[n(6)]
    ChatStarted(#[n(0)] ChatStarted),
    /// A line of it.
    #[n(7)]
    ChatLine(#[n(0)] ChatLine),
    /// It is over.
    #[n(8)]
    ChatEnded(#[n(0)] Nonce),
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
    // 3 to 9 are kept for messages and conversation.
    /// The person does not want what was warned of.
    #[n(10)]
    CancelWarning(#[n(0)] Nonce),
    /// The person's answer to a [`Note`].
    #[n(3)]
    Choice(#[n(0)] Choice),
    /// The person's line in a conversation.
    #[n(4)]
    Say(#[n(0)] Spoken),
    /// The person ends a conversation.
    #[n(5)]
    ChatEnd(#[n(0)] Nonce),
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
    /// Policy wants what is shown in the technician's shells recorded at this PC.
    #[n(11)]
    pub recorded: Option<bool>,
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

/// What happens to the PC in a moment.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Warn {
    /// Ties the cancelling to it.
    #[n(0)]
    pub nonce: Nonce,
    /// The session.
    #[n(1)]
    pub session: SessionId,
    /// The technician's name from the signed policy.
    #[n(2)]
    pub technician_name: Untrusted,
    /// What happens.
    #[n(3)]
    pub action: PowerAction,
    /// In so many seconds.
    #[n(4)]
    pub seconds: u16,
    /// What the technician says about it, if anything: quoted plain text.
    #[n(5)]
    pub text: Option<Untrusted>,
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
    /// As in [`Ask`].
    #[n(6)]
    pub recorded: Option<bool>,
}

/// Names a session that ends.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Over {
    /// The session.
    #[n(0)]
    pub session: SessionId,
}

/// A technician's message.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Note {
    /// Ties the answer to it; also what [`ToHelper::Withdraw`] names.
    #[n(0)]
    pub nonce: Nonce,
    /// The session.
    #[n(1)]
    pub session: SessionId,
    /// The technician's name from the signed policy.
    #[n(2)]
    pub technician_name: Untrusted,
    /// The organisation's name from the signed policy.
    #[n(3)]
    pub organisation: Untrusted,
    /// As the technician wrote it: quoted plain text.
    #[n(4)]
    pub text: Untrusted,
    /// Answers to choose from, as the technician wrote them; empty = nothing is asked.
    #[n(5)]
    pub choices: Vec<Untrusted>,
    /// It is taken away after so many seconds.
    #[n(6)]
    pub timeout_s: u16,
    /// The technician waits until it is read.
    #[n(7)]
    pub confirm: bool,
}

/// The person's answer to a message.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Choice {
    /// Of the message.
    #[n(0)]
    pub nonce: Nonce,
    /// What was done with it.
    #[n(1)]
    pub what: Chosen,
}

/// What the person did with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Chosen {
    /// Chose this one, counted from 0.
    #[n(0)]
    One(#[n(0)] u8),
    /// Read it.
    #[n(1)]
    Read,
    /// Closed it without an answer.
    #[n(2)]
    Closed,
}

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ChatStarted {
    /// Names it.
    #[n(0)]
    pub nonce: Nonce,
    /// The session.
    #[n(1)]
    pub session: SessionId,
    /// The technician's name from the signed policy.
    #[n(2)]
    pub technician_name: Untrusted,
    /// The organisation's name from the signed policy.
    #[n(3)]
    pub organisation: Untrusted,
}

/// A line of a conversation, to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ChatLine {
    /// Which conversation.
    #[n(0)]
    pub nonce: Nonce,
    /// True: the person wrote it, in another window or before this one opened. False: the technician.
    #[n(1)]
    pub own: bool,
    /// The line.
    #[n(2)]
    pub text: Untrusted,
}

/// The person's line in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Spoken {
    /// Which conversation.
    #[n(0)]
    pub nonce: Nonce,
    /// The line.
    #[n(1)]
    pub text: Untrusted,
}
