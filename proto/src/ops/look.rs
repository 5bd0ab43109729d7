//! Looking around on a PC: reads, changes nothing.

use minicbor::{Decode, Encode};

use crate::text::Untrusted;
use crate::time::Timestamp;

/// What to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Look {
    /// Processes.
    #[n(0)]
    Processes,
    /// Services.
    #[n(1)]
    Services,
    /// Addresses, routes, sockets.
    #[n(2)]
    Net,
    /// Installed packages.
    #[n(3)]
    Software,
    /// Accounts and who is signed in.
    #[n(4)]
    Users,
}

/// Which entries of the system's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Logs {
    /// Of this service or source.
    #[n(0)]
    pub unit: Option<Untrusted>,
    /// Of this level or worse: 0 emergency to 7 debug.
    #[n(1)]
    pub level: Option<u8>,
    /// Not older.
    #[n(2)]
    pub since: Option<Timestamp>,
    /// Not newer.
    #[n(3)]
    pub until: Option<Timestamp>,
    /// At most so many, the newest; 0 = 1,000.
    #[n(4)]
    pub limit: u32,
    /// Go on with new ones as they come.
    #[n(5)]
    pub follow: bool,
}

/// Load and processes again and again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Top {
    /// Milliseconds between two looks, 500 to 60,000.
    #[n(0)]
    pub interval_ms: u32,
}
