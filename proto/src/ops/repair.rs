//! Repairs: few, named, and nothing in them that could be another command.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::text::Untrusted;

/// One repair.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Repair {
    /// Starts, stops or restarts a service.
    #[n(0)]
    Service(#[n(0)] ServiceChange),
    /// Ends a process.
    #[n(1)]
    EndProcess(#[n(0)] EndProcess),
    /// Removes all jobs of a print queue.
    #[n(2)]
    ClearPrintQueue(#[n(0)] PrintQueue),
    /// Empties a cache. Never anything a person made.
    #[n(3)]
    FreeCache(#[n(0)] Cache),
    /// Forgets names that were looked up.
    #[n(4)]
    FlushNames(#[n(0)] FlushNames),
}

/// What to do with a service.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ServiceChange {
    /// Its name.
    #[n(0)]
    pub name: Untrusted,
    /// What to do.
    #[n(1)]
    pub change: Change,
}

/// What to do with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Change {
    /// Start it.
    #[n(0)]
    Start,
    /// Stop it.
    #[n(1)]
    Stop,
    /// Stop it and start it again.
    #[n(2)]
    Restart,
}

/// Which process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct EndProcess {
    /// Its number.
    #[n(0)]
    pub pid: u32,
    /// When it began, as the list told: a number may have become another process's.
    #[n(1)]
    pub started: u64,
    /// At once, without a chance to save.
    #[n(2)]
    pub force: bool,
}

/// Which print queue.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PrintQueue {
    /// Its name.
    #[n(0)]
    pub name: Untrusted,
}

/// Forgets names that were looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FlushNames {}

/// The caches that may be emptied. What is in them comes back by itself when it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cbor(index_only)]
pub enum Cache {
    /// Packages that were fetched and installed (apt, dnf).
    #[n(0)]
    Packages,
    /// The system's journal beyond 200 MB.
    #[n(1)]
    Journal,
    /// Small pictures of files, of the signed-in user.
    #[n(2)]
    Thumbnails,
    /// Temporary files that nobody has touched for ten days.
    #[n(3)]
    Temporary,
    /// Windows updates that were fetched.
    #[n(4)]
    Updates,
}

impl Cache {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Packages, Self::Journal, Self::Thumbnails, Self::Temporary, Self::Updates];

    /// Its name on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Packages => "packages",
            Self::Journal => "journal",
            Self::Thumbnails => "thumbnails",
            Self::Temporary => "temporary",
            Self::Updates => "updates",
        }
    }
}
