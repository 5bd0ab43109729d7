//! Restarting and waking PCs.

use minicbor::{Decode, Encode};

use crate::segment::Mac;
use crate::text::Untrusted;
use crate::time::Timestamp;

/// Longest warning, in seconds.
pub const DELAY_LIMIT: u16 = 3600;

/// Longest text to the person at the PC, in characters.
pub const TEXT_LIMIT: usize = 500;

/// What to do with the PC, after a warning that the person there may cancel. Answered by
/// [`PowerNews`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Power {
    /// What.
    #[n(0)]
    pub action: PowerAction,
    /// Seconds of warning, at most [`DELAY_LIMIT`].
    #[n(1)]
    pub delay_s: u16,
    /// What the person at the PC is told besides, at most [`TEXT_LIMIT`] characters.
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

impl PowerAction {
    /// Its name, in JSON and for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::ShutDown => "shutdown",
            Self::SignOut => "logoff",
            Self::Lock => "lock",
        }
    }

    /// True if the machine, and with it the agent, goes down.
    pub const fn takes_the_pc_down(self) -> bool {
        matches!(self, Self::Restart | Self::ShutDown)
    }
}

/// How a power operation comes along.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum PowerNews {
    /// The warning runs.
    #[n(0)]
    Warning(#[n(0)] Countdown),
    /// It will not be done.
    #[n(1)]
    CalledOff(#[n(0)] CalledOff),
    /// The system has been told to go down; the result comes after the start.
    #[n(2)]
    GoingDown(#[n(0)] GoingDown),
}

/// A warning that runs.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Countdown {
    /// Seconds of it.
    #[n(0)]
    pub seconds: u16,
    /// True if somebody at the PC sees it and can cancel.
    #[n(1)]
    pub seen: bool,
    /// Who is signed in, if the system tells.
    #[n(2)]
    pub user: Option<Untrusted>,
}

/// Who called it off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum CalledOff {
    /// The person at the PC.
    #[n(0)]
    Person,
    /// The technician.
    #[n(1)]
    Technician,
}

/// The PC goes down.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GoingDown {
    /// Names the run of the machine that ends now.
    #[n(0)]
    pub boot: Untrusted,
    /// Until when the session can be come back to; `None` = it ends here.
    #[n(1)]
    pub until: Option<Timestamp>,
}

/// Wakes a PC that sleeps or is off. Answered by [`Woken`]. Where the call goes is the agent's
/// own matter: to the wired segments it is on and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Wake {
    /// Hardware address of its network card.
    #[n(0)]
    pub mac: Mac,
}

/// A wake-up call that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Woken {
    /// To these addresses, as `address:port`.
    #[n(0)]
    pub to: Vec<Untrusted>,
    /// Packets in all.
    #[n(1)]
    pub packets: u32,
}
