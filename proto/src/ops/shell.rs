//! A terminal on the PC, and the recordings that are kept of them.

use minicbor::{Decode, Encode};

use crate::ids::{SessionId, TechnicianId};
use crate::text::Untrusted;
use crate::time::Timestamp;

/// Asks for a terminal. Input and output are the terminal's bytes as they are.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Shell {
    /// As root or SYSTEM instead of the signed-in user.
    #[n(0)]
    pub system: bool,
    /// The technician's terminal.
    #[n(1)]
    pub size: Size,
    /// Value of TERM there, for instance `xterm-256color`.
    #[n(2)]
    pub term: Untrusted,
    /// Program and arguments; empty = the user's own shell.
    #[n(3)]
    pub argv: Vec<String>,
}

/// Size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Size {
    /// Columns.
    #[n(0)]
    pub columns: u16,
    /// Rows.
    #[n(1)]
    pub rows: u16,
}

/// Asks for the list of recordings ([`Recording`] items, newest first), or for one of them as
/// bytes: still encrypted, as it lies at the PC.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Recordings {
    /// Name of the wanted one, from the list; `None` = the list.
    #[n(0)]
    pub name: Option<Untrusted>,
}

/// Most recordings in a list.
pub const RECORDINGS_LIMIT: usize = 1000;

/// A recording of a shell, at the PC.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Recording {
    /// What to ask for it by.
    #[n(0)]
    pub name: Untrusted,
    /// In which session.
    #[n(1)]
    pub session: SessionId,
    /// By whom.
    #[n(2)]
    pub technician: TechnicianId,
    /// When it began.
    #[n(3)]
    pub started: Timestamp,
    /// Size of the file.
    #[n(4)]
    pub bytes: u64,
}
