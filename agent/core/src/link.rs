//! When the agent dials the broker again: jitter of 0 to 3 s first, the window doubling to
//! 60 s, so that 15,000 PCs do not come back as one herd after a broker restart.
//!
//! ```text
//!   Dialling ──welcome──► Up ──lost──► Waiting(delay) ──delay over──► Dialling
//!       └─────failed──────────────────────▲
//! ```
//! Pure: randomness and durations are handed in.

use std::time::Duration;

/// Width of the first waiting window.
pub const FIRST_WINDOW: Duration = Duration::from_secs(3);

/// Width of the widest waiting window.
pub const WIDEST_WINDOW: Duration = Duration::from_secs(60);

/// A link that stood at least this long was good: the next wait starts with the first window.
pub const GOOD_AFTER: Duration = Duration::from_secs(30);

/// Longest wait a broker may ask for; more is cut, so that no message can silence an agent.
pub const LONGEST_ASKED: Duration = Duration::from_secs(600);

/// Counts failures in a row and turns them into waits.
#[derive(Debug, Clone, Default)]
pub struct Reconnect {
    failures: u32,
}

impl Reconnect {
    /// Nothing has failed yet.
    pub const fn new() -> Self {
        Self { failures: 0 }
    }

    /// How long to wait after the link was lost, or could not be had (`stood` = `None`).
    ///
    /// `random` is a uniformly drawn number; `asked` is what the broker asked for in its
    /// `GoAway`, and comes on top of the jitter.
    pub fn wait(&mut self, stood: Option<Duration>, asked: Option<Duration>, random: u32) -> Duration {
        if stood.is_some_and(|stood| stood >= GOOD_AFTER) {
            self.failures = 0;
        }
        let window = self.window();
        self.failures = self.failures.saturating_add(1);
        let jitter = window.mul_f64(f64::from(random) / (f64::from(u32::MAX) + 1.0));
        asked.unwrap_or_default().min(LONGEST_ASKED) + jitter
    }

    /// Width of the next window.
    fn window(&self) -> Duration {
        let factor = 1u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        FIRST_WINDOW.saturating_mul(factor).min(WIDEST_WINDOW)
    }

    /// The network changed or the PC woke: what failed before says nothing any more.
    pub fn network_changed(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn windows_double_from_three_to_sixty_seconds() {
        let mut reconnect = Reconnect::new();
        let widest: Vec<u128> = (0..7).map(|_| reconnect.wait(None, None, u32::MAX).as_millis()).collect();
        assert_eq!(widest, [2999, 5999, 11999, 23999, 47999, 59999, 59999]);
    }

    #[test]
    fn a_link_that_stood_resets_and_one_that_flaps_does_not() {
        let mut reconnect = Reconnect::new();
        for _ in 0..10 {
            reconnect.wait(None, None, 0);
        }
        assert!(reconnect.wait(Some(Duration::from_secs(1)), None, u32::MAX) > Duration::from_secs(59));
        assert!(reconnect.wait(Some(GOOD_AFTER), None, u32::MAX) < FIRST_WINDOW);
    }

    #[test]
    fn a_broker_cannot_silence_an_agent_for_longer_than_ten_minutes() {
        let wait = Reconnect::new().wait(None, Some(Duration::from_secs(u64::from(u32::MAX))), u32::MAX);
        assert!(wait <= LONGEST_ASKED + FIRST_WINDOW);
    }

    proptest! {
        #[test]
        fn a_wait_is_always_within_its_window(steps in prop::collection::vec((any::<Option<u16>>(), any::<u32>()), 1..80)) {
            let mut reconnect = Reconnect::new();
            for (stood, random) in steps {
                let wait = reconnect.wait(stood.map(|s| Duration::from_secs(u64::from(s))), None, random);
                prop_assert!(wait <= WIDEST_WINDOW);
            }
        }
    }
}
