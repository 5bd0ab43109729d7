//! Restarting and waking PCs.

use minicbor::{Decode, Encode};

use crate::text::Untrusted;

/// What to do with the PC, after a warning that the person there may cancel.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Power {
    /// What.
    #[n(0)]
    pub action: PowerAction,
    /// Seconds of warning.
    #[n(1)]
    pub delay_s: u16,
    /// What the person at the PC is told besides.
    #[n(2)]
    pub text: Option<Untrusted>,
}

/// What to do with the PC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum PowerAction {
    /// Restart.
    #[n(0)]
    Restart,
    /// Shut down.
    #[n(1)]
    ShutDown,
    /// Sign the user out.
    #[n(2)]
    SignOut,
    /// Lock the screen.
    #[n(3)]
    Lock,
}

/// Wakes a PC that sleeps or is off.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Wake {
    /// Hardware address of its network card.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub mac: [u8; 6],
}
