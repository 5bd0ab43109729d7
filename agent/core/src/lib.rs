//! What the agent decides: link, enrolment, permit, consent, sessions, journal; sans-I/O.
//!
//! Nothing here reads a clock, draws randomness or touches a file: the shell (`distans-agent`)
//! hands in `now`, random bytes and what came over the wire, and does what comes out.
//!
//! | module | decides |
//! |---|---|
//! | [`link`] | when to dial the broker again |
//! | [`enrolment`] | which broker to believe with a token, and what to send it |
//! | [`renewal`] | when the outer certificate is to be renewed |
//! | [`rights`] | what a technician may do here and now at most |
//! | [`consent`] | what the person at the PC is asked, and what an answer gives |
//! | [`session`] | a session's life from request to its one end |
//! | [`targets`] | where connections through the PC may go |
//! | [`permit`] | whether one operation may be done: the only maker of a [`permit::Permit`] |
//! | [`journal`] | what is on disk before anything is done or said |
//! | [`findings`] | what the facts of a PC mean |
//! | [`standing`] | which of its findings the PC tells the broker, and when |
#![forbid(unsafe_code)]

pub mod consent;
pub mod enrolment;
pub mod findings;
pub mod journal;
pub mod link;
pub mod permit;
pub mod renewal;
pub mod rights;
pub mod session;
pub mod standing;
pub mod targets;

#[cfg(test)]
mod testing;
