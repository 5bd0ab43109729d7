//! What a PC tells about itself for the list of PCs, and what a diagnosis shares with it. All text
//! in here comes from the PC and is untrusted.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

pub use crate::ops::diagnose::Finding;
use crate::segment::Card;
use crate::text::Untrusted;
use crate::time::Timestamp;

/// Facts of one PC at one moment. Bytes are bytes, times are seconds unless the name says other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Facts {
    /// The PC's clock when the facts were gathered.
    #[n(0)]
    pub at: Timestamp,
    /// Host name.
    #[n(1)]
    pub hostname: Untrusted,
    /// Operating system with version, for instance `Windows 11 Pro 23H2`.
    #[n(2)]
    pub os: Untrusted,
    /// Kernel or build.
    #[n(3)]
    pub kernel: Option<Untrusted>,
    /// Maker and model, where the machine tells.
    #[n(4)]
    pub model: Option<Untrusted>,
    /// Processor.
    #[n(5)]
    pub cpu: Untrusted,
    /// Logical processors.
    #[n(6)]
    pub cpu_count: u32,
    /// Memory, bytes.
    #[n(7)]
    pub memory_total: u64,
    /// Memory that can be had without swapping, bytes.
    #[n(8)]
    pub memory_available: u64,
    /// Swap, bytes.
    #[n(9)]
    pub swap_total: u64,
    /// Swap in use, bytes.
    #[n(10)]
    pub swap_used: u64,
    /// Mounted disks.
    #[n(11)]
    pub disks: Vec<Disk>,
    /// IP addresses, loopback left out.
    #[n(12)]
    pub addresses: Vec<Untrusted>,
    /// The person signed in, if any.
    #[n(13)]
    pub user: Option<Untrusted>,
    /// Seconds since the start.
    #[n(14)]
    pub uptime_s: u64,
    /// True if the system says that a restart is pending; `None` where it does not tell.
    #[n(15)]
    pub restart_pending: Option<bool>,
    /// Results of name look-ups; empty in an inventory.
    #[n(16)]
    pub lookups: Vec<Lookup>,
    /// Version of the agent.
    #[n(17)]
    pub agent_version: Untrusted,
    /// Target triple the agent was built for.
    #[n(18)]
    pub target: Untrusted,
    /// Network cards, at most [`crate::segment::CARDS_LIMIT`].
    #[cbor(n(19), default, skip_if = "Vec::is_empty")]
    #[serde(default)]
    pub interfaces: Vec<Card>,
}

/// One mounted disk.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Disk {
    /// Where it is mounted: `/`, `C:\`.
    #[n(0)]
    pub mount: Untrusted,
    /// File system.
    #[n(1)]
    pub file_system: Untrusted,
    /// Size in bytes.
    #[n(2)]
    pub total: u64,
    /// Free for ordinary users, in bytes.
    #[n(3)]
    pub available: u64,
    /// Mounted read-only.
    #[n(4)]
    pub read_only: bool,
}

/// One name look-up tried on the PC.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Lookup {
    /// The name looked up.
    #[n(0)]
    pub name: Untrusted,
    /// Milliseconds it took.
    #[n(1)]
    pub millis: u32,
    /// What went wrong, or `None` if it was found.
    #[n(2)]
    pub error: Option<Untrusted>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cbor(index_only)]
pub enum Severity {
    /// Worth knowing.
    #[n(0)]
    Info,
    /// Will become a problem.
    #[n(1)]
    Warning,
    /// Is a problem now.
    #[n(2)]
    Critical,
}
