//! What round-trip times and losses tell about a path: does a queue explain this loss?
//!
//! A queue shows as delay: packets that pass a filling queue come back later than the fastest
//! ever did. Jitter delays single packets, not all of a round, so the *fastest* packet of the
//! last round is compared with the fastest of the last 30 s.

use std::time::{Duration, Instant};

/// A standing queue of this much delay explains a loss: a router's buffer is filling.
const STANDING: Duration = Duration::from_millis(15);

/// Loss above this share is taken seriously without a queue to see: the buffer is too short to
/// show, or a policer drops. In permille of bytes.
const HEAVY_PERMILLE: u64 = 50;

/// Bytes that must have been judged before a share of losses means anything.
const ENOUGH: u64 = 100 * 1200;

/// The fastest round trip is remembered for [`SLOTS`] of these, 30 s: longer than Cubic needs
/// between two visits to a full queue, short enough to follow a changed route.
const SLOT: Duration = Duration::from_secs(5);

/// Slots of the memory.
const SLOTS: usize = 6;

/// What is known about the path in one direction.
#[derive(Debug, Clone)]
pub struct Path {
    floor: Floor,
    round: Round,
    traffic: Traffic,
}

impl Path {
    /// Nothing known yet.
    pub const fn new(now: Instant) -> Self {
        Self { floor: Floor::new(now), round: Round::new(now), traffic: Traffic::NONE }
    }

    /// A packet of `bytes` came back after `sample`; `typical` is the smoothed round trip.
    pub fn acknowledged(&mut self, now: Instant, sample: Duration, typical: Duration, bytes: u64) {
        self.floor.take(now, sample);
        if self.round.take(now, sample, typical) {
            self.traffic.turn();
        }
        self.traffic.now.acknowledged += bytes;
    }

    /// Packets of `bytes` in all were lost.
    pub fn lost(&mut self, bytes: u64) {
        self.traffic.now.lost += bytes;
    }

    /// Delay of the last round above the fastest known: the queue that stands.
    pub fn queue(&self) -> Duration {
        self.round.fastest().saturating_sub(self.floor.fastest())
    }

    /// True if a loss now has a cause that sending less would cure.
    pub fn explains(&self) -> bool {
        self.queue() >= STANDING || self.traffic.is_heavy()
    }
}

/// The fastest round trip of the last [`SLOTS`] × [`SLOT`].
#[derive(Debug, Clone)]
struct Floor {
    slots: [Duration; SLOTS],
    since: Instant,
}

impl Floor {
    const fn new(now: Instant) -> Self {
        Self { slots: [Duration::MAX; SLOTS], since: now }
    }

    fn take(&mut self, now: Instant, sample: Duration) {
        let mut turns = 0;
        while now.saturating_duration_since(self.since) >= SLOT && turns < SLOTS {
            self.slots.rotate_right(1);
            self.slots[0] = Duration::MAX;
            self.since += SLOT;
            turns += 1;
        }
        if turns == SLOTS {
            self.since = now;
        }
        self.slots[0] = self.slots[0].min(sample);
    }

    fn fastest(&self) -> Duration {
        self.slots.iter().copied().min().unwrap_or(Duration::MAX)
    }
}

/// The fastest packet of about the last round trip.
#[derive(Debug, Clone)]
struct Round {
    since: Instant,
    fastest: Duration,
    samples: u32,
    before: Duration,
}

impl Round {
    /// Samples after which the running round speaks for itself.
    const SPEAKS: u32 = 4;

    const fn new(now: Instant) -> Self {
        Self { since: now, fastest: Duration::MAX, samples: 0, before: Duration::MAX }
    }

    /// True if a new round began.
    fn take(&mut self, now: Instant, sample: Duration, typical: Duration) -> bool {
        let turns = now.saturating_duration_since(self.since) >= typical;
        if turns {
            *self = Self { since: now, before: self.fastest, ..Self::new(now) };
        }
        self.fastest = self.fastest.min(sample);
        self.samples = self.samples.saturating_add(1);
        turns
    }

    fn fastest(&self) -> Duration {
        if self.samples >= Self::SPEAKS { self.fastest } else { self.fastest.min(self.before) }
    }
}

/// Bytes that came through and bytes that did not, lately.
#[derive(Debug, Clone, Copy)]
struct Traffic {
    now: Judged,
    before: Judged,
}

/// Bytes whose fate is known.
#[derive(Debug, Clone, Copy)]
struct Judged {
    acknowledged: u64,
    lost: u64,
}

impl Judged {
    const NONE: Self = Self { acknowledged: 0, lost: 0 };
}

impl Traffic {
    const NONE: Self = Self { now: Judged::NONE, before: Judged::NONE };

    /// A round is over: what is old enough is forgotten.
    fn turn(&mut self) {
        if self.now.acknowledged + self.now.lost >= ENOUGH {
            *self = Self { now: Judged::NONE, before: self.now };
        }
    }

    fn is_heavy(&self) -> bool {
        let lost = self.now.lost + self.before.lost;
        let judged = lost + self.now.acknowledged + self.before.acknowledged;
        judged >= ENOUGH && lost * 1000 > judged * HEAVY_PERMILLE
    }
}
