//! Load and processes of a PC, again and again.

use minicbor::{Decode, Encode};
use serde::Serialize;

use super::Process;
use crate::text::Untrusted;
use crate::time::Timestamp;

/// Shortest and longest time between two snapshots, milliseconds.
pub const INTERVALS_MS: (u32, u32) = (500, 60_000);

/// Most processes in one snapshot.
pub const ROWS_LIMIT: u16 = 200;

/// Most processors told one by one.
pub const PROCESSORS_LIMIT: usize = 256;

/// What the first processes of a snapshot are the first by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Encode, Decode, Serialize)]
#[serde(rename_all = "lowercase")]
#[cbor(index_only)]
pub enum SortBy {
    /// Processor load, the largest first.
    #[n(0)]
    #[default]
    Cpu,
    /// Memory, the largest first.
    #[n(1)]
    Memory,
    /// Number, the smallest first.
    #[n(2)]
    Pid,
    /// Name, in the alphabet's order.
    #[n(3)]
    Name,
}

/// Load and processes again and again. May be changed while it runs: [`TopChange`] is an item of
/// its input.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Top {
    /// Milliseconds between two looks, within [`INTERVALS_MS`].
    #[n(0)]
    pub interval_ms: u32,
    /// Which processes come first.
    #[n(1)]
    pub sort: SortBy,
    /// At most so many processes in a snapshot, at most [`ROWS_LIMIT`]; 0 = the load alone.
    #[n(2)]
    pub rows: u16,
    /// Only processes whose name, user or number holds this; letters are compared without case.
    #[n(3)]
    pub filter: Option<Untrusted>,
}

/// Goes on otherwise; a snapshot comes at once.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum TopChange {
    /// As if it had been asked for so.
    #[n(0)]
    Now(#[n(0)] Top),
}

/// How a PC is at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Snapshot {
    /// The PC's clock.
    #[n(0)]
    #[serde(skip)]
    pub at: Timestamp,
    /// The machine as a whole.
    #[n(1)]
    pub load: Load,
    /// How many processes there are.
    #[n(2)]
    pub process_count: u32,
    /// How many of them compute.
    #[n(3)]
    pub running_count: u32,
    /// The first of those that fit the filter.
    #[n(4)]
    pub processes: Vec<Process>,
    /// How many fit the filter.
    #[n(5)]
    pub fitting: u32,
}

/// A machine as a whole. Rates are since the snapshot before, and `None` in the first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Load {
    /// Of all processors together, in thousandths.
    #[n(0)]
    pub cpu: Option<u16>,
    /// Of each processor, in thousandths; at most [`PROCESSORS_LIMIT`].
    #[n(1)]
    pub processors: Vec<u16>,
    /// How many processors there are.
    #[n(2)]
    pub processor_count: u32,
    /// Processes that wanted to compute, over 1, 5 and 15 minutes, in hundredths.
    #[n(3)]
    pub average: Option<[u32; 3]>,
    /// Memory, bytes.
    #[n(4)]
    pub memory_total: u64,
    /// Memory that can be had without swapping, bytes.
    #[n(5)]
    pub memory_available: u64,
    /// Swap, bytes.
    #[n(6)]
    pub swap_total: u64,
    /// Swap in use, bytes.
    #[n(7)]
    pub swap_used: u64,
    /// Bytes a second from the network.
    #[n(8)]
    pub receiving: Option<u64>,
    /// Bytes a second to the network.
    #[n(9)]
    pub sending: Option<u64>,
    /// Bytes a second from the disks.
    #[n(10)]
    pub reading: Option<u64>,
    /// Bytes a second to the disks.
    #[n(11)]
    pub writing: Option<u64>,
    /// Seconds since the machine started.
    #[n(12)]
    pub uptime_s: u64,
}

impl Load {
    /// Memory in use, in thousandths of all.
    pub fn memory_used(&self) -> u16 {
        let used = u128::from(self.memory_total.saturating_sub(self.memory_available)) * 1000;
        used.checked_div(u128::from(self.memory_total)).and_then(|used| u16::try_from(used).ok()).unwrap_or(0)
    }
}
