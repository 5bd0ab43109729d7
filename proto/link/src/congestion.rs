//! How fast to send: quinn's Cubic, told only of losses that a queue explains.
//!
//! Cubic takes every lost packet for a full queue and slows down; on a radio link or an old
//! copper line that loses one packet in a hundred it falls to a tenth of what the line carries.
//! BBR does not, but it sends far more than narrow lines carry and starves others. So Cubic
//! stays, and this wrapper asks about each loss whether the path's queue explains it
//! ([`path::Path::lost`]); if not, the loss was noise and Cubic never hears of it.

pub mod path;

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory, ControllerMetrics, Cubic, CubicConfig};
use quinn_proto::RttEstimator;

use path::Path;

/// Makes loss-tolerant controllers; for `TransportConfig::congestion_controller_factory`.
#[derive(Debug, Clone, Default)]
pub struct LossTolerantConfig {
    cubic: Arc<CubicConfig>,
}

impl ControllerFactory for LossTolerantConfig {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        let cubic = Cubic::new(Arc::clone(&self.cubic), now, current_mtu);
        Box::new(LossTolerant { cubic, path: Path::new(now) })
    }
}

/// Cubic behind a judge of losses.
#[derive(Debug, Clone)]
struct LossTolerant {
    cubic: Cubic,
    path: Path,
}

impl Controller for LossTolerant {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.cubic.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, rtt: &RttEstimator) {
        self.path.acknowledged(now, now.saturating_duration_since(sent), rtt.get(), bytes);
        self.cubic.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, largest: Option<u64>) {
        self.cubic.on_end_acks(now, in_flight, app_limited, largest);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, persistent: bool, lost_bytes: u64) {
        let explained = self.path.lost(lost_bytes);
        // A router's mark (no bytes lost) tells of a queue by definition, and persistent
        // congestion is a path that carries nothing.
        if persistent || lost_bytes == 0 || explained {
            self.cubic.on_congestion_event(now, sent, persistent, lost_bytes);
        }
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.cubic.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.cubic.window()
    }

    fn metrics(&self) -> ControllerMetrics {
        self.cubic.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        self.cubic.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn controller(now: Instant) -> LossTolerant {
        let cubic = Cubic::new(Arc::new(CubicConfig::default()), now, 1200);
        LossTolerant { cubic, path: Path::new(now) }
    }

    /// Ten rounds of 50 ms at a steady delay.
    fn rounds(controller: &mut LossTolerant, now: &mut Instant, sample: Duration) {
        for _ in 0..500 {
            *now += Duration::from_millis(1);
            controller.path.acknowledged(*now, sample, Duration::from_millis(50), 1200);
        }
    }

    #[test]
    fn only_what_the_queue_explains_reaches_cubic() {
        let mut now = Instant::now();
        let mut controller = controller(now);
        let window = controller.window();
        rounds(&mut controller, &mut now, Duration::from_millis(50));
        controller.on_congestion_event(now, now, false, 1200);
        assert_eq!(controller.window(), window, "noise");
        rounds(&mut controller, &mut now, Duration::from_millis(90));
        controller.on_congestion_event(now, now, false, 1200);
        assert!(controller.window() < window, "a queue of 40 ms");
    }

    #[test]
    fn marks_and_persistent_congestion_always_reach_cubic() {
        let mut now = Instant::now();
        for (persistent, lost_bytes) in [(false, 0), (true, 1200)] {
            let mut controller = controller(now);
            let window = controller.window();
            rounds(&mut controller, &mut now, Duration::from_millis(50));
            controller.on_congestion_event(now, now, persistent, lost_bytes);
            assert!(controller.window() < window);
        }
    }
}
