//! Repairs: few, named, and nothing in them that could be another command.

use minicbor::{Decode, Encode};

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
