//! The machine's counters at one moment. Two of them make a load; that is counted elsewhere.

use std::io;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::imp;
use crate::thread::Slots;

/// Counters since the machine started. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    /// When they were read.
    pub at: Instant,
    /// Of all processors together.
    pub all: Ticks,
    /// Of each processor; empty where the system does not tell.
    pub processors: Vec<Ticks>,
    /// How many processors there are.
    pub processor_count: u32,
    /// Processes that wanted to compute, over 1, 5 and 15 minutes, in hundredths.
    pub average: Option<[u32; 3]>,
    /// Memory.
    pub memory_total: u64,
    /// Memory that can be had without swapping.
    pub memory_available: u64,
    /// Swap.
    pub swap_total: u64,
    /// Swap in use.
    pub swap_used: u64,
    /// Received from the network, loopback left out.
    pub received: Option<u64>,
    /// Sent to the network, loopback left out.
    pub sent: Option<u64>,
    /// Read from disks.
    pub read: Option<u64>,
    /// Written to disks.
    pub written: Option<u64>,
    /// Since the machine started.
    pub uptime: Duration,
}

/// Time of a processor, in units of the system's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ticks {
    /// Spent computing.
    pub busy: u64,
    /// Spent at all.
    pub total: u64,
}

const LIMIT: Duration = Duration::from_secs(5);
static READING: Slots = Slots::new(4);

/// Reads the counters; takes about a millisecond.
///
/// # Errors
/// What the system said, or a time-out.
pub async fn counters() -> io::Result<Counters> {
    match timeout(LIMIT, READING.run(imp::load::counters)).await {
        Ok(counters) => counters?,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within the time limit")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_machine_counts() {
        let counters = counters().await.expect("counters");
        assert!(counters.processor_count > 0 && counters.all.total >= counters.all.busy, "{counters:?}");
        assert!(counters.memory_total >= counters.memory_available && counters.memory_available > 0);
        assert!(counters.uptime > Duration::ZERO);
    }
}
