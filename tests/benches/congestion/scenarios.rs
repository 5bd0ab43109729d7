//! The bad lines.

use std::time::Duration;

use distans_tests::netsim::Network;
use distans_tests::netsim::line::Quality;

/// A line and who else uses it.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// As it is printed.
    pub(crate) name: &'static str,
    /// The line; a run brings its own dice. Bulk goes up.
    pub(crate) network: Network,
    /// A plain Cubic flow shares it.
    pub(crate) rival: bool,
}

/// Every line the choice was made on.
pub(crate) fn all() -> Vec<Scenario> {
    let line = |megabits: u32, rtt_ms: u64, queue_ms: usize| Quality {
        delay: Duration::from_millis(rtt_ms / 2),
        rate: Some(u64::from(megabits) * 1_000_000),
        // A megabit is 125 bytes a millisecond.
        queue: 125 * queue_ms * usize::try_from(megabits).unwrap_or(usize::MAX),
        ..Quality::default()
    };
    let with = |up: Quality| {
        // The way back carries acknowledgements only; it is as far and as lossy, never full.
        Network { up, down: Quality { rate: None, ..up }, seed: 0 }
    };
    let lossy = |quality: Quality, loss: f64| Quality { loss, ..quality };
    let jittery = Quality {
        jitter: Duration::from_millis(20),
        reorder: 0.01,
        reorder_by: Duration::from_millis(15),
        ..line(20, 60, 100)
    };
    let alone = |name, up| Scenario { name, network: with(up), rival: false };
    let shared = |name, up| Scenario { name, network: with(up), rival: true };
    vec![
        alone("20 Mbit/s, 60 ms, clean", line(20, 60, 100)),
        alone("20 Mbit/s, 60 ms, 1 % loss", lossy(line(20, 60, 100), 0.01)),
        alone("20 Mbit/s, 60 ms, 3 % loss", lossy(line(20, 60, 100), 0.03)),
        alone("2 Mbit/s, 40 ms, 500 ms buffer", line(2, 40, 500)),
        alone("20 Mbit/s, 60 ms, 8 ms buffer", line(20, 60, 8)),
        alone("20 Mbit/s, 60 ms, jitter 20 ms, 1 % reordered", jittery),
        alone("jitter, reordering and 1 % loss", lossy(jittery, 0.01)),
        shared("10 Mbit/s, 40 ms, 100 ms buffer, shared", line(10, 40, 100)),
        shared("10 Mbit/s, 40 ms, 10 ms buffer, shared", line(10, 40, 10)),
        shared("10 Mbit/s, 40 ms, 300 ms buffer, shared", line(10, 40, 300)),
    ]
}
