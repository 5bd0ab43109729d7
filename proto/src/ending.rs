//! Why an outer connection or stream ended, as QUIC application error codes.
//!
//! A hint for what to say and when to come back; nothing is decided by it that matters for
//! trust, because the broker could send any. Numbers are never reused; an unknown one reads as
//! "ended".

/// Ordinary end.
pub const DONE: u32 = 0;

/// The broker stops; come back (see `GoAway`).
pub const GOING_AWAY: u32 = 1;

/// A newer connection of the same PC took this one's place.
pub const SUPERSEDED: u32 = 2;

/// The certificate's holder is revoked or no longer in the roster.
pub const REVOKED: u32 = 3;

/// The certificate ended while the connection lived; come back with a new one.
pub const EXPIRED: u32 = 4;

/// The peer sent what it may not send.
pub const BAD_MESSAGE: u32 = 5;

/// The peer took too long.
pub const SLOW: u32 = 6;

/// A limit of the broker is reached; try later.
pub const BUSY: u32 = 7;

/// The broker knows no such PC: it has to enrol.
pub const UNKNOWN: u32 = 8;

/// No protocol version in common.
pub const VERSION: u32 = 9;

/// A relayed stream: the connection to the other end was lost.
pub const PEER_LOST: u32 = 10;

/// What a code means, as a fragment of a sentence.
pub const fn meaning(code: u64) -> &'static str {
    match code {
        0 => "the broker ended the connection",
        1 => "the broker is stopping",
        2 => "a newer connection took its place",
        3 => "revoked or no longer in the roster",
        4 => "the certificate has expired",
        5 => "the broker did not understand a message",
        6 => "the broker waited too long for a message",
        7 => "the broker is at a limit, try later",
        8 => "not enrolled at this broker",
        9 => "no protocol version in common with the broker",
        10 => "the connection to the other end was lost",
        _ => "ended",
    }
}
