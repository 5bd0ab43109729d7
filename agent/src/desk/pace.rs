//! How fast things may come that a person has to read: so many at once, then one at a time.

use std::time::{Duration, Instant};

/// A bucket that refills with time.
#[derive(Debug)]
pub(super) struct Pace {
    left: u32,
    filled: Instant,
    burst: u32,
    refill: Duration,
}

impl Pace {
    /// At most `burst` at once, and one more for each `refill`.
    pub(super) const fn new(now: Instant, burst: u32, refill: Duration) -> Self {
        Self { left: burst, filled: now, burst, refill }
    }

    /// Takes one, if there is any.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let drops = now.duration_since(self.filled).as_millis() / self.refill.as_millis().max(1);
        if let Ok(drops) = u32::try_from(drops)
            && drops < self.burst
        {
            self.left = (self.left + drops).min(self.burst);
            self.filled += self.refill * drops;
        } else {
            (self.left, self.filled) = (self.burst, now);
        }
        let has_one = self.left > 0;
        self.left = self.left.saturating_sub(1);
        has_one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_to_what_somebody_types() {
        let began = Instant::now();
        let mut pace = Pace::new(began, 20, Duration::from_millis(250));
        let flood = |pace: &mut Pace, now| (0..1000).filter(|_| pace.take(now)).count();
        assert_eq!(flood(&mut pace, began), 20);
        assert_eq!(flood(&mut pace, began + Duration::from_millis(249)), 0);
        assert_eq!(flood(&mut pace, began + Duration::from_millis(1000)), 4);
        assert_eq!(flood(&mut pace, began + Duration::from_secs(3600)), 20, "never more than a burst");
    }
}
